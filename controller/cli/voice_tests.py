"""`voiceai test --voice`: the tests of an agent over a real telephone call through Asterisk.

A SIP telephone of the simulator calls the agent's number, says the caller's lines (speech synthesis, or WAV files) and
listens; what was said and done is read from the API. Works where the simulator is: in a checkout, with SIPp and
espeak-ng. One call at a time.
"""

import asyncio
import time
import wave
from collections.abc import AsyncGenerator, Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from time import monotonic
from typing import Any, TypeVar

import httpx
import numpy as np
import soxr

from controller.agent_tests import callers, checks
from controller.agent_tests.callers import AskModel, HangUp, Say, Step
from controller.agent_tests.chat_models import ChatClient, ChatFailed
from controller.agent_tests.checks import Question, Verdict
from controller.agent_tests.conversation import Conversation, Line, ToolUse
from controller.agent_tests.runner import Run, TestFailed
from controller.api.client import ApiProblem, Client
from controller.api.models.agent_tests import AgentTestRun
from controller.api.models.calls import CallDetailAnswer
from controller.api.resources.agent_tests import answer_of
from controller.config.models.agent_tests import AgentTest, AgentTests, CallerLine, VoiceOptions
from simulator.audio.sound import RATE, Samples
from simulator.audio.speech import RATE as SPEECH_RATE, Speaker
from simulator.phone.phone import Phone, PhoneError

PAUSE_S = 1.2
"""Seconds of silence after which the agent has finished."""
ANSWER_S = 20.0
LONGEST_ANSWER_S = 90.0
FOUND_S = 5.0
LOOK_S = 0.25

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Telephone:
    """`server`: host:port of Asterisk's SIP; `number`: the agent's."""

    server: str
    number: str
    user: str
    password: str = field(repr=False)


class VoiceRunner:
    """`models`: who plays callers and judges. `http`: for them."""

    def __init__(self, client: Client, telephone: Telephone, models: AgentTests, http: httpx.AsyncClient) -> None:
        self._client = client
        self._telephone = telephone
        self._models = models
        self._http = http
        self._speaker = Speaker("en-us", words_per_minute=150, pitch=62)

    async def run(self, agent: str, tests: Mapping[str, AgentTest], repeat: int) -> AsyncGenerator[Run, None]:
        for number in range(1, repeat + 1):
            for name, test in tests.items():
                yield await self._one(agent, name, test, number)

    async def _one(self, agent: str, name: str, test: AgentTest, number: int) -> Run:
        began = monotonic()
        caller, judge = self._model(self._models.caller), self._model(self._models.judge)
        call = _Call(self._client, self._telephone, self._speaker, caller)
        error: str | None = None
        verdicts: list[Verdict] = []
        try:
            await call.hold(agent, test)
            for check in test.checks:
                told = checks.evaluate(check, call.conversation)
                verdicts.append(await _judged(judge, told) if isinstance(told, Question) else told)
        except (TestFailed, ChatFailed, PhoneError, RuntimeError, FileNotFoundError) as failure:
            error = str(failure)
        cost = call.conversation.cost + sum(each.cost for each in (caller, judge) if each is not None)
        return Run(name, number, tuple(verdicts), call.conversation, monotonic() - began, cost, error)

    def _model(self, model: Any) -> ChatClient | None:
        return ChatClient(model, self._http, lambda _: (0.0, False)) if model is not None else None


def run_all(
    client: Client, telephone: Telephone, models: AgentTests, agent: str, tests: Mapping[str, AgentTest], repeat: int
) -> list[AgentTestRun]:
    """All results, in order."""

    async def run() -> list[AgentTestRun]:
        async with httpx.AsyncClient() as http:
            runner = VoiceRunner(client, telephone, models, http)
            return [answer_of(each) async for each in runner.run(agent, tests, repeat)]

    return asyncio.run(run())


