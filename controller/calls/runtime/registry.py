"""All calls of this controller: which there are, which event belongs to which, and what Asterisk holds of ours.

Owns the map from channel ids to calls, and the beginning and the end of each. Decides nothing about a call once it
lives: that is `machine/table.py`'s. Implements `reconcile.Calls`, and `ports.Calls` for the HTTP API.
"""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import structlog

from bridge import contract
from bridge.common.background_tasks import Tasks, ended
from controller.ari import events as ari_events
from controller.ari.resources import Channel
from controller.ari.rest import Ari, AriError
from controller.calls import errors
from controller.calls.admission import capacity
from controller.calls.admission.capacity import Slot
from controller.calls.admission.control import AdmissionControl, today
from controller.calls.admission.spending import Spending
from controller.calls.machine import inputs as m, loops
from controller.calls.machine.outcome import PER_DAY
from controller.calls.machine.plan import Plan, State
from controller.calls.machine.rows import daily_caps
from controller.calls.reporting import lifecycle, log_lines, view
from controller.calls.reporting.ended_calls import EndedCalls
from controller.calls.runtime import asterisk_inputs, dialplan, shutdown
from controller.calls.runtime.actor import TEARDOWN_TIMEOUT, CallActor
from controller.calls.runtime.call_control import CallControl
from controller.calls.runtime.inbound import InboundCalls
from controller.calls.runtime.ports import OutboundAttempt, Recall
from controller.calls.runtime.reconcile import is_caller
from controller.calls.runtime.recovery import RecoveredCall, kept, legs_of
from controller.calls.runtime.ringing_legs import all_ringing
from controller.calls.runtime.worker_events import WorkerEvents
from controller.calls.tools.http import HttpTools
from controller.config import Config
from controller.config.prices import Prices
from controller.workers.pool import WorkerPool

log = structlog.get_logger()


def _view(actor: CallActor) -> view.CallView:
    return view.view_of(actor.call, actor.call_log)


