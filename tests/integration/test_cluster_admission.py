"""Callers and calls of two controllers that share limits: each is let in, sent on, waits or is refused as if they were
one. The slots are in memory."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import date
from types import SimpleNamespace
from typing import Any, cast

import pytest

from controller.ari.resources import Channel
from controller.ari.rest import Ari
from controller.calls import errors
from controller.calls.admission import control, limits
from controller.calls.admission.control import AdmissionControl
from controller.calls.admission.limits import Slot
from controller.calls.admission.spending import Spending
from controller.calls.machine import inputs
from controller.calls.machine.call import Call
from controller.calls.machine.plan import Plan
from controller.calls.runtime import inbound, waiting_callers
from controller.calls.runtime.actor import CallActor
from controller.calls.runtime.cluster_member import ClusterMember
from controller.calls.runtime.ports import NoBrowsers, OutboundAttempt
from controller.calls.runtime.registry import Registry
from controller.calls.tools.http import HttpTools
from controller.cluster.membership import Membership
from controller.cluster.memory import MemoryBackend, Shared
from controller.cluster.node import NodeId
from controller.cluster.port import CALLS, Holdings, Limit
from controller.config import CurrentConfig
from controller.config.prices import Prices
from tests.unit.controller.calls.machine.test_table import NOW, outbound as outbound_call
from tests.unit.controller.configs import FULL, SMALL, config, current
from tests.unit.controller.workers.test_worker_choice import worker, workers


class Node:
    """One controller, as far as admission goes. `gate`: what is asked of the cluster waits for it."""

    def __init__(self, name: str, made: CurrentConfig, shared: Shared, tasks: asyncio.TaskGroup) -> None:
        self.backend = MemoryBackend(NodeId(name, 1), shared)
        self.membership = Membership(self.backend._node, self.backend)
        spending = Spending(made.config.limits, Prices({}))
        known = workers(worker(capacity=50))
        self.admission = AdmissionControl(made, known, spending, self.slots, self.membership)
        self.current, self.begun, self.hung_up, self.sent_on = made, dict[str, Any](), list[str](), list[str]()
        self.gate = asyncio.Event()
        self.gate.set()
        take = self.backend.take

        async def gated(*claimed: Any) -> Limit | None:
            await self.gate.wait()
            return await take(*claimed)

        self.backend.take = gated  # type: ignore[method-assign,assignment]
        self.arrivals = inbound.InboundCalls(
            *(made, cast(Ari, self), cast(HttpTools, None), tasks, self.admission),
            lambda plan, _: self.begin(plan),
            lambda: (each.call.plan.caller or "" for each in self.begun.values()),
            lambda _: None,
            NoBrowsers(),
        )
        waits, live = self.arrivals.waits, cast(Any, self.begun)
        self.member = ClusterMember(made, live, self.asked_for, waits, self.admission, "1")

    def asked_for(self) -> Iterator[str]:
        return (slot.id for slot in self.arrivals.asking())

    def slots(self) -> Iterator[Slot]:
        return iter(())

    def begin(self, plan: Plan) -> CallActor:
        legs = SimpleNamespace(up=dict)
        actor = SimpleNamespace(id=plan.call, call=Call(plan, NOW), put=self.put, legs=legs)
        self.begun[plan.call] = actor
        waits = plan.waiting is not None
        self.admission.hold(plan.call, limits.scopes_of_call(self.current.config, plan, waits=waits))
        return cast(CallActor, actor)

    def put(self, what: inputs.Input) -> None:
        if isinstance(what, inputs.RoomFound):
            self.sent_on.append("served")

    def over(self, call: str | None = None) -> None:
        call = call or next(iter(self.begun))
        del self.begun[call]
        self.admission.release(call)
        self.arrivals.ended(call)

    async def hangup(self, channel: str, *, reason: str) -> None:
        self.hung_up.append(reason)

    async def evaluate(self, *_: Any) -> list[str]:
        return ["", "", "", ""]

    async def subscribe(self, *_: Any) -> None: ...

    async def continue_in_dialplan(self, *_: Any, **__: Any) -> None:
        self.sent_on.append("dialplan")

    async def caller(self, channel: str, number: str = "+4930", to: str = "5001") -> None:
        self.arrivals.arrived(Channel(channel, "PJSIP/x-1", "Ring", caller_number=number, exten=to), ())
        await settled()


async def settled() -> None:
    for _ in range(60):
        await asyncio.sleep(0)


@asynccontextmanager
async def two(base: dict[str, Any] = SMALL, **changes: Any) -> AsyncIterator[tuple[Node, Node, Shared]]:
    made, shared = current(base, **changes), Shared()
    async with asyncio.TaskGroup() as tasks:
        nodes = [Node(name, made, shared, tasks) for name in ("a", "b")]
        running = [tasks.create_task(each.membership.run(each.member)) for each in nodes]
        async with asyncio.timeout(5):
            while not all(each.membership.up for each in nodes):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        yield nodes[0], nodes[1], shared
        for each in nodes:
            for call in list(each.begun):
                each.over(call)
        async with asyncio.timeout(5):
            while shared.book.scopes():  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        for task in running:
            task.cancel()
        for each in nodes:
            if (timer := each.arrivals._waiting._timer) is not None:
                timer.cancel()


async def test_a_limit_is_that_of_both_and_a_call_that_ends_makes_room() -> None:
    async with two(limits__max_calls=2) as (first, second, shared):
        await first.caller("1")
        await second.caller("2")
        await second.caller("3")
        assert (len(first.begun), len(second.begun), second.hung_up) == (1, 1, ["busy"])
        assert shared.book.scopes() == {CALLS: 2, "total": 2}
        first.over()
        await settled()
        await second.caller("4")
        assert len(second.begun) == 2


async def test_who_has_no_room_in_the_cluster_goes_where_the_overflow_says() -> None:
    routes = [{"to": "*", "agent": "reception", "overflow": [{"agent": "night"}]}]
    async with two(FULL, routes=routes, agents__reception__max_calls=1) as (first, second, shared):
        await first.caller("1")
        await second.caller("2")
        (plan,) = [each.call.plan for each in second.begun.values()]
        assert plan.agent.name == "night"
        assert shared.book.scopes() == {CALLS: 2, "agent:reception": 1}


async def test_who_waits_in_line_begins_when_a_call_of_the_other_controller_has_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(waiting_callers, "SERVE_EVERY", 0.02)
    routes = [{"to": "*", "agent": "reception", "overflow": [{"wait": {"max_wait_s": 30}}]}]
    async with two(routes=routes, limits__max_calls=1) as (first, second, shared):
        await first.caller("1")
        await second.caller("2")
        await asyncio.sleep(0.1)
        assert second.sent_on == []
        assert shared.book.scopes() == {CALLS: 2, "total": 1}, "who waits is a call, and takes no room"
        first.over()
        async with asyncio.timeout(5):
            while second.sent_on != ["served"]:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        assert shared.book.scopes() == {CALLS: 1, "total": 1}


async def test_a_caller_who_hangs_up_while_the_cluster_is_asked_takes_nothing() -> None:
    async with two(limits__max_calls=1) as (first, second, shared):
        first.gate.clear()
        await first.caller("1")
        assert list(first.member.holdings().values()) == [()]
        first.arrivals.left("1")
        await settled()
        first.gate.set()
        await second.caller("2")
        assert (len(first.begun), len(second.begun)) == (0, 1)
        assert shared.book.scopes() == {CALLS: 1, "total": 1}


async def test_one_caller_has_as_many_calls_in_both_as_may_be_and_no_overflow() -> None:
    routes = [{"to": "*", "agent": "reception", "overflow": [{"wait": {"max_wait_s": 30}}]}]
    async with two(routes=routes, limits__per_caller={"max_calls": 1}) as (first, second, shared):
        await first.caller("1", "+49301")
        await second.caller("2", "+49301")
        await second.caller("3", "+49302")
        assert (len(first.begun), len(second.begun), second.hung_up) == (1, 1, ["busy"])
        assert not any("4930" in scope for scope in shared.book.scopes()), "no number of a caller"


async def test_a_controller_that_goes_down_meanwhile_begins_nothing() -> None:
    async with two(limits__max_calls=1) as (first, second, _):
        first.gate.clear()
        await first.caller("1")
        first.admission.drain()
        first.gate.set()
        await settled()
        assert (len(first.begun), first.hung_up) == (0, ["congestion"])
        await second.caller("2")
        assert len(second.begun) == 1


async def test_legs_count_for_their_trunk_in_both_and_are_free_when_they_are_over() -> None:
    async with two(FULL, trunks__main__max_calls=1) as (first, second, shared):
        await first.admission.claim_leg("leg-1", "main")
        with pytest.raises(errors.Busy, match="trunks.<name>.max_calls"):
            await second.admission.claim_leg("leg-2", "main")
        await second.admission.claim_leg("leg-3", "desk")
        await second.admission.claim_leg("leg-4", None)
        assert shared.book.scopes() == {"trunk:main": 1}
        first.admission.over("leg-1")
        await settled()
        await second.admission.claim_leg("leg-2", "main")
        second.admission.over("leg-2")


async def test_money_and_minutes_of_the_other_controller_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("controller.cluster.membership.BEAT_S", 0.02)
    changes = {"limits__spend_per_day": 10.0, "trunks__main__minutes_per_day": 2.0}
    async with two(FULL, **changes) as (first, second, _):
        first.admission._spending.remember(6.0, control.today())
        second.admission._spending.remember(4.0, control.today())
        async with asyncio.timeout(5):
            while not (first.admission.out_of_service() and second.admission.out_of_service()):  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        with pytest.raises(errors.Busy, match="spend_per_day"):
            first.admission.check_session()
        assert second.admission.dollars(control.today()) == 4.0, "its own"
    third = AdmissionControl(current(FULL, **changes), workers(worker()), first.admission._spending, list)
    assert third.cap_reached("main") is None
    third.elsewhere(control.today(), {"seconds": 500.0, "seconds:main": 120.0, "dollars": 0.0})
    assert third.cap_reached("main") == "trunks.<name>.minutes_per_day"
    assert third.cap_reached("desk") is None
    third.elsewhere(date(2000, 1, 1), {"seconds:main": 500.0})
    assert third.cap_reached("main") is None


async def test_a_call_from_the_queue_is_placed_where_both_have_room() -> None:
    made, shared = CurrentConfig(config(FULL, limits__max_calls=1)), Shared()
    attempt = cast(OutboundAttempt, SimpleNamespace(over=lambda _: None))
    plan = outbound_call().plan
    other = MemoryBackend(NodeId("b", 1), shared)
    async with asyncio.TaskGroup() as tasks:
        us = MemoryBackend(NodeId("a", 1), shared)
        membership = Membership(NodeId("a", 1), us)
        fakes = cast(Ari, SimpleNamespace()), workers(worker(capacity=5)), tasks, cast(HttpTools, None)
        registry = Registry(made, *fakes, cluster=membership)
        begun = list[str]()
        registry.begin = lambda plan, *_: begun.append(plan.call)  # type: ignore[method-assign,assignment]
        registry.ready = lambda: {"asterisk": True}  # type: ignore[method-assign]
        running = tasks.create_task(membership.run(registry.member("1")))
        await settled()
        await other.hold(Holdings({"x": ("total",)}))
        with pytest.raises(errors.Busy, match="limits.max_calls"):
            await registry.place(plan, made.config, attempt)
        await other.release({"x": ()})
        await registry.place(plan, made.config, attempt)
        assert begun == [plan.call]
        assert shared.book.owner("total", plan.call) == "a:1"
        running.cancel()


def test_a_controller_that_is_alone_asks_nobody() -> None:
    made = current(SMALL, limits__max_calls=1)
    alone = Membership(NodeId("a", 1), MemoryBackend(NodeId("a", 1)))
    room = AdmissionControl(made, workers(worker()), Spending(made.config.limits, Prices({})), list, alone)
    assert not room.shared
    room.admit(Slot("inbound", None, "reception", id="c"))
    claim = room.claim(Slot("inbound", None, "reception", id="c"))
    with pytest.raises(StopIteration):
        claim.send(None)
    room.hold("c", (CALLS,))
    room.release("c")
    assert alone._book.scopes() == {}
