"""All calls that live: how each begins, goes on and ends.

Decides nothing about a call once it lives: that is `machine/table.py`'s. Implements `api.ports.Calls`.
"""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import structlog

from bridge import contract
from bridge.common.background_tasks import Tasks, ended
from controller.ari.rest import Ari
from controller.calls import errors
from controller.calls.admission import capacity, limits
from controller.calls.admission.capacity import Slot
from controller.calls.admission.control import AdmissionControl, today
from controller.calls.admission.spending import Spending
from controller.calls.machine import call_loops, daily_caps, inputs
from controller.calls.machine.outcome import PER_DAY
from controller.calls.machine.plan import Plan, State
from controller.calls.reporting import lifecycle, log_lines, view
from controller.calls.reporting.ended_calls import EndedCalls
from controller.calls.runtime import shutdown
from controller.calls.runtime.actor import TEARDOWN_TIMEOUT, CallActor
from controller.calls.runtime.asterisk_events import AsteriskEvents
from controller.calls.runtime.call_control import CallControl
from controller.calls.runtime.cluster_member import ClusterMember
from controller.calls.runtime.inbound import InboundCalls
from controller.calls.runtime.ports import BrowserCalls, NoBrowsers, OutboundAttempt, Recall
from controller.calls.runtime.recovery import RecoveredCall, legs_of, snapshot
from controller.calls.runtime.worker_events import WorkerEvents
from controller.calls.tools.http import HttpTools
from controller.cluster.membership import Membership
from controller.config import Config, CurrentConfig
from controller.config.prices import Prices
from controller.workers.pool import WorkerPool

log = structlog.get_logger()


def _view(actor: CallActor) -> view.CallView:
    return view.view_of(actor.call, actor.call_log)


