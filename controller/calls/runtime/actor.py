"""One live call: its queue, and its task.

Owns the task that takes inputs out of the queue and has carried out what the table decides: by its worker
(`agent_session`) and by Asterisk (`asterisk_commands`). What the call has anywhere else ends with it.
"""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime

import structlog

from bridge.common.limited_warnings import LimitedWarnings
from controller.ari.rest import Ari, AriError, NotFound
from controller.calls import errors
from controller.calls.admission.trunk_usage import TrunkUsage
from controller.calls.machine import commands, inputs, table
from controller.calls.machine.call import Call
from controller.calls.machine.plan import Plan, State
from controller.calls.machine.rows import teardown
from controller.calls.reporting import lifecycle
from controller.calls.reporting.call_log import CallLog
from controller.calls.reporting.conversation_memory import ConversationMemory
from controller.calls.reporting.diff import changes, observed
from controller.calls.reporting.instructions import instructed
from controller.calls.runtime import dialplan
from controller.calls.runtime.agent_session import AgentSession, SessionCommand
from controller.calls.runtime.asterisk_commands import AsteriskCommands
from controller.calls.runtime.command_failure import TEARING_DOWN, failure, ignored, one_by_one
from controller.calls.runtime.http_tool_tasks import HttpToolTasks
from controller.calls.runtime.owned_resources import Owned
from controller.calls.runtime.ports import BrowserCalls, LegLimits, NoBrowsers, NoLegLimits, OutboundAttempt
from controller.calls.runtime.recovery import RecoveredCall
from controller.calls.runtime.timers import Timers
from controller.calls.tools.http import HttpTools
from controller.config import Config
from controller.workers.pool import WorkerPool
from controller.workers.worker import NoWorker, WorkerUnreachable

QUEUE_LIMIT = 1000
TEARDOWN_TIMEOUT = 6.0  # seconds; what has not been removed by then is tried again by `Owned`'s own task


def _now() -> datetime:
    return datetime.now(UTC)


