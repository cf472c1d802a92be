"""One conversation by typing: an agent's Realtime session in text mode, on a worker, without a telephone.

Owns one task and one ordered queue, as a call does: what the worker reports, what the user types, the answers of tools.
Built-in tools are not carried out: what they would have done is told, and a hang-up or a transfer ends the session.
Tools over HTTP are really asked, or answered by hand, or not at all (`Options.tools`). Bounded in messages, time, money
and silence; however it ends, the worker's session is closed and its place is free.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic
from typing import Any, Literal

import structlog

from bridge import contract
from controller.calls import errors
from controller.calls.machine.plan import AgentPlan
from controller.calls.tools.http import Answer
from controller.config import Config
from controller.config.models.agents import HttpTool
from controller.config.models.text_sessions import TextSessions as Bounds
from controller.text_sessions import tool_outcomes
from controller.text_sessions.events import Ending, ResultBy, TextEvent
from controller.text_sessions.text_spec import text_spec
from controller.text_sessions.tool_outcomes import NOT_RUN, Answered, Ends, Runs
from controller.workers.pool import WorkerPool
from controller.workers.worker import NoWorker, WorkerUnreachable

OPENING_S = 15.0
"""For the AI session to be there."""
CLOSING_S = 2.0
"""For the worker's `Ended`, with which the last costs have come."""
MOST_EVENTS = 5000
TEXT_HINT = (
    "The session is asked for in text mode: if the model has none, try the agent with another model or by voice."
)

RunTool = Callable[[str, str, HttpTool, Mapping[str, Any]], Awaitable[Answer]]
"""Session, name, tool, arguments."""
Spend = Callable[[contract.Used], tuple[float, bool]]
"""US dollars, and whether as much as allowed was spent today."""


@dataclass(frozen=True, slots=True)
class Options:
    """`tools`: who answers tools over HTTP: they themselves, somebody by hand, or nobody. `results`: answers that are
    given beforehand, by the tool's name. `variables` fill the agent's templates; `instructions` replace its own."""

    tools: Literal["call", "by_hand", "none"] = "call"
    results: Mapping[str, str] = field(default_factory=dict, repr=False)
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    instructions: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class _Typed:
    text: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Result:
    tool_call: str
    tool: str
    output: str = field(repr=False)
    ok: bool
    by: ResultBy


