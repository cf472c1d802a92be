"""Runs tests of an agent by text: opens text sessions, says what the callers say, has the judge asked.

Decides nothing: what is said next is in `callers`, what must come of it in `checks`. Some conversations run at once
(`agent_tests.parallel`); each ends, and its session with it, whatever happens.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from dataclasses import dataclass, field
from time import monotonic

import httpx
import structlog

from controller.agent_tests import callers, checks
from controller.agent_tests.callers import AskModel, HangUp, Say, Step
from controller.agent_tests.chat_models import ChatClient, ChatFailed
from controller.agent_tests.checks import Question, Verdict
from controller.agent_tests.conversation import Conversation
from controller.calls import errors
from controller.config import Config
from controller.config.models.agent_tests import AgentTest, ChatModel
from controller.text_sessions.session import Options, Spend, TextSession
from controller.text_sessions.sessions import TextSessions

log = structlog.get_logger()

ROOM_S = 60.0
"""Seconds for which a test waits for room: others have sessions, too."""
AGAIN_S = 0.25
ANSWER_S = 120.0
"""The agent answers within this time, tools included."""
TRIES = 2
"""Of a model that plays a caller and answers with nonsense."""


class TestFailed(Exception):
    """The conversation could not be held. The text is for people."""

    __test__ = False  # pytest: this is no test


@dataclass(frozen=True, slots=True)
class Run:
    """The result of one run of one test. `error`: it could not be run to its end."""

    test: str
    number: int
    """Of this run of the test, from 1."""
    verdicts: tuple[Verdict, ...] = ()
    conversation: Conversation = field(default_factory=Conversation)
    seconds: float = 0.0
    cost: float = 0.0
    error: str | None = None

    @property
    def passed(self) -> bool:
        return self.error is None and all(each.passed for each in self.verdicts)


class TextRunner:
    """`http`: for the models that play and judge. `by`: the token's name."""

    def __init__(self, sessions: TextSessions, config: Config, http: httpx.AsyncClient, spend: Spend, by: str) -> None:
        self._sessions = sessions
        self._config = config
        self._http = http
        self._spend = spend
        self._by = by

    async def run(
        self, agent: str, tests: Mapping[str, AgentTest], *, repeat: int = 1, instructions: str | None = None
    ) -> AsyncGenerator[Run, None]:
        """The results as they come; all of them. `instructions` replace the agent's own."""
        gate = asyncio.Semaphore(min(self._config.agent_tests.parallel, self._config.text_sessions.max_sessions))
        results: asyncio.Queue[Run] = asyncio.Queue()

        async def one(name: str, test: AgentTest, number: int) -> None:
            async with gate:
                results.put_nowait(await self._one(agent, name, test, number, instructions))

        wanted = [(name, test, number) for number in range(1, repeat + 1) for name, test in tests.items()]
        tasks = [asyncio.create_task(one(*each), name=f"test {each[0]}") for each in wanted]
        try:
            for _ in tasks:
                yield await results.get()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _one(self, agent: str, name: str, test: AgentTest, number: int, instructions: str | None) -> Run:
        began, talk = monotonic(), _Talk(self._model("caller"), self._model("judge"))
        error: str | None = None
        verdicts: tuple[Verdict, ...] = ()
        try:
            options = Options("call" if test.real_tools else "none", test.results, test.variables, instructions)
            session = await self._opened(agent, options)
            try:
                await talk.hold(session, test)
            finally:
                session.close()
            verdicts = await talk.verdicts(test)
        except (TestFailed, ChatFailed) as failure:
            error = str(failure)
        except Exception:  # the top of this task: it is the result of this test, and nothing else
            log.exception("a test of an agent failed: internal error", agent=agent, test=name)
            error = "internal error"
        return Run(name, number, verdicts, talk.conversation, monotonic() - began, talk.cost, error)

    def _model(self, part: str) -> ChatClient | None:
        model: ChatModel | None = getattr(self._config.agent_tests, part)
        return ChatClient(model, self._http, self._spend) if model is not None else None

    async def _opened(self, agent: str, options: Options) -> TextSession:
        """Raises TestFailed."""
        until = monotonic() + ROOM_S
        while True:
            try:
                session = self._sessions.open(self._config, agent, options, by=self._by)
                await _until_open(session)
                return session
            except errors.Busy as busy:
                if monotonic() > until:
                    raise TestFailed(busy.reason) from None
            except errors.CallRefused as refusal:
                raise TestFailed(str(refusal)) from None
            await asyncio.sleep(AGAIN_S)


async def _until_open(session: TextSession) -> None:
    """Whoever gives up waiting leaves no session. Raises NoAiSession."""
    try:
        await session.opened()
    except BaseException:
        session.close()
        raise


class _Talk:
    """One conversation of a test."""

    def __init__(self, caller: ChatClient | None, judge: ChatClient | None) -> None:
        self._caller = caller
        self._judge = judge
        self.conversation = Conversation()

    @property
    def cost(self) -> float:
        return self.conversation.cost + sum(each.cost for each in (self._caller, self._judge) if each is not None)

    async def hold(self, session: TextSession, test: AgentTest) -> None:
        """To its end. Raises TestFailed and ChatFailed."""
        read, last = 0, False
        while self.conversation.ended_by is None:
            events = await session.news(read, ANSWER_S)
            if not events:
                raise TestFailed(f"the agent said nothing for {ANSWER_S:g} s")
            read += len(events)
            for event in events:
                self.conversation = self.conversation.heard(event)
            if events[-1].type != "turn":
                continue
            step = HangUp() if last else await self._next(test)
            if isinstance(step, Say) and session.users_turn:
                last = step.last
                session.say(step.line.text)
            elif isinstance(step, HangUp):
                session.close("hang_up")
        if self.conversation.ended_by == "error":
            raise TestFailed(self.conversation.how)
        if self.conversation.ended_by == "limit":
            raise TestFailed(f"a limit ended the conversation: {self.conversation.how} (`text_sessions`, `limits`)")

    async def _next(self, test: AgentTest) -> Step:
        step = callers.next_step(test, self.conversation)
        if not isinstance(step, AskModel):
            return step
        if self._caller is None:
            raise TestFailed("no model plays callers: set agent_tests.caller")
        for _ in range(TRIES):
            answer = await self._caller.ask(step.system, step.text, "caller", callers.SCHEMA)
            if (said := callers.answered(answer)) is not None:
                return said
        raise TestFailed("the model that plays the caller does not answer in the form that it is asked for")

    async def verdicts(self, test: AgentTest) -> tuple[Verdict, ...]:
        """Of all checks, in their order. Raises ChatFailed."""
        found = []
        for check in test.checks:
            told = checks.evaluate(check, self.conversation)
            found.append(await self._judged(told) if isinstance(told, Question) else told)
        return tuple(found)

    async def _judged(self, asked: Question) -> Verdict:
        if self._judge is None:
            return Verdict(asked.check, False, "no model judges: set agent_tests.judge")
        text = f"Transcript:\n{asked.text}\n\nQuestion: {asked.question}"
        return checks.judged(asked, await self._judge.ask(checks.INSTRUCTIONS, text, "verdict", checks.SCHEMA))