class Registry:
    """`observe` is told what is worth counting."""

    def __init__(
        self,
        config: Config,
        ari: Ari,
        workers: WorkerPool,
        tasks: Tasks,
        tools: HttpTools,
        prices: Prices,
        observe: lifecycle.Observe = lifecycle.unobserved,
    ) -> None:
        self._config = config
        self._ari = ari
        self._workers = workers
        self._tasks = tasks
        self._tools = tools
        self._spending = Spending(config.limits, prices)
        self.room = AdmissionControl(config, workers, self._spending, self._slots)
        self._arrivals = InboundCalls(
            *(config, ari, tools, tasks, self.room),
            start=self.begin,
            callers=self.callers,
            observe=observe,
        )
        self._observe = observe
        self._live: dict[str, CallActor] = {}
        self._worker_events = WorkerEvents(config, self._spending, self._live, observe)
        self._running: dict[str, asyncio.Task[None]] = {}
        self._left = False
        self._ended = EndedCalls()
        self._by_leg: dict[str, str] = {}
        self.verbs = CallControl(config, self._actor)
        self._empty = asyncio.Event()
        self._empty.set()
        self.link_up = False
        self._adopted: set[str] = set()
        """Calls of an earlier controller, of which Asterisk may have more than this one was told."""
        self._anew: set[str] = set()
        self._in_app: set[str] = set()
        """Legs of ours whose StasisStart was told, and whose end was not yet."""
        self._received: set[str] = set()
        """Callers whom a reconcile has found; their StasisStart may still come."""
        self.frozen = False  # Asterisk answers, but acts on no channel (`pulse`)

    @property
    def live(self) -> int:
        return len(self._live)

    def ids(self) -> frozenset[str]:
        """Of the live calls."""
        return frozenset(self._live)

    def cost(self, call: str) -> float | None:
        """US dollars so far; None: it is not live."""
        actor = self._live.get(call)
        return actor.call_log.cost if actor is not None else None

    # ------------------------------------------------------------ what Asterisk tells

    def take(self, event: ari_events.Event) -> None:
        try:
            self._take(event)
        except Exception:  # the top of what is done about one event: it costs at most the call that it is about
            log.exception(
                "an event of Asterisk could not be handled: an error of ours", event_type=type(event).__name__
            )
            if isinstance(event, ari_events.StasisStart) and not self.owned(event.channel.id):
                self._tasks.create_task(self._reject(event.channel.id, "congestion"))

    def _take(self, event: ari_events.Event) -> None:
        match event:
            case ari_events.StasisStart(channel=channel) if back := dialplan.returned(event):
                if not self._put(channel.id, back):
                    self._tasks.create_task(self._reject(channel.id, "normal"))  # its call ended meanwhile
            case ari_events.StasisStart(channel=channel, args=args):
                self._entered(channel, args)
            case ari_events.StasisEnd(channel=channel):
                self._left_app(channel.id)
                self._arrivals.left(channel.id)
                self._put(channel.id, m.LegGone(channel.id, in_dialplan=True))
            case ari_events.ChannelDestroyed(channel=channel, cause=cause, tech_cause=status):
                self._put(channel.id, m.LegGone(channel.id, cause, status))
                self._by_leg.pop(channel.id, None)
                self._left_app(channel.id)
            case _ if (told := asterisk_inputs.input_of(event)) is not None:
                self._put(*told)

    def _left_app(self, channel: str) -> None:
        self._in_app.discard(channel)
        self._received.discard(channel)

    def _put(self, name: str, what: m.Input) -> bool:
        actor = self._live.get(self._by_leg.get(name) or m.Ids.call_of(name) or "")
        if actor is not None:
            actor.put(what)
        return actor is not None

    def _entered(self, channel: Channel, args: tuple[str, ...]) -> None:
        if m.Ids.call_of(channel.id) is not None:
            self._in_app.add(channel.id)
            if not self._put(channel.id, m.LegEntered(channel.id, args)):
                self._tasks.create_task(self._reject(channel.id, "normal"))  # its call ended meanwhile
        elif is_caller(channel):
            if channel.id in self._received:
                self._received.discard(channel.id)  # a reconcile was faster than its event
            else:
                self._arrivals.arrived(channel, args)
        else:
            log.info("not a caller, left alone", channel=channel.id, technology=channel.name.partition("/")[0])

    async def _reject(self, channel: str, reason: str) -> bool:
        """True: it was there, and is hung up now."""
        try:
            return await self._ari.hangup(channel, reason=reason)
        except AriError as error:
            log.warning("could not hang up a channel", channel=channel, reason=str(error))
            return False

    # ------------------------------------------------------------ what workers tell

    def take_worker_event(self, event: contract.CallEvent) -> None:
        actor = self._live.get(event.call)
        if actor is not None:
            self._worker_events.take(actor, event)

    def worker_lost(self, call: str) -> None:
        actor = self._live.get(call)
        if actor is not None:
            actor.put(m.WorkerLost("its worker is gone"))

    # ------------------------------------------------------------ what ops ask (ports.Calls)
    def place(self, plan: Plan, attempt: OutboundAttempt) -> None:
        """Begins a call from the queue. Raises NotReady and Busy."""
        if not all(self.ready().values()):
            raise errors.NotReady("No call can be placed at the moment: Asterisk or all workers are away.")
        if plan.call in self._live:
            raise errors.NotReady("Its last attempt is still being taken down.")
        self.room.admit(capacity.slot_of(plan))
        log.info("call placed", call=plan.call, agent=plan.agent.name, trunk=plan.trunk)
        self.begin(plan, attempt)

    def all(self) -> list[view.CallView]:
        return [*map(_view, reversed(self._live.values())), *self._ended.newest_first()]

    def get(self, call: str) -> view.CallView:
        actor = self._live.get(call)
        return _view(actor) if actor is not None else self.detail(call).call

    def detail(self, call: str) -> view.CallDetail:
        actor = self._live.get(call)
        if actor is not None:
            return view.detail_of(actor.call, actor.call_log)
        if (ended_call := self._ended.find(call)) is not None:
            return ended_call
        raise errors.UnknownCall("There is no such call, or it ended long ago.")

    def ready(self) -> Mapping[str, bool]:
        workers = any(w.socket is not None and w.media.reached for w in self._workers.all())
        return {"asterisk": self.link_up and not self.frozen, "workers": workers, "accepting": not self.room.draining}

    def _actor(self, call: str) -> CallActor:
        actor = self._live.get(call)
        if actor is None:
            self.get(call)
            raise errors.WrongState("The call has ended.")
        return actor

    # ------------------------------------------------------------ lives

    def _slots(self) -> Iterator[Slot]:
        """Of all calls that are up or about to be; those who wait in line take none."""
        yield from self._arrivals.asking()
        for each in self._live.values():
            if not self._arrivals.waits(each.id):
                yield capacity.slot_of(each.call.plan)
            yield from (Slot("leg", trunk, "") for trunk in each.legs.others())

    def callers(self) -> Iterator[str]:
        return (each.call.plan.caller or "" for each in self._live.values() if each.call.plan.direction == "inbound")

    def end_what_is_over_caps(self) -> None:
        """Asked again and again: minutes go on while legs are up."""
        spent = self._spending.spent(today())
        for each in list(self._live.values()):
            if spent and each.call.state is State.TRANSFERRED:
                each.put(m.WrapUpDue(PER_DAY))
            for what in daily_caps.inputs_of(each.call, each.legs.up(), self.room.cap_reached):
                each.put(what)

    def begin(self, plan: Plan, attempt: OutboundAttempt | None = None) -> CallActor:
        if plan.direction == "inbound":
            ringing = all_ringing(self._live.values(), asyncio.get_running_loop().time())
            plan = replace(plan, origin=loops.recognised(plan.callee or "", plan.caller or "", ringing))
        actor = self._actor_of(plan, attempt)
        self.room.reserve(plan)
        self._observe(lifecycle.CallBegan(plan.direction, _view(actor), plan.webhook, plan.attempt))
        return self._let_live(actor)

    def _actor_of(self, plan: Plan, attempt: OutboundAttempt | None, found: RecoveredCall | None = None) -> CallActor:
        same = self._ari, self._workers, self._tools, self._observe
        return CallActor(plan, *same, attempt, self.room, found, acts=lambda: self.ready()["asterisk"])

    def adopt(self, found: RecoveredCall, attempt: OutboundAttempt | None, recall: Recall | None) -> None:
        """Goes on with a call of an earlier controller. `recall`: fills in what was written down of it. Before anything
        is heard of Asterisk or workers."""
        plan = found.call.plan
        actor = self._actor_of(plan, attempt, found)
        for channel, trunk in legs_of(found.call):
            actor.legs.adopt(channel, trunk)
        if recall is not None:
            try:
                recall(actor.call_log, actor.memory)
            except Exception:  # the call is worth more than what was said before
                log.exception("what was written down of a call can't be read", call=plan.call)
        if found.call.session_open:
            self._workers.expect(plan.call, found.worker_boot)
        log.warning("a call of an earlier controller goes on", call=plan.call, state=found.call.state.value)
        self._observe(lifecycle.CallAdopted(_view(actor), plan.webhook, plan.attempt))
        self._adopted.add(plan.call)
        self._in_app |= actor.owned.standing
        self._let_live(actor)

    def receive_anew(self, channel: str) -> None:
        """A caller whose call could not be taken over: if they are still there, they have just come."""
        self._anew.add(channel)

    def kept(self, call: str) -> dict[str, Any] | None:
        """What the next controller would have to know of it; None: there is nothing to take over."""
        actor = self._live.get(call)
        if actor is None or actor.call.state in (State.ENDING, State.ENDED):
            return None
        return kept(actor.call, actor.owned.standing, self._workers.of(call))

    def _let_live(self, actor: CallActor) -> CallActor:
        plan = actor.call.plan
        self._live[plan.call] = actor
        self._by_leg[plan.leg] = plan.call
        self._empty.clear()
        self._running[plan.call] = self._tasks.create_task(self._live_through(actor), name=f"call {plan.call}")
        return actor

    async def _live_through(self, actor: CallActor) -> None:
        try:
            await actor.run()
        finally:
            if not self._left:
                self._over(actor)

    def _over(self, actor: CallActor) -> None:
        self._live.pop(actor.id, None)
        self._running.pop(actor.id, None)
        self._by_leg.pop(actor.call.plan.leg, None)
        self._ended.add(actor.id, view.detail_of(actor.call, actor.call_log))
        if not self._live:
            self._empty.set()
        try:
            self._tell_end(actor)
            if actor.attempt is not None:
                actor.attempt.over(_view(actor))
        finally:
            self._arrivals.ended(actor.id)

    def _tell_end(self, actor: CallActor) -> None:
        call = actor.call
        talked = (call.ended_at - call.answered_at).total_seconds() if call.ended_at and call.answered_at else 0.0
        self._observe(lifecycle.CallOver(call.plan.direction, call.outcome or "failed", talked, _view(actor)))
        log_lines.ended(call, talked, actor.call_log.cost)

    async def drain(self, patience: float, hurry: asyncio.Event) -> None:
        """No new calls; returns when those that live have ended (`drain.finish`)."""
        self.room.drain()
        await shutdown.finish(lambda: list(self._live.values()), self._empty, patience, hurry)
        for call, actor in self._live.items():
            actor.owned.give_up()
            if not actor.torn_down:
                self._running[call].cancel()  # what it holds is removed all the same (`CallActor.run`)
        await ended(list(self._running.values()), TEARDOWN_TIMEOUT + 1)

    def leave(self) -> None:
        """This controller can't go on. Its calls stay as they are: the next one takes them over."""
        self._left = True
        self.room.drain()
        for call, actor in self._live.items():
            actor.leave()
            self._running[call].cancel()

    # ------------------------------------------------------------ what is compared with Asterisk (reconcile.Calls)

    def standing(self) -> dict[str, frozenset[str]]:
        return {call: actor.owned.standing for call, actor in self._live.items()}

    def holds(self) -> dict[str, bool]:
        return {each.call.plan.leg: each.call.plan.leg in each.call.caller_hold.legs for each in self._live.values()}

    def owned(self, name: str) -> bool:
        call = self._by_leg.get(name) or m.Ids.call_of(name)
        if call in self._adopted and call in self._live:
            return self._live[call].owned.claims(name.removesuffix(";2"))  # the far half of a Local leg
        return call in self._live or self._arrivals.asks(name)

    def left(self, call: str, channel: str) -> None:
        self._left_app(channel)
        if call in self._live:
            self._live[call].put(m.LegGone(channel))

    def entered(self, channel: Channel, arguments: tuple[str, ...]) -> None:
        if channel.id not in self._in_app and self.owned(channel.id):
            log.warning("a leg has answered while nobody listened", channel=channel.id)
            self._entered(channel, arguments)

    def is_fresh(self, channel: str) -> bool:
        return channel in self._anew

    def receive(self, channel: Channel, arguments: tuple[str, ...]) -> None:
        self._anew.discard(channel.id)
        self._received.add(channel.id)
        self._arrivals.arrived(channel, arguments)

    def all_owned(self) -> None:
        self._adopted.clear()