class TextSession:
    """`config` and `plan`: of the agent as it is, or of a draft of it. `by`: the token's name."""

    def __init__(
        self,
        session_id: str,
        config: Config,
        plan: AgentPlan,
        options: Options,
        bounds: Bounds,
        *,
        workers: WorkerPool,
        run_tool: RunTool,
        spend: Spend,
        by: str,
    ) -> None:
        self.id = session_id
        self.agent = plan.name
        self.options = options
        self.by = by
        self.began_at = datetime.now(UTC)
        self.turns = 0
        self.cost = 0.0
        self.usage: Counter[str] = Counter()
        self.model = ""
        self.ending: Ending | None = None
        self.users_turn = False
        self.events: list[TextEvent] = []
        self._config = config
        self._plan = tool_outcomes.plan_of(session_id, plan)
        self._spec = text_spec(plan.spec, by_hand=options.tools == "by_hand", mcp=options.tools == "call")
        self._bounds = bounds
        self._workers = workers
        self._run_tool = run_tool
        self._spend = spend
        self._queue: asyncio.Queue[contract.CallEvent | _Typed | _Result | Ending] = asyncio.Queue()
        self._changed = asyncio.Event()
        self._open = asyncio.Event()
        """It is open, or will never be."""
        self._by_hand: dict[str, tuple[str, float]] = {}
        """Tool calls that wait for somebody: the tool's name, and since when (`monotonic`)."""
        self._tools: set[asyncio.Task[None]] = set()
        self._conversed = False
        self._asked_at: float | None = None
        self._asked, self._refused_by = "", set[str]()
        """The worker (its boot id) that was asked for the session, and those that have refused it."""
        self._over = False
        """Its last event has been told."""
        self._log = structlog.get_logger().bind(text_session=session_id, agent=plan.name)

    @property
    def state(self) -> Literal["opening", "open", "ended"]:
        if self.ending is not None:
            return "ended"
        return "open" if self._open.is_set() else "opening"

    # ------------------------------------------------------------ what is asked of it

    def say(self, text: str) -> None:
        """The user's message. Raises WrongState."""
        self._check_open()
        if not self.users_turn:
            raise errors.WrongState("The agent has not finished its answer.")
        self.users_turn = False
        self.turns += 1
        self._queue.put_nowait(_Typed(text))

    def answer_tool(self, tool_call: str, output: str, *, ok: bool) -> None:
        """The result of a tool call that waits for one. Raises WrongState."""
        self._check_open()
        if tool_call not in self._by_hand:
            raise errors.WrongState("No tool call of this id waits for a result.")
        tool, since = self._by_hand.pop(tool_call)
        if self._asked_at is not None:
            self._asked_at += monotonic() - since
        self._queue.put_nowait(_Result(tool_call, tool, output, ok, "hand"))

    def close(self, how: str = "closed", *, by: Literal["user", "error"] = "user") -> None:
        """Ends it, if it has not ended."""
        self._queue.put_nowait(Ending(by, how))

    def take(self, event: contract.CallEvent) -> None:
        """What its worker reports."""
        self._queue.put_nowait(event)

    async def opened(self) -> None:
        """Returns once it is open. Raises NoAiSession."""
        await self._open.wait()
        if self.ending is not None and self.ending.by == "error" and not self.events:
            raise errors.NoAiSession(self.ending.detail or self.ending.how)

    async def news(self, after: int, seconds: float) -> list[TextEvent]:
        """The events behind number `after`; if there are none, waits for one, at most for so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                while len(self.events) <= after and not self._over:
                    await self._changed.wait()
        except TimeoutError:
            return []
        return self.events[after:]

    def _check_open(self) -> None:
        if self.state != "open":
            raise errors.WrongState(f"The text session is {self.state}.")

    # ------------------------------------------------------------ its task

    async def run(self) -> None:
        """From the worker's session to its end."""
        try:
            async with asyncio.timeout(self._bounds.max_s):
                await self._prepare()
                while self.ending is None:
                    await self._next()
        except TimeoutError:
            self._end(Ending("limit", "max_s"))
        except (NoWorker, WorkerUnreachable) as error:
            self._end(Ending("error", "no worker", detail=str(error)))
        except Exception:  # the top of this task: it ends this session and nothing else
            self._log.exception("text session failed: internal error")
            self._end(Ending("error", "internal error"))
        finally:
            self._end(Ending("error", "the controller goes down"))
            try:
                await self._shut()
            finally:
                self._workers.release(self.id)
                self._tell_end()

    async def _prepare(self) -> None:
        worker = self._workers.assign(self.id, refused=self._refused_by)
        self._asked = worker.boot
        await self._workers.send(self.id, contract.Prepare(call=self.id, spec=self._spec))
        self._log.info("text session asked for", worker=worker.name, by=self.by)

    async def _next(self) -> None:
        idle_s = self._bounds.idle_s if self._open.is_set() else OPENING_S
        try:
            async with asyncio.timeout(idle_s):
                what = await self._queue.get()
        except TimeoutError:
            opening = Ending("error", "no session in time", detail=f"There was no AI session within {OPENING_S:g} s.")
            self._end(Ending("limit", "idle") if self._open.is_set() else opening)
            return
        match what:
            case Ending():
                self._end(what)
            case _Typed(text):
                self._asked_at = monotonic()
                await self._workers.send(self.id, contract.UserMessage(call=self.id, text=text))
            case _Result():
                await self._answer(what.tool_call, what.tool, Answered(what.output, what.ok, what.by))
            case _:
                await self._worker_event(what)
        if len(self.events) >= MOST_EVENTS:
            self._end(Ending("limit", "events"))

    async def _worker_event(self, event: contract.CallEvent) -> None:
        match event:
            case contract.Ready():
                self.model = event.model
                self._open.set()
                await self._workers.send(self.id, contract.Greet(call=self.id))
            case contract.Failed(refused=True):
                self._refused_by.add(self._asked)
                await self._prepare()
            case contract.Failed():
                self._end(Ending("error", "the AI failed", detail=f"{event.message}. {TEXT_HINT}"))
            case contract.Ended():
                self._end(Ending("error", "the worker ended it", detail=event.reason))
            case contract.Said():
                self._conversed = True
                self._tell(type="user" if event.who == "caller" else "agent", text=event.text)
            case contract.ToolCalled():
                await self._tool_called(event)
            case contract.TurnCompleted():
                self._turn_completed()
            case contract.Used():
                self._used(event)

    def _turn_completed(self) -> None:
        for tool_call, (name, _) in self._by_hand.items():
            self._tell(
                type="tool_result", tool_call=tool_call, tool=name, ok=False, by="nobody", text="No result came."
            )
        self._by_hand.clear()
        took = None if self._asked_at is None else round((monotonic() - self._asked_at) * 1000)
        self._asked_at = None
        self._tell(type="turn", latency_ms=took, cost=round(self.cost, 6))
        self.users_turn = True
        if self.turns >= self._bounds.max_turns:
            self._end(Ending("limit", "max_turns"))

    def _used(self, used: contract.Used) -> None:
        cost, spent_today = self._spend(used)
        self.cost += cost
        self.usage.update(used.usage)
        if spent_today or self.cost >= self._bounds.spend:
            self._end(Ending("limit", "spend_per_day" if spent_today else "spend"))

    # ------------------------------------------------------------ tools

    async def _tool_called(self, called: contract.ToolCalled) -> None:
        results = self.options.results
        outcome = tool_outcomes.outcome_of(self._config, self._plan, called, results, conversed=self._conversed)
        waits = isinstance(outcome, Runs) and self.options.tools == "by_hand"
        told = {"tool_call": called.tool_call, "tool": called.name, "arguments": called.arguments}
        self._tell(type="tool_call", awaits_result=waits, **told)
        match outcome:
            case Ends(ending):
                self._end(ending)
            case Answered():
                await self._answer(called.tool_call, called.name, outcome)
            case Runs() if waits:
                self._by_hand[called.tool_call] = called.name, monotonic()
            case Runs() if self.options.tools == "none":
                await self._answer(called.tool_call, called.name, Answered(NOT_RUN, False, "nobody"))
            case Runs():
                task = asyncio.create_task(self._run(called.tool_call, outcome), name=f"tool of {self.id}")
                self._tools.add(task)
                task.add_done_callback(self._tools.discard)

    async def _run(self, tool_call: str, what: Runs) -> None:
        try:
            answer = await self._run_tool(self.id, what.name, self._config.http_tools[what.name], what.arguments)
        except Exception:  # the top of this task: the model is answered whatever happens
            self._log.exception("tool failed: internal error", tool=what.name)
            answer = Answer(False, "The tool failed.")
        self._queue.put_nowait(_Result(tool_call, what.name, answer.output, answer.ok, "tool"))

    async def _answer(self, tool_call: str, tool: str, answer: Answered) -> None:
        told = {"tool_call": tool_call, "tool": tool, "text": answer.output, "ok": answer.ok, "by": answer.by}
        self._tell(type="tool_result", **told)
        command = contract.AnswerTool(
            call=self.id, tool_call=tool_call, output=answer.output, ok=answer.ok, respond=answer.respond
        )
        await self._workers.send(self.id, command)

    # ------------------------------------------------------------ the end

    def _end(self, ending: Ending) -> None:
        """The first one counts."""
        if self.ending is None:
            self.ending = ending
            self.users_turn = False

    async def _shut(self) -> None:
        """The worker's session is closed; what it has cost until then is counted."""
        for task in self._tools:
            task.cancel()
        try:
            async with asyncio.timeout(CLOSING_S):
                await self._workers.send(self.id, contract.Close(call=self.id, reason="the text session ended"))
                while not isinstance(what := await self._queue.get(), contract.Ended):
                    if isinstance(what, contract.Used):
                        self._used(what)
        except (TimeoutError, WorkerUnreachable):
            pass  # a worker that comes back is told that it does not have this session any more

    def _tell_end(self) -> None:
        ending = self.ending
        assert ending is not None  # `run` has set one
        how = ending.how if not ending.detail else f"{ending.how}: {ending.detail}"
        if self._open.is_set():
            self._tell(type="ended", text=how, by=ending.by, to=ending.to, cost=round(self.cost, 6))
        self._over = True
        self._open.set()
        self._changed.set()
        self._log.info("text session ended", by_whom=ending.by, turns=self.turns, dollars=round(self.cost, 4))

    def _tell(self, **what: Any) -> None:
        self.events.append(TextEvent(len(self.events) + 1, datetime.now(UTC), **what))
        self._changed.set()
        self._changed = asyncio.Event()