async def _judged(judge: ChatClient | None, asked: Question) -> Verdict:
    if judge is None:
        return Verdict(asked.check, False, "no model judges: set agent_tests.judge, and name the config with --config")
    text = f"Transcript:\n{asked.text}\n\nQuestion: {asked.question}"
    return checks.judged(asked, await judge.ask(checks.INSTRUCTIONS, text, "verdict", checks.SCHEMA))


class _Call:
    """One call. `conversation`: what was said in it, as far as the API tells."""

    def __init__(self, client: Client, telephone: Telephone, speaker: Speaker, caller: ChatClient | None) -> None:
        self._client = client
        self._telephone = telephone
        self._speaker = speaker
        self._caller = caller
        self._said: list[tuple[float, Line]] = []
        self._latencies: list[int] = []
        self._call = ""
        self.conversation = Conversation()

    async def hold(self, agent: str, test: AgentTest) -> None:
        """To its end. Raises PhoneError, TestFailed and ChatFailed."""
        there = {each.id for each in (await self._ask(lambda: self._client.list_calls(limit=200))).calls}
        at = self._telephone
        async with Phone(at.server, at.number, user=at.user, password=at.password) as phone:
            answered = await phone.answered()
            self._call = await self._find(agent, there)
            await self._listen(phone, answered.at, VoiceOptions())
            hung_up = await self._talk(phone, test)
            if hung_up:
                await phone.hang_up()
            else:
                await self._until_settled()
                await phone.hang_up()
        await self._read_end(by_caller=hung_up)

    async def _talk(self, phone: Phone, test: AgentTest) -> bool:
        """True: the caller hangs up. False: the agent has ended its part."""
        last = False
        while True:
            if await self._over(phone):
                return False
            step = HangUp() if last else await self._next(test)
            if isinstance(step, HangUp):
                return True
            assert isinstance(step, Say)
            last = step.last
            await asyncio.sleep(test.by_voice.silence_s)
            phone.rtp.say(_with_noise(await self._sound(step.line), test.by_voice.noise_dbfs))
            end = await phone.rtp.spoken()
            self._said.append((time.time(), Line("caller", step.line.text)))
            await self._listen(phone, end, test.by_voice, answer=True)

    async def _listen(self, phone: Phone, after: float, voice: VoiceOptions, *, answer: bool = False) -> None:
        """Until the agent has finished, or is to be interrupted, or has gone."""
        until = monotonic() + ANSWER_S
        start: float | None = None
        while start is None and monotonic() < until and not await self._over(phone):
            try:
                start = await phone.rtp.sound(after, timeout=LOOK_S)
            except TimeoutError:
                continue
        if start is None:
            return
        if answer:
            self._latencies.append(max(0, round((start - after) * 1000)))
        if voice.interrupt_after_s is not None and answer:
            await asyncio.sleep(max(0.0, start + voice.interrupt_after_s - time.time()))
            return
        until = monotonic() + LONGEST_ANSWER_S
        while not await self._over(phone):  # after a transfer somebody else may be heard, or music
            try:
                await phone.rtp.quiet(PAUSE_S, timeout=2 * PAUSE_S)
                return
            except TimeoutError:
                if monotonic() > until:
                    raise TestFailed(f"the agent does not stop talking within {LONGEST_ANSWER_S:g} s") from None

    async def _next(self, test: AgentTest) -> Step:
        step = callers.next_step(test, await self._so_far())
        if not isinstance(step, AskModel):
            return step
        if self._caller is None:
            raise TestFailed("no model plays callers: set agent_tests.caller, and name the config with --config")
        for _ in range(2):
            said = callers.answered(await self._caller.ask(step.system, step.text, "caller", callers.SCHEMA))
            if said is not None:
                return said
        raise TestFailed("the model that plays the caller does not answer in the form that it is asked for")

    async def _sound(self, line: CallerLine) -> Samples:
        """8 kHz."""
        if line.wav is None:
            narrow = soxr.resample(np.frombuffer(await self._speaker.say(line.text), "<i2"), SPEECH_RATE, RATE)
            return np.asarray(narrow, np.int16)
        return await asyncio.to_thread(_read_wav, Path(line.wav))

    # ------------------------------------------------------------ what the API tells

    async def _ask(self, asked: Callable[[], T]) -> T:
        return await asyncio.to_thread(asked)

    async def _find(self, agent: str, there: set[str]) -> str:
        """The call that has just begun."""
        until = monotonic() + FOUND_S
        while monotonic() < until:
            for each in (await self._ask(lambda: self._client.list_calls(limit=50))).calls:
                if each.id not in there and each.agent == agent:
                    return each.id
            await asyncio.sleep(LOOK_S)
        raise TestFailed(f"no call of the agent {agent} has come: does the number {self._telephone.number} lead to it?")

    async def _over(self, phone: Phone) -> bool:
        """The agent has hung up, or transfers the caller."""
        if any(news.event == "left" for news in phone.news):
            return True
        call = await self._detail()
        return call.ended_at is not None or call.transfer is not None

    async def _detail(self) -> CallDetailAnswer:
        return await self._ask(lambda: self._client.show_call(self._call))

    async def _until_settled(self) -> None:
        """A transfer that is ringing is given a moment to be known."""
        for _ in range(4):
            if (await self._detail()).ended_at is not None:
                return
            await asyncio.sleep(LOOK_S)

    async def _so_far(self) -> Conversation:
        """What the agent said, by the API; what the caller said, as it was said."""
        detail = await self._detail()
        heard = [
            (each.at.timestamp(), Line("agent", each.text)) for each in detail.transcript or () if each.who == "agent"
        ]
        lines = [line for _, line in sorted([*heard, *self._said], key=lambda each: each[0])]
        return Conversation(tuple(lines), tuple(self._latencies), cost=detail.cost)

    async def _read_end(self, *, by_caller: bool) -> None:
        for _ in range(20):
            if (await self._detail()).ended_at is not None:
                break
            await asyncio.sleep(LOOK_S)
        detail, conversation = await self._detail(), await self._so_far()
        to = await self._target_name(detail.transfer.to) if detail.transfer is not None else None
        tools = [ToolUse(name, {"to": to} if name == "transfer" and to else {}) for name in await self._tools()]
        by_agent = to is not None or (detail.ended_by == "agent" and not by_caller)
        self.conversation = replace(
            conversation,
            entries=(*conversation.entries, *tools),
            ended_by="agent" if by_agent else "caller" if by_caller else "error",
            how="transfer" if to else str(detail.outcome),
            to=to,
        )

    async def _tools(self) -> list[str]:
        """Their names; what they were called with is not kept of calls."""
        told = await self._ask(lambda: list(self._client.stream_call_events(self._call, ("call.tool",))))
        found = [each.data.get("data", {}) for each in told]
        return [str(each.get("tool")) for each in found if each.get("state") == "called"]

    async def _target_name(self, number: str) -> str:
        """As the config names it, if the token may read that."""
        try:
            config = (await self._ask(self._client.show_config)).model_dump()
        except ApiProblem:
            return number
        targets = (config.get("config") or config).get("transfer", {}).get("targets", {})
        return next((str(name) for name, to in targets.items() if to == number), number)


def _with_noise(samples: Samples, dbfs: float | None) -> Samples:
    if dbfs is None:
        return samples
    noise = np.random.default_rng(1).normal(0, 32767 * 10 ** (dbfs / 20), len(samples))
    return np.clip(samples + noise, -32768, 32767).astype(np.int16)


def _read_wav(path: Path) -> Samples:
    try:
        with wave.open(str(path)) as file:
            if file.getsampwidth() != 2:
                raise TestFailed(f"{path} is not 16 bit PCM")
            samples = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, file.getnchannels())
            rate = file.getframerate()
    except (OSError, wave.Error, ValueError) as error:
        raise TestFailed(f"{path} can't be read as a WAV file: {error}") from None
    return np.asarray(soxr.resample(samples[:, 0], rate, RATE), np.int16)