class CallActor:
    """`run()` is the call's one task. `put()` never waits; it may be called before the task has started."""

    def __init__(
        self,
        plan: Plan,
        begun: Config,
        ari: Ari,
        workers: WorkerPool,
        tools: HttpTools,
        observe: lifecycle.Observe = lifecycle.unobserved,
        attempt: OutboundAttempt | None = None,
        limits: LegLimits | None = None,
        recovered: RecoveredCall | None = None,
        acts: Callable[[], bool] = lambda: True,
        browsers: BrowserCalls | None = None,
    ) -> None:
        """`begun`: the configuration that the call began with. `recovered`: the call of an earlier controller that goes
        on; `plan` is that of its call. `acts`: whether Asterisk can be asked at present."""
        self.id = plan.call
        self.call = recovered.call if recovered else Call(plan, _now())
        self._recovered = recovered
        self.begun = begun
        self.attempt = attempt
        self._ari = ari
        self._workers = workers
        self._observe = observe
        self.call_log = CallLog()
        limits = limits or NoLegLimits()
        self.legs = TrunkUsage(plan.leg, limits)
        self.memory = ConversationMemory()
        self._http_tools = HttpToolTasks(plan.call, tools, begun.http_tools, self.put)
        self._queue: asyncio.Queue[inputs.Queued] = asyncio.Queue()
        self._timers = Timers(lambda timer: self.put(inputs.TimeUp(timer)))
        self._log = structlog.get_logger().bind(call=plan.call)
        self._warnings = LimitedWarnings(self._log)
        self._overflowed = False
        self._left = False
        self.torn_down = False  # or about to be: then its task must not be cancelled
        self._limit = asyncio.Timeout(None)  # ends the handling of inputs at once when the queue overflows
        existing = recovered.existing if recovered else {plan.leg} if plan.direction == "inbound" else ()
        self.owned = Owned(plan.call, ari, existing, self.legs.over, acts)
        self._session = AgentSession(self.call, workers, self.memory, self.put, observe)
        arguments = self.put, observe, self._warnings, browsers or NoBrowsers(), limits
        self._asterisk = AsteriskCommands(self.call, ari, workers, self.owned, self.legs, attempt, *arguments)
        self._closed = False
        self._last_change: lifecycle.LifecycleEvent | None = None

    def put(self, what: inputs.Queued) -> None:
        """Inputs are handled in the order in which they come, and none is dropped. A call whose queue is full is ended,
        whatever it is doing."""
        if self._closed:
            if not isinstance(what, inputs.OfSession):
                self.owned.late(what)
                teardown.told_late(self.call, what, _now())
            return
        if self._overflowed or self._left:
            return
        self._queue.put_nowait(what)
        if self._queue.qsize() > QUEUE_LIMIT:
            self._overflowed = True
            self._log.error("call ended: its event queue is full", limit=QUEUE_LIMIT)
            with suppress(RuntimeError):  # it has not begun, or is over
                self._limit.reschedule(asyncio.get_running_loop().time())

    def put_of_session(self, what: inputs.Input) -> None:
        """As `put`, for what the worker says of the session that was asked for last. If another one has been asked for
        when it is taken, it concerns the call no longer."""
        self._session.put(what)

    def leave(self) -> None:
        """From now on the call is not changed: the next controller takes it over. Cancel the call's task after this."""
        self._left = True

    def session_refused(self) -> None:
        """By the worker that was asked for it."""
        self._session.refused()

    def tool_called(self, tool_call: str, name: str) -> None:
        """Measures the time of this tool call from now until its answer."""
        self._session.tool_called(tool_call, name)

    async def run(self) -> None:
        """Runs until the call has ended and nothing of it is left in Asterisk. An error here ends this call only."""
        try:
            async with self._limit:
                await self._work()
        except Exception:  # the top of this call's task: the call is torn down, others are not touched
            if not self._limit.expired():
                self._log.exception("call failed: an internal error ended it")
        finally:
            self._timers.stop_all()
            self._http_tools.cancel()
            if not self._left:
                self.torn_down = True
                self.call.abandon(_now(), "its event queue was full" if self._overflowed else None)
                await asyncio.shield(self._tear_down())
            self._warnings.close()

    async def _work(self) -> None:
        if self._recovered is None:
            self.call.origin = await dialplan.origin_of(self._ari, self.call.plan)
            await self._execute(table.start(self.call))
        else:
            self._go_on(self._recovered)
            await self._execute(self._recovered.undo)
        while not self._overflowed and self.call.state is not State.ENDED:
            await self._take(await self._queue.get())

    def _go_on(self, recovered: RecoveredCall) -> None:
        """Instead of `table.start`, for a call of an earlier controller."""
        for timer, seconds in recovered.timers.items():
            self._timers.start(timer, seconds)
        early = [self._queue.get_nowait() for _ in range(self._queue.qsize())]
        for what in (*recovered.first, *early):
            self.put(what)

    async def _take(self, queued: inputs.Queued) -> None:
        what = queued.what if isinstance(queued, inputs.OfSession) else queued
        if isinstance(what, inputs.TimeUp) and not self._timers.is_due(what.timer):
            return  # stopped after it had fired
        self.legs.happened(what, asyncio.get_running_loop().time())
        self.owned.happened(what)
        if table.of_former(self.call, queued):
            self._log.info("of a former session", input=type(what).__name__)
        else:
            self._observe(lifecycle.InputTaken(self.id, what))
        before = observed(self.call)
        batch = table.handle(self.call, queued, _now())
        if self.call.undeclared is not None:
            self._log.error("a state that the call's table does not declare: internal error", was=self.call.undeclared)
            self.call.undeclared = None
        if self.call.state != before.state:
            self._log.info("call state", state=self.call.state.value, before=before.state, on=type(what).__name__)
            if self.call.state is State.FAILOVER:
                self._session.lost()
        if isinstance(what, inputs.SoundOver):
            self._log.info("sound over")
        if isinstance(what, inputs.LegRinging) and what.channel == self.call.plan.leg:
            self._observe(lifecycle.CallRang(self.id))
        if (told := instructed(self.call, what, batch)) is not None:
            self.call_log.instructed(told, _now())
            self._observe(told)
        for each in changes(self.call, before):
            if isinstance(each, lifecycle.StateChanged) and self.call.state is State.ENDED:
                self._last_change = each  # told once nothing is left
            else:
                self._observe(each)
        await self._execute(batch)

    # ------------------------------------------------------------ carrying out

    async def _execute(self, batch: Sequence[commands.Command]) -> None:
        """In order. After a failure the rest is dropped, and the failure is the next input; not for a call that
        ends."""
        for place, command in enumerate(batch, 1):
            try:
                await self._do(command)
                self._observe(lifecycle.CommandDone(self.id, command))
            except (AriError, NoWorker, WorkerUnreachable, errors.CallRefused, errors.Busy) as error:
                gone = isinstance(error, NotFound)
                self._observe(lifecycle.CommandDone(self.id, command, error))
                told = {"command": type(command).__name__, "reason": str(error)}
                if isinstance(command, TEARING_DOWN) or self.call.state in (State.ENDING, State.ENDED):
                    self._warnings.warning("teardown incomplete", by=("command",), **told)
                elif ignored(command, error, self.call.plan.leg):
                    self._warnings.warning("command failed", by=("command",), **told)
                elif each := one_by_one(command, error):
                    self._warnings.warning("command failed", by=("command",), **told)
                    await self._execute([*each, *batch[place:]])
                    return
                else:
                    self._log.info("command failed", **told, gone=gone)
                    # Before the queue goes on: the inputs in it assume that the command was carried out.
                    await self._take(failure(command, error))
                    return

    async def _do(self, command: commands.Command) -> None:
        match command:
            case commands.StartTimer(timer, seconds):
                self._timers.start(timer, seconds)
            case commands.StopTimer(timer):
                self._timers.stop(timer)
            case commands.StartTool():
                self._http_tools.start(command)
            case commands.ConfirmJoin(channel):
                await self._take(inputs.LegJoined(channel))
            case commands.ExcludeWorker(reason):
                self._session.media_failed(reason)
            case _ if isinstance(command, SessionCommand):
                await self._session.carry_out(command)
            case _:
                await self._asterisk.carry_out(command)

    # ------------------------------------------------------------ time and end

    async def _tear_down(self) -> None:
        self._closed = True
        while not self._queue.empty():
            self.put(self._queue.get_nowait())
        try:
            await self._remove_all()
        finally:
            self._workers.release(self.id)
            self.legs.all_over()

    async def _remove_all(self) -> None:
        """Removes what is left of the call. The session is closed first, without waiting for Asterisk."""
        try:
            async with asyncio.timeout(TEARDOWN_TIMEOUT):
                await self._execute([commands.CloseAi("the call ended"), *self.owned.left()])
        except TimeoutError:
            self.owned.hang_up_later()
        if legs := len(self.owned.unconfirmed):
            teardown.not_confirmed(self.call)
            self._log.error("a call can't end: asterisk has not confirmed its hang-up", legs=legs)
            await self.owned.finish()
            teardown.confirmed(self.call)
        if self._last_change is not None:
            self._observe(self._last_change)
