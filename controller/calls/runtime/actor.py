"""One live call: its queue, and its task.

Owns the task that takes inputs out and does what the table decides; what the call has anywhere else ends with it.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime

import structlog

from bridge import contract
from bridge.common.limited_warnings import LimitedWarnings
from controller.ari.bridges import join
from controller.ari.rest import Ari, AriError, NotFound
from controller.calls import errors
from controller.calls.admission.trunk_usage import TrunkLimits, TrunkUsage, Unlimited
from controller.calls.machine import inputs as m, table
from controller.calls.machine.call import Call
from controller.calls.machine.plan import Plan, State
from controller.calls.machine.rows import teardown
from controller.calls.reporting import lifecycle
from controller.calls.reporting.call_log import CallLog
from controller.calls.reporting.conversation_memory import ConversationMemory
from controller.calls.reporting.diff import changes, standing
from controller.calls.runtime import dialplan, rtp
from controller.calls.runtime.command_failure import failure
from controller.calls.runtime.http_tool_tasks import HttpToolTasks
from controller.calls.runtime.media_leg import open_media
from controller.calls.runtime.owned_resources import Owned
from controller.calls.runtime.ports import OutboundAttempt, dialling
from controller.calls.runtime.recovery import RecoveredCall
from controller.calls.runtime.timers import Timers
from controller.calls.tools.http import HttpTools
from controller.workers.pool import WorkerPool
from controller.workers.worker import NoWorker, WorkerUnreachable

QUEUE_LIMIT = 1000
TEARDOWN_TIMEOUT = 6.0  # seconds; what has not been removed then is tried again beside it
_TEARING_DOWN = (m.HangUp, m.DestroyBridge, m.CloseAi)
_SOUNDS = (m.Ring, m.StartMusic, m.StopMusic, m.StartTone, m.StopTone)
_BEST_EFFORT = (*_SOUNDS, m.SetVariables, m.PauseAi, m.ResumeAi, m.OrderAi, m.CountRtp, m.Rejoin, m.RestoreBridge)


def _now() -> datetime:
    return datetime.now(UTC)


class CallActor:
    """`run()` is the call's one task. `put()` never waits; it may be called before the task has started."""

    def __init__(
        self,
        plan: Plan,
        ari: Ari,
        workers: WorkerPool,
        tools: HttpTools,
        observe: lifecycle.Observe = lifecycle.unobserved,
        attempt: OutboundAttempt | None = None,
        lines: TrunkLimits | None = None,
        adopted: RecoveredCall | None = None,
        acts: Callable[[], bool] = lambda: True,
    ) -> None:
        """`adopted`: an earlier controller had it; `plan` is its call's. `acts`: Asterisk can be asked at present."""
        self.id = plan.call
        self.call = adopted.call if adopted else Call(plan, _now())
        self._adopted = adopted
        self.attempt = attempt
        self._ari = ari
        self._workers = workers
        self._observe = observe
        self.call_log = CallLog()
        self.legs = TrunkUsage(plan.leg, lines or Unlimited())
        self.memory = ConversationMemory()
        self._http_tools = HttpToolTasks(plan.call, tools, self.put)
        self._tools: dict[str, tuple[str, datetime]] = {}
        self._queue: asyncio.Queue[m.Input] = asyncio.Queue()
        self._timers = Timers(lambda timer: self.put(m.TimeUp(timer)))
        self._media_failures: Counter[str] = Counter()
        """How often Asterisk did not reach a worker (its boot id) for this call."""
        self._log = structlog.get_logger().bind(call=plan.call)
        self._warnings = LimitedWarnings(self._log)
        self._overflowed = False
        self._left = False
        self.torn_down = False  # or about to be: its task is not to be cancelled any more
        self._limit = asyncio.Timeout(None)  # of the work on inputs: over at once when the queue overflows
        self._lost_at: datetime | None = None  # the agent's worker, if no other has taken over since
        standing = adopted.standing if adopted else {plan.leg} if plan.direction == "inbound" else ()
        self.owned = Owned(plan.call, ari, standing, self.legs.over, acts)
        self._closed = False
        self._last_change: lifecycle.LifecycleEvent | None = None

    def put(self, what: m.Input) -> None:
        """Order is sacred: nothing is dropped silently. A call that drowns in events is ended, whatever it is doing."""
        if self._closed:
            self.owned.late(what)
            teardown.answered_late(self.call, what)
            return
        if self._overflowed or self._left:
            return
        self._queue.put_nowait(what)
        if self._queue.qsize() > QUEUE_LIMIT:
            self._overflowed = True
            self._log.error("call ended: its event queue is full", limit=QUEUE_LIMIT)
            with suppress(RuntimeError):  # it has not begun, or is over
                self._limit.reschedule(asyncio.get_running_loop().time())

    def leave(self) -> None:
        """Nothing of the call is touched any more, for the next controller. Cancel its task then."""
        self._left = True

    def tool_called(self, tool_call: str, name: str) -> None:
        """From now on its time counts, until it is answered."""
        if tool_call in self._tools:
            return
        known = name if any(tool.name == name for tool in self.call.plan.agent.spec.tools) else "unknown"
        self._tools[tool_call] = (known, _now())
        self._observe(lifecycle.ToolAsked(self.id, known))

    async def run(self) -> None:
        """Until the call has ended and holds nothing any more. An error here ends this call only."""
        try:
            async with self._limit:
                await self._work()
        except Exception:  # the top of this call's task: the call is torn down, others are not touched
            if not self._limit.expired():
                self._log.exception("call failed: an error of ours ended it")
        finally:
            self._timers.stop_all()
            self._http_tools.cancel()
            if not self._left:
                self.torn_down = True
                self.call.abandon(_now(), "its event queue was full" if self._overflowed else None)
                await asyncio.shield(self._tear_down())
            self._warnings.close()

    async def _work(self) -> None:
        if self._adopted is None:
            self.call.origin = await dialplan.origin_of(self._ari, self.call.plan)
            await self._execute(table.start(self.call))
        else:
            self._go_on(self._adopted)
            await self._execute(self._adopted.undo)
        while not self._overflowed and self.call.state is not State.ENDED:
            await self._take(await self._queue.get())

    def _go_on(self, adopted: RecoveredCall) -> None:
        """In place of a start."""
        for timer, seconds in adopted.timers.items():
            self._timers.start(timer, seconds)
        early = [self._queue.get_nowait() for _ in range(self._queue.qsize())]
        for what in (*adopted.first, *early):
            self.put(what)

    async def _take(self, what: m.Input) -> None:
        if isinstance(what, m.TimeUp) and not self._timers.is_due(what.timer):
            return  # stopped after it had fired
        self.legs.happened(what, asyncio.get_running_loop().time())
        match what:
            case m.LegEntered(channel):
                self.owned.entered(channel)
            case m.LegGone(channel, in_dialplan=False):
                self.owned.gone(channel)
        self._observe(lifecycle.InputTaken(self.id, what))
        before = standing(self.call)
        commands = table.handle(self.call, what, _now())
        if self.call.state != before.state:
            self._log.info("call state", state=self.call.state.value, before=before.state, on=type(what).__name__)
            if self.call.state is State.REHOMING:
                self._lost_at = _now()
        if isinstance(what, m.SoundOver):
            self._log.info("sound over")
        if isinstance(what, m.LegRinging) and what.channel == self.call.plan.leg:
            self._observe(lifecycle.CallRang(self.id))
        for each in changes(self.call, before):
            if isinstance(each, lifecycle.StateChanged) and self.call.state is State.ENDED:
                self._last_change = each  # told once nothing is left
            else:
                self._observe(each)
        await self._execute(commands)

    # ------------------------------------------------------------ carrying out

    async def _execute(self, commands: Sequence[m.Command]) -> None:
        """In order. A failure drops the commands behind it and becomes the next input, but for a call that ends."""
        for command in commands:
            try:
                await self._do(command)
                self._observe(lifecycle.CommandDone(self.id, command))
            except (AriError, NoWorker, WorkerUnreachable, errors.CallRefused, errors.Busy) as error:
                gone = isinstance(error, NotFound)
                self._observe(lifecycle.CommandDone(self.id, command, error))
                told = {"command": type(command).__name__, "reason": str(error)}
                if isinstance(command, _TEARING_DOWN) or self.call.state in (State.ENDING, State.ENDED):
                    self._warnings.warning("teardown incomplete", by=("command",), **told)
                elif isinstance(command, _BEST_EFFORT) and not gone:
                    self._warnings.warning("command failed", by=("command",), **told)
                else:
                    self._log.info("command failed", **told, gone=gone)
                    # Next, before anything that is queued: the rest of the queue assumes that it was done.
                    await self._take(failure(command, error))
                    return

    async def _do(self, command: m.Command) -> None:
        match command:
            case m.StartTimer(timer, seconds):
                self._timers.start(timer, seconds)
            case m.StopTimer(timer):
                self._timers.stop(timer)
            case m.StartTool():
                self._http_tools.start(command)
            case m.ConfirmJoin(channel):
                await self._take(m.LegJoined(channel))
            case m.ExcludeWorker(reason):
                if failed := self._workers.media_failed(self.id, reason):
                    self._media_failures[failed] += 1
            case m.PrepareAi() | m.GreetCaller() | m.AnswerAiTool() | m.CloseAi() | m.LeaveAi():
                await self._tell_worker(command)
            case m.PauseAi() | m.ResumeAi() | m.OrderAi() | m.SayLast():
                await self._direct(command)
            case _:
                await self._tell_asterisk(command)

    async def _tell_asterisk(self, command: m.Command) -> None:
        ari = self._ari
        match command:
            case m.Ring(channel):
                await ari.ring(channel)
                self._observe(lifecycle.CallRang(self.id))
            case m.Answer(channel):
                await ari.answer(channel)
            case m.SetVariables(channel, variables):
                for name, value in variables.items():
                    await ari.set_variable(channel, name, value)
            case m.Play(channel, playback, media):
                self._log.info("sound for the caller", sounds=list(media))
                await ari.play(channel, *media, playback_id=playback)
            case m.StartTone(channel, playback, tone):
                await ari.play(channel, tone, playback_id=playback)
            case m.StopTone(playback):
                await ari.stop_playback(playback)
            case m.SendAway(channel, context, extension):
                await dialplan.send_on(ari, channel, self.call.origin, context, extension)
                self.owned.release(channel)
            case m.StartMusic(channel) | m.StopMusic(channel):
                await (ari.start_moh if isinstance(command, m.StartMusic) else ari.stop_moh)(channel)
            case m.Detect(channel, context, extension):
                await dialplan.detect(ari, channel, context, extension)
            case m.SendDigits(channel, digits):
                await ari.send_dtmf(channel, digits)
            case m.Join(bridge, channels, instead):
                await join(ari, bridge, channels, instead)
            case m.CountRtp() | m.Rejoin() | m.RestoreBridge():
                await rtp.carry_out(ari, command, self.put, self._warnings)
            case m.CreateBridge() | m.Dial() | m.OpenMedia() | m.Snoop():
                await self._make(command)
            case m.Refer(channel, to, leg, trunk):
                self.legs.refer(leg, trunk, to)
                await dialplan.refer(ari, channel, to)
            case m.DestroyBridge(bridge):
                await self.owned.destroy_bridge(bridge)
            case m.HangUp(channel, reason):
                await self.owned.hang_up(channel, reason)

    async def _make(self, command: m.CreateBridge | m.Dial | m.OpenMedia | m.Snoop) -> None:
        own = isinstance(command, m.Dial) and command.channel == self.call.plan.leg
        async with dialling(self.attempt if own else None):
            await self._make_now(command)

    async def _make_now(self, command: m.CreateBridge | m.Dial | m.OpenMedia | m.Snoop) -> None:
        if isinstance(command, m.Dial):
            self.legs.dial(command.channel, command.target)
        self.owned.attempt(made := m.made(command))
        try:
            await self._ask_for(command)
        except AriError as error:
            self.owned.refused(made, error)
            raise
        self.owned.made(made)

    async def _ask_for(self, command: m.CreateBridge | m.Dial | m.OpenMedia | m.Snoop) -> None:
        ari, leg, before = self._ari, self.call.plan.leg, self.call.origin
        match command:
            case m.CreateBridge(bridge):
                await ari.create_bridge(bridge, name=f"{ari.app} {self.id}")
            case m.Dial(channel, target, variables):
                await ari.originate(
                    target.dial,
                    channel_id=channel,
                    caller_id=target.caller_id,
                    timeout=target.timeout,
                    variables={**variables, **dialplan.marks(self.legs.origin_of(channel, before), target.dial)},
                    **dialplan.formats_of(target.dial, channel, leg),
                )
            case m.Snoop(channel, snoop, whisper):
                await ari.snoop(channel, snoop_id=snoop, spy="both", whisper="out" if whisper else "none")
            case m.OpenMedia(channel):
                await open_media(ari, self._workers, self.id, channel)

    async def _tell_worker(self, command: m.Command) -> None:
        match command:
            case m.PrepareAi(spec, resumed):
                await self._prepare(spec, resumed)
            case m.LeaveAi(reason):
                await self._leave_session(reason)
            case m.GreetCaller():
                await self._workers.send(self.id, contract.Greet(call=self.id))
                self._greeted()
            case m.AnswerAiTool(tool_call, output, ok, respond, reason):
                answer = contract.AnswerTool(call=self.id, tool_call=tool_call, output=output, ok=ok, respond=respond)
                await self._workers.send(self.id, answer)
                self.memory.answered(tool_call, output)
                if tool_call in self._tools:
                    name, called = self._tools.pop(tool_call)
                    self._observe(lifecycle.ToolTimed(name, (_now() - called).total_seconds(), ok, self.id, reason))
            case m.CloseAi(reason):
                await self._close_session(reason)

    async def _direct(self, command: m.PauseAi | m.ResumeAi | m.OrderAi | m.SayLast) -> None:
        match command:
            case m.PauseAi():
                await self._workers.send(self.id, contract.Hold(call=self.id, on=True))
            case m.ResumeAi(note):
                await self._workers.send(self.id, contract.Hold(call=self.id, on=False, note=note))
            case m.OrderAi(order):
                await self._workers.send(self.id, order)
            case m.SayLast(text, why, late):
                await self._workers.send(self.id, contract.WrapUp(call=self.id, text=text, why=why, after_silence=late))

    def _greeted(self) -> None:
        call, lost_at, self._lost_at = self.call, self._lost_at, None
        if lost_at is not None:
            gap = (_now() - lost_at).total_seconds()
            self._log.info("another worker has taken the call over", gap_ms=round(gap * 1000))
            self._observe(lifecycle.CallFailedOver(self.id, gap))
        elif call.answered_at is not None:
            answer, greet = call.answered_at - call.started_at, _now() - call.answered_at
            self._observe(lifecycle.CallGreeted(call.plan.direction, answer.total_seconds(), greet.total_seconds()))

    async def _close_session(self, reason: str) -> None:
        """A worker whose link is down is told when it comes back: the call is no longer one that we know."""
        if self._workers.of(self.id) is None:
            return
        try:
            await self._workers.send(self.id, contract.Close(call=self.id, reason=reason))
        except WorkerUnreachable as error:
            self._workers.release(self.id)
            self.put(m.SessionOver(str(error), contract.Counters()))

    async def _leave_session(self, reason: str) -> None:
        """A worker whose media leg and link are both gone is dead, most likely: nothing of it is waited for. Where the
        call has no worker any more, its end is in the queue."""
        worker = self._workers.of(self.id)
        if worker is not None and worker.socket is None:
            self._workers.release(self.id)
            self.put(m.SessionOver("its worker is away", contract.Counters()))
        else:
            await self._close_session(reason)

    async def _prepare(self, spec: contract.SessionSpec, resumed: bool) -> None:
        """Without a worker there is no session, and so nobody else would report its end."""
        memory = self.memory.turns() if resumed else ()
        self._workers.release(self.id)
        try:
            worker = self._workers.assign(self.id, self._media_failures)
            await self._workers.send(self.id, contract.Prepare(call=self.id, spec=spec, memory=memory))
        except (NoWorker, WorkerUnreachable) as error:
            self._workers.release(self.id)
            self.put(m.NoWorkerFound(str(error)))
        else:
            self._log.info("session asked for", worker=worker.name, agent=spec.agent)

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
        """What a clean end has removed already is not touched again. The session does not wait for Asterisk."""
        try:
            async with asyncio.timeout(TEARDOWN_TIMEOUT):
                await self._execute([m.CloseAi("the call ended"), *self.owned.left()])
        except TimeoutError:
            self.owned.hang_up_later()
        if legs := len(self.owned.unconfirmed):
            teardown.not_confirmed(self.call)
            self._log.error("a call can't end: asterisk has not confirmed its hang-up", legs=legs)
            await self.owned.finish()
            teardown.confirmed(self.call)
        if self._last_change is not None:
            self._observe(self._last_change)
