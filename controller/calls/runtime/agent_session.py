"""The agent's session of one call, as the call sees it: what its worker is told, and what is measured of that.

Owns the choice of a worker (those that Asterisk did not reach for this call come last, those that have refused it not
before all others), how long tools take, and how long the caller was without an agent.
"""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime

import structlog

from bridge import contract
from controller.calls.machine import commands, inputs
from controller.calls.machine.call import Call
from controller.calls.reporting import lifecycle
from controller.calls.reporting.conversation_memory import ConversationMemory
from controller.workers.pool import WorkerPool
from controller.workers.worker import NoWorker, WorkerUnreachable

SessionCommand = (
    commands.PrepareAi
    | commands.GreetCaller
    | commands.AnswerAiTool
    | commands.CloseAi
    | commands.LeaveAi
    | commands.PauseAi
    | commands.ResumeAi
    | commands.OrderAi
    | commands.SayLast
)


def _now() -> datetime:
    return datetime.now(UTC)


class AgentSession:
    """`put`: into the call's queue."""

    def __init__(
        self,
        call: Call,
        workers: WorkerPool,
        memory: ConversationMemory,
        put: Callable[[inputs.Queued], None],
        observe: lifecycle.Observe,
    ) -> None:
        self._id = call.plan.call
        self._call = call
        self._workers = workers
        self._memory = memory
        self._put = put
        self._observe = observe
        self._log = structlog.get_logger().bind(call=self._id)
        self.number = call.session
        """`Call.session` of the session that was asked for last: what the worker says is of that one."""
        self._tools: dict[str, tuple[str, datetime]] = {}
        """By tool call: the tool's name, and when it was called."""
        self._media_failures: Counter[str] = Counter()
        """How often Asterisk did not reach a worker (its boot id) for this call."""
        self._asked = ""
        """The worker (its boot id) that was asked for the session."""
        self._refused_by: set[str] = set()
        """Workers that have refused it, until all others were asked or the call has lost its session."""
        self._lost_at: datetime | None = None
        """The time at which the worker was lost, if no other has taken over since."""

    def put(self, what: inputs.Input) -> None:
        """Of the session that was asked for last, into the call's queue."""
        self._put(inputs.OfSession(self.number, what))

    def lost(self) -> None:
        """The worker, with the session; another one is looked for."""
        self._lost_at = _now()
        self._refused_by.clear()

    def media_failed(self, reason: str) -> None:
        """Asterisk did not reach the worker for this call's media leg."""
        if failed := self._workers.media_failed(self._id, reason):
            self._media_failures[failed] += 1

    def refused(self) -> None:
        """The worker that was asked for the session does not take it: it is full, or ends."""
        self._refused_by.add(self._asked)

    def tool_called(self, tool_call: str, name: str) -> None:
        """Measures the time of this tool call from now until its answer."""
        if tool_call in self._tools:
            return
        known = name if any(tool.name == name for tool in self._call.plan.agent.spec.tools) else "unknown"
        self._tools[tool_call] = (known, _now())
        self._observe(lifecycle.ToolAsked(self._id, known))

    async def carry_out(self, command: SessionCommand) -> None:
        """Tells the call's worker. Raises WorkerUnreachable."""
        match command:
            case commands.PrepareAi(spec, resumed):
                await self._prepare(spec, resumed)
            case commands.LeaveAi(reason):
                await self._leave_session(reason)
            case commands.GreetCaller():
                await self._workers.send(self._id, contract.Greet(call=self._id))
                self._greeted()
            case commands.AnswerAiTool(tool_call, output, ok, respond, reason):
                answer = contract.AnswerTool(call=self._id, tool_call=tool_call, output=output, ok=ok, respond=respond)
                await self._workers.send(self._id, answer)
                self._memory.answered(tool_call, output)
                if tool_call in self._tools:
                    name, called = self._tools.pop(tool_call)
                    self._observe(lifecycle.ToolTimed(name, (_now() - called).total_seconds(), ok, self._id, reason))
            case commands.CloseAi(reason):
                await self._close_session(reason)
            case _:
                await self._direct(command)

    async def _direct(
        self, command: commands.PauseAi | commands.ResumeAi | commands.OrderAi | commands.SayLast
    ) -> None:
        match command:
            case commands.PauseAi():
                await self._workers.send(self._id, contract.Hold(call=self._id, on=True))
            case commands.ResumeAi(note):
                await self._workers.send(self._id, contract.Hold(call=self._id, on=False, note=note))
            case commands.OrderAi(order):
                await self._workers.send(self._id, order)
            case commands.SayLast(text, why, late):
                await self._workers.send(
                    self._id, contract.WrapUp(call=self._id, text=text, why=why, after_silence=late)
                )

    def _greeted(self) -> None:
        call, lost_at, self._lost_at = self._call, self._lost_at, None
        if lost_at is not None:
            gap = (_now() - lost_at).total_seconds()
            self._log.info("another worker has taken the call over", gap_ms=round(gap * 1000))
            self._observe(lifecycle.CallFailedOver(self._id, gap))
        elif call.answered_at is not None:
            greet = _now() - call.answered_at
            self._observe(lifecycle.CallGreeted(call.plan.direction, greet.total_seconds()))

    async def _close_session(self, reason: str) -> None:
        """A worker whose link is down closes the session when it is back: the call is unknown then."""
        if self._workers.of(self._id) is None:
            return
        try:
            await self._workers.send(self._id, contract.Close(call=self._id, reason=reason))
        except WorkerUnreachable as error:
            self._workers.release(self._id)
            self.put(inputs.SessionOver(str(error), contract.Counters()))

    async def _leave_session(self, reason: str) -> None:
        """A worker whose media leg and link are both gone is most likely dead: its answer is not waited for. If the
        call has no worker any more, the end of its session is in the queue already."""
        worker = self._workers.of(self._id)
        if worker is not None and worker.socket is None:
            self._workers.release(self._id)
            self.put(inputs.SessionOver("its worker is away", contract.Counters()))
        else:
            await self._close_session(reason)

    async def _prepare(self, spec: contract.SessionSpec, resumed: bool) -> None:
        """Gives the call to a worker and asks for a session. If there is no worker, that is an input of the call."""
        memory = self._memory.turns() if resumed else ()
        self._workers.release(self._id)
        self.number = self._call.session
        try:
            worker = self._workers.assign(self._id, self._media_failures, self._refused_by, again=resumed)
            self._asked = worker.boot
            self._log.info("session asked for", worker=worker.name, agent=spec.agent)
            await self._workers.send(self._id, contract.Prepare(call=self._id, spec=spec, history=memory))
        except (NoWorker, WorkerUnreachable) as error:
            self._workers.release(self._id)
            self._refused_by.clear()
            self.put(inputs.NoWorkerFound(str(error)))