class Registry:
    """`observe` is told of lifecycle events."""

    def __init__(
        self,
        current: CurrentConfig,
        ari: Ari,
        workers: WorkerPool,
        tasks: Tasks,
        tools: HttpTools,
        observe: lifecycle.Observe = lifecycle.unobserved,
        browsers: BrowserCalls | None = None,
        cluster: Membership | None = None,
    ) -> None:
        config, self._current = current.config, current
        self._ari = ari
        self._workers = workers
        self._tasks = tasks
        self._tools = tools
        self._spending = Spending(config.limits, Prices.of_config(config.prices))
        current.follow(lambda now: self._spending.replace(now.limits, Prices.of_config(now.prices)))
        self.admission = AdmissionControl(current, workers, self._spending, self._slots, cluster)
        self._inbound = InboundCalls(
            *(current, ari, tools, tasks, self.admission),
            start=self.begin,
            callers=self.callers,
            observe=observe,
            browsers=browsers or NoBrowsers(),
        )
        self._browsers = browsers
        self._observe = observe
        self._live: dict[str, CallActor] = {}
        self._placing: set[str] = set()
        """Calls from the queue that are being admitted."""
        self._worker_events = WorkerEvents(current, self._spending, self._live, observe)
        workers.on_former_event = self.take_former_event
        self._running: dict[str, asyncio.Task[None]] = {}
        self._left = False
        self.asterisk = AsteriskEvents(ari, tasks, self._live, self._inbound)
        self._ended = EndedCalls()
        self.verbs = CallControl(current, self._actor)
        self._empty = asyncio.Event()
        self._empty.set()

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

    # ------------------------------------------------------------ what workers tell

    def take_worker_event(self, event: contract.CallEvent) -> None:
        actor = self._live.get(event.call)
        if actor is not None:
            self._worker_events.take(actor, event)
            if isinstance(event, contract.MediaGone):
                self.asterisk.media_ended()

    def take_former_event(self, event: contract.CallEvent) -> None:
        """Of a session that is not the call's present one any more."""
        actor = self._live.get(event.call)
        if actor is not None:
            self._worker_events.take_former(actor, event)

    def spend(self, used: contract.Used) -> tuple[float, bool]:
        """Of a text session: US dollars, and whether as much as allowed was spent today."""
        return self._worker_events.spend(used)

    def worker_lost(self, call: str) -> None:
        actor = self._live.get(call)
        if actor is not None:
            actor.put_of_session(inputs.WorkerLost("its worker is gone"))

    # ------------------------------------------------------------ what ops ask (ports.Calls)
    async def place(self, plan: Plan, begun: Config, attempt: OutboundAttempt) -> None:
        """Begins a call from the queue, which was planned with `begun`. Raises NotReady and Busy."""
        if not all(self.ready().values()):
            raise errors.NotReady("No call can be placed at the moment: Asterisk or all workers are away.")
        if plan.call in self._live:
            raise errors.NotReady("Its last attempt is still being taken down.")
        self.admission.admit(slot := capacity.slot_of(plan))
        if self.admission.shared:
            await self._claimed(slot)
        log.info("call placed", call=plan.call, agent=plan.agent.name, trunk=plan.trunk)
        self.begin(plan, begun, attempt)

    async def _claimed(self, slot: Slot) -> None:
        """Raises NotReady and Busy."""
        self._placing.add(slot.id)
        try:
            await self.admission.claim(slot)
        finally:
            self._placing.discard(slot.id)
        if self.admission.draining or self._left:
            self.admission.release(slot.id)
            raise errors.NotReady("This controller takes no new calls any more.")

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
        raise errors.UnknownCall("No live or recent call has this id.")

    def knows(self, call: str) -> bool:
        """Whether `detail` has it."""
        return call in self._live or self._ended.find(call) is not None

    def ready(self) -> Mapping[str, bool]:
        workers = any(w.socket is not None and w.media.reached for w in self._workers.all())
        asterisk = self.asterisk.link_up and not self.asterisk.frozen
        return {"asterisk": asterisk, "workers": workers, "accepting": not self.admission.draining}

    def accepts(self) -> bool:
        """Whether a caller who came now would get an agent."""
        return all(self.ready().values()) and self.admission.accepts()

    def _actor(self, call: str) -> CallActor:
        actor = self._live.get(call)
        if actor is None:
            self.get(call)
            raise errors.WrongState("The call has ended.")
        return actor

    # ------------------------------------------------------------ lives

    def _slots(self) -> Iterator[Slot]:
        """The slots of all calls that are up or about to be. Calls that wait in line take none."""
        yield from self._inbound.asking()
        for each in self._live.values():
            if not self._inbound.waits(each.id):
                yield capacity.slot_of(each.call.plan)
            yield from (Slot("leg", trunk, "") for trunk in each.legs.others())

    def member(self, version: str) -> ClusterMember:
        """What the cluster is told of this controller."""

        def asked_for() -> Iterator[str]:
            yield from self._placing
            yield from (slot.id for slot in self._inbound.asking())

        return ClusterMember(self._current, self._live, asked_for, self._inbound.waits, self.admission, version)

    def _ringing_legs(self, now: float) -> Iterator[call_loops.RingingLeg]:
        """The ringing legs of all calls, also those that were answered a moment ago."""
        for each in self._live.values():
            yield from each.legs.ringing(each.call.origin, now, each.call.plan.caller or "")

    def callers(self) -> Iterator[str]:
        return (each.call.plan.caller or "" for each in self._live.values() if each.call.plan.direction == "inbound")

    def end_what_is_over_caps(self) -> None:
        """Called every few seconds: minutes are counted while legs are up."""
        spent = self._spending.spent(today())
        for each in list(self._live.values()):
            if spent and each.call.state is State.TRANSFERRED:
                each.put(inputs.WrapUpDue(PER_DAY))
            for what in daily_caps.inputs_of(each.call, each.legs.up(), self.admission.cap_reached):
                each.put(what)

    def begin(self, plan: Plan, begun: Config, attempt: OutboundAttempt | None = None) -> CallActor:
        if plan.direction == "inbound":
            ringing = self._ringing_legs(asyncio.get_running_loop().time())
            plan = replace(plan, origin=call_loops.recognised(plan.callee or "", plan.caller or "", ringing))
        actor = self._actor_of(plan, begun, attempt)
        self.admission.reserve(plan)
        self._observe(lifecycle.CallBegan(plan.direction, _view(actor), plan.webhook, plan.attempt))
        return self._let_live(actor)

    def _actor_of(
        self, plan: Plan, begun: Config, attempt: OutboundAttempt | None, found: RecoveredCall | None = None
    ) -> CallActor:
        same = self._ari, self._workers, self._tools, self._observe
        return CallActor(
            plan,
            begun,
            *same,
            attempt,
            self.admission,
            found,
            acts=lambda: self.ready()["asterisk"],
            browsers=self._browsers,
        )

    def recover(
        self, found: RecoveredCall, begun: Config, attempt: OutboundAttempt | None, recall: Recall | None
    ) -> None:
        """Goes on with a call of an earlier controller, before the first event of Asterisk or a worker. `recall`: fills
        in its log from the records."""
        plan = found.call.plan
        actor = self._actor_of(plan, begun, attempt, found)
        for channel, trunk in legs_of(found.call):
            actor.legs.recover(channel, trunk)
        if recall is not None:
            try:
                recall(actor.call_log, actor.memory)
            except Exception:  # the call goes on without its log
                log.exception("what was written down of a call can't be read", call=plan.call)
        if found.call.session_open:
            self._workers.expect(plan.call, found.worker_boot)
        log.warning("a call of an earlier controller goes on", call=plan.call, state=found.call.state.value)
        self._observe(lifecycle.CallAdopted(_view(actor), plan.webhook, plan.attempt))
        self.asterisk.recovered(actor)
        self._let_live(actor)

    def snapshot(self, call: str) -> dict[str, Any] | None:
        """The row that the next controller needs to take the call over; None: the call is over."""
        actor = self._live.get(call)
        if actor is None or actor.call.state in (State.ENDING, State.ENDED):
            return None
        return snapshot(actor.call, actor.owned.existing, self._workers.of(call))

    def _let_live(self, actor: CallActor) -> CallActor:
        plan = actor.call.plan
        self._live[plan.call] = actor
        if self.admission.shared:
            self._hold(actor)
        self.asterisk.began(actor)
        self._empty.clear()
        self._running[plan.call] = self._tasks.create_task(self._live_through(actor), name=f"call {plan.call}")
        return actor

    def _hold(self, actor: CallActor) -> None:
        """However it has begun: admitted, in line, found. The cluster knows who has it."""
        plan, own = actor.call.plan, actor.call.plan.leg
        waits = plan.waiting is not None
        self.admission.hold(plan.call, limits.scopes_of_call(self._current.config, plan, waits=waits))
        for channel, trunk in actor.legs.up().items():
            if channel != own:
                self.admission.hold(channel, limits.scopes_of_leg(self._current.config, trunk))

    async def _live_through(self, actor: CallActor) -> None:
        try:
            await actor.run()
        finally:
            if not self._left:
                self._over(actor)

    def _over(self, actor: CallActor) -> None:
        self._live.pop(actor.id, None)
        self._running.pop(actor.id, None)
        self.asterisk.ended(actor)
        self.admission.release(actor.id)
        self._ended.add(actor.id, view.detail_of(actor.call, actor.call_log))
        if not self._live:
            self._empty.set()
        try:
            self._tell_end(actor)
            if actor.attempt is not None:
                actor.attempt.over(_view(actor))
        finally:
            self._inbound.ended(actor.id)

    def _tell_end(self, actor: CallActor) -> None:
        call = actor.call
        talked = (call.ended_at - call.answered_at).total_seconds() if call.ended_at and call.answered_at else 0.0
        self._observe(lifecycle.CallOver(call.plan.direction, call.outcome or "failed", talked, _view(actor)))
        log_lines.ended(call, talked, actor.call_log.cost)

    async def drain(self, patience: float, hurry: asyncio.Event) -> None:
        """No new calls; returns when those that live have ended (`shutdown.finish`)."""
        self.admission.drain()
        await shutdown.finish(lambda: list(self._live.values()), self._empty, patience, hurry)
        for call, actor in self._live.items():
            actor.owned.give_up()
            if not actor.torn_down:
                self._running[call].cancel()  # what it has in Asterisk is removed all the same (`CallActor.run`)
        await ended(list(self._running.values()), TEARDOWN_TIMEOUT + 1)

    def leave(self) -> None:
        """This controller ends by an error. Its calls stay as they are, and the next controller takes them over."""
        self._left = True
        self.admission.drain()
        for call, actor in self._live.items():
            actor.leave()
            self._running[call].cancel()
