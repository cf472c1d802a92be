"""One telephone call of a test by voice: speaks and listens, and reads from the API what was said and done.

Owns the order of talking: who is heard when, when a caller interrupts, and when the agent's part is over. Whatever goes
wrong, the call is hung up.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from time import monotonic
from typing import Any, Protocol, TypeVar

from controller.agent_tests import callers
from controller.agent_tests.callers import AskModel, HangUp, Say, Step
from controller.agent_tests.chat_models import ChatClient
from controller.agent_tests.conversation import Conversation, Line, ToolUse
from controller.agent_tests.runner import TestFailed
from controller.api.client import ApiProblem, Client
from controller.api.models.calls import CallDetailAnswer
from controller.config.models.agent_tests import AgentTest, CallerLine
from simulator.audio.sound import RATE, Samples
from simulator.phone.phone import Phone, PhoneError

PAUSE_S = 1.2
"""Seconds of silence after which the agent has finished."""
ANSWER_S = 20.0
LONGEST_ANSWER_S = 90.0
TRANSFER_S = 60.0
"""For a transfer to be answered, or to fail: then the agent talks to the caller again."""
FOUND_S = 5.0
OVER_S = 5.0
"""For the API to know that the call is over."""
LOOK_S = 0.25
BUSY = "486"
ROOM_S = 60.0
"""For the line to be free: others call, too."""
AGAIN_S = 2.0
TRIES = 2
"""Of a model that plays a caller and answers with nonsense."""

T = TypeVar("T")


class Voice(Protocol):
    async def sound(self, line: CallerLine) -> Samples: ...


@dataclass(frozen=True, slots=True)
class Telephone:
    """`server`: host:port of Asterisk's SIP; `number`: the agent's."""

    server: str
    number: str
    user: str
    password: str = field(repr=False)


class VoiceCall:
    """`conversation`: what was said in it, as far as the API tells."""

    def __init__(self, client: Client, telephone: Telephone, caller: ChatClient | None, test: AgentTest) -> None:
        self._client = client
        self._telephone = telephone
        self._caller = caller
        self._test = test
        self._said: list[tuple[float, Line]] = []
        self._latencies: list[int] = []
        self._call = ""
        self._ahead = 0.0
        """Seconds by which the controller's clock is ahead of ours."""
        self._moved_to: str | None = None
        """Where the agent has transferred the caller to."""
        self.conversation = Conversation()

    async def hold(self, agent: str, voice: Voice) -> None:
        """To its end. Raises PhoneError, TestFailed, ChatFailed, ApiProblem, Unreachable and TimeoutError."""
        there = {each.id for each in (await self._ask(lambda: self._client.list_calls(limit=200))).calls}
        until = monotonic() + ROOM_S
        while (hung_up := await self._try(agent, there, voice)) is None:
            if monotonic() > until:
                raise TestFailed(f"the line was busy for {ROOM_S:g} s: the controller's log says why")
            await asyncio.sleep(AGAIN_S)
        await self._read_end(by_caller=hung_up)

    async def _try(self, agent: str, there: set[str], voice: Voice) -> bool | None:
        """True: the caller has hung up. False: the agent has ended its part. None: the line was busy."""
        at = self._telephone
        async with Phone(at.server, at.number, user=at.user, password=at.password) as phone:
            try:
                answered = await phone.answered()
            except PhoneError as error:
                if any(news.fields.get("status") == BUSY for news in phone.news):
                    return None
                where = f"is Asterisk's SIP at {at.server}, may {at.user} call {at.number}, is the password right?"
                raise TestFailed(f"{error}; {where}") from None
            try:
                self._call = await self._find(agent, there, answered.at)
                await self._listen(phone, answered.at)
                return await self._talk(phone, voice)
            finally:
                with suppress(PhoneError):
                    await phone.hang_up()

    async def _talk(self, phone: Phone, voice: Voice) -> bool:
        """True: the caller hangs up. False: the agent has ended its part."""
        last, options = False, self._test.by_voice
        while not await self._over(phone):
            step = HangUp() if last else await self._next()
            if isinstance(step, HangUp):
                if options.interrupt_after_s is not None:  # nobody interrupts by hanging up
                    await self._until_quiet(phone)
                return not await self._over(phone)
            assert isinstance(step, Say)
            last, sound = step.last, await voice.sound(step.line)
            if options.silence_s:
                with suppress(PhoneError):  # it is not hung up
                    await phone.wait("left", timeout=options.silence_s)
            if await self._over(phone):
                return False
            phone.rtp.say(sound)
            end = await phone.rtp.spoken(timeout=len(sound) / RATE + 10)
            self._said.append((end, Line("caller", step.line.text)))
            await self._listen(phone, end, answer=True)
        return False

    async def _listen(self, phone: Phone, after: float, *, answer: bool = False) -> None:
        """Until the agent has finished, or is to be interrupted, or has gone."""
        until = monotonic() + ANSWER_S
        start: float | None = None
        while start is None and monotonic() < until and not await self._over(phone):
            with suppress(TimeoutError):
                start = await phone.rtp.sound(after, timeout=LOOK_S)
        if start is None:
            return
        if answer:
            self._latencies.append(max(0, round((start - after) * 1000)))
        interrupts = self._test.by_voice.interrupt_after_s
        if interrupts is not None and answer:
            await asyncio.sleep(max(0.0, start + interrupts - time.time()))
        else:
            await self._until_quiet(phone)

    async def _until_quiet(self, phone: Phone) -> None:
        """Raises TestFailed."""
        until = monotonic() + LONGEST_ANSWER_S
        while not await self._over(phone):  # after a transfer somebody else may be heard, or music
            try:
                await phone.rtp.quiet(PAUSE_S, timeout=2 * PAUSE_S)
                return
            except TimeoutError:
                if monotonic() > until:
                    raise TestFailed(f"the agent does not stop talking within {LONGEST_ANSWER_S:g} s") from None

    async def _next(self) -> Step:
        step = callers.next_step(self._test, await self._so_far())
        if not isinstance(step, AskModel):
            return step
        if self._caller is None:
            raise TestFailed("no model plays callers: set agent_tests.caller, and name the config with --config")
        for _ in range(TRIES):
            said = callers.answered(await self._caller.ask(step.system, step.text, "caller", callers.SCHEMA))
            if said is not None:
                return said
        raise TestFailed("the model that plays the caller does not answer in the form that it is asked for")

    # ------------------------------------------------------------ what the API tells

    async def _ask(self, asked: Callable[[], T]) -> T:
        return await asyncio.to_thread(asked)

    async def _find(self, agent: str, there: set[str], answered: float) -> str:
        """The call that has just begun. Raises TestFailed."""
        until, others = monotonic() + FOUND_S, set[str]()
        while monotonic() < until:
            calls = (await self._ask(lambda: self._client.list_calls(limit=50))).calls
            new = [each for each in calls if each.id not in there and each.direction == "inbound"]
            mine = [each for each in new if each.agent == agent and each.answered_at is not None]
            if len(mine) > 1:
                raise TestFailed("somebody else called the agent at the same moment: which call is ours is not known")
            if mine and mine[0].answered_at is not None:
                self._ahead = mine[0].answered_at.timestamp() - answered
                return mine[0].id
            others |= {each.agent for each in new}
            await asyncio.sleep(LOOK_S)
        who = f", but one of {', '.join(sorted(others))}" if others - {agent} else ""
        number = self._telephone.number
        raise TestFailed(f"no call of the agent {agent} has come{who}: does the number {number} lead to it?")

    async def _over(self, phone: Phone) -> bool:
        """The agent has hung up, or has transferred the caller. A transfer that fails is not the end."""
        until = monotonic() + TRANSFER_S
        while not phone_left(phone):
            call = await self._detail()
            moved = call.transfer
            if call.ended_at is not None:
                return True
            if moved is None or moved.state == "failed":
                return False
            if moved.state == "answered" or monotonic() > until:
                self._moved_to = moved.to
                return True
            await asyncio.sleep(LOOK_S)
        return True

    async def _detail(self) -> CallDetailAnswer:
        return await self._ask(lambda: self._client.show_call(self._call))

    async def _so_far(self) -> Conversation:
        """What the agent said, by the API; what the caller said, as it was said. Raises TestFailed."""
        detail = await self._detail()
        if detail.transcript is None:
            raise TestFailed("the key lacks the scope `recordings`: what the agent says can't be read")
        heard = [
            (each.at.timestamp() - self._ahead, Line("agent", each.text))
            for each in detail.transcript
            if each.who == "agent" and not each.consultation
        ]
        lines = [line for _, line in sorted([*heard, *self._said], key=lambda each: each[0])]
        self.conversation = Conversation(tuple(lines), tuple(self._latencies), cost=detail.cost)
        return self.conversation

    async def _read_end(self, *, by_caller: bool) -> None:
        """Raises TestFailed."""
        detail, until = await self._detail(), monotonic() + OVER_S
        while detail.ended_at is None:
            if monotonic() > until:
                raise TestFailed("the call goes on although the telephone has hung up")
            await asyncio.sleep(LOOK_S)
            detail = await self._detail()
        if self._moved_to is None and detail.transfer is not None and detail.transfer.state == "answered":
            self._moved_to = detail.transfer.to
        to = await self._target_name(self._moved_to) if self._moved_to is not None else None
        tools = [ToolUse(name, {"to": to} if name == "transfer" and to else {}) for name in await self._tools()]
        conversation = await self._so_far()
        by_agent = to is not None or (not by_caller and detail.ended_by in ("agent", "system"))
        self.conversation = replace(
            conversation,
            entries=(*conversation.entries, *tools),
            ended_by="agent" if by_agent else "caller" if by_caller else "error",
            how="transfer" if to else detail.detail or str(detail.outcome),
            to=to,
        )
        if detail.outcome != "answered" or self.conversation.ended_by == "error":
            raise TestFailed(f"the call ended by {detail.ended_by}: {self.conversation.how}")

    async def _tools(self) -> list[str]:
        """Their names; what they were called with is not kept of calls."""
        told = await self._ask(lambda: list(self._client.stream_call_events(self._call, ("call.tool",))))
        found = [each.data.get("data", {}) for each in told]
        return [str(each.get("tool")) for each in found if each.get("state") == "called"]

    async def _target_name(self, number: str) -> str:
        """As the config names it; of several names the one that the test asks for. Raises TestFailed."""
        wanted = _targets_of(self._test)
        try:
            config = (await self._ask(self._client.show_config)).model_dump()
        except ApiProblem as problem:
            if wanted:
                raise TestFailed(f"the names of destinations can't be read: {problem}") from None
            return number
        targets = (config.get("config") or config).get("transfer", {}).get("targets", {})
        names = [str(name) for name, to in targets.items() if to == number]
        return next((name for name in names if name in wanted), names[0] if names else number)


def phone_left(phone: Phone) -> bool:
    """The other side has hung up."""
    return any(news.event == "left" for news in phone.news)


def _targets_of(test: AgentTest) -> set[Any]:
    """The destinations that its checks name."""
    named = {each.transferred_to for each in test.checks}
    called = {each.tool_called.arguments.get("to") for each in test.checks if each.tool_called is not None}
    return (named | called) - {None}
