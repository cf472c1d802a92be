"""A call that drowns in inputs ends completely, whatever it waits for at that moment; and so does a shutdown."""

import asyncio
from typing import Any, cast

import pytest

from bridge import contract
from controller.ari.rest import Ari
from controller.calls.machine import inputs
from controller.calls.machine.plan import AgentPlan, Plan, State
from controller.calls.reporting.view import CallView
from controller.calls.runtime import actor as actors, shutdown
from controller.calls.runtime.actor import QUEUE_LIMIT, CallActor
from controller.calls.runtime.registry import Registry
from controller.calls.tools.http import HttpTools
from controller.workers.pool import WorkerPool
from tests.unit.controller.calls.machine.test_table import CALL, CALLER, IDS, SPEC, TARGET
from tests.unit.controller.calls.runtime.test_actor import OPENING, FakeAri, FakeTools, FakeWorkers
from tests.unit.controller.configs import SMALL, config, current

PARTY = IDS.participant("a")
INBOUND: list[inputs.Input] = [
    *OPENING,
    inputs.ParticipantAsked(PARTY, TARGET, "ops"),
    inputs.LegEntered(PARTY),
    inputs.HoldAsked("ops"),
    inputs.ResumeAsked("ops"),
    inputs.TransferAsked(TARGET, "ops", None),
    inputs.LegEntered(IDS.target(1)),
    inputs.HangUpAsked("ops"),
]
OUTBOUND: list[inputs.Input] = [
    inputs.AiReady(),
    inputs.LegEntered(IDS.callee),
    *OPENING[1:],
    inputs.WrapUpDue("length"),
    inputs.LastSaid("length"),
]
FLOOD: list[inputs.Input] = [
    inputs.LegRinging(CALLER),
    inputs.DigitPressed("1"),
    inputs.TimeUp("again"),
    inputs.ParticipantAsked(IDS.participant("b"), TARGET, "ops"),
    inputs.LegEntered(IDS.target(7)),
    inputs.TransferAsked(TARGET, "ops", None),
]


class Slow(FakeAri):
    """Answers no request from the `stands_at`-th on, until it is told to."""

    def __init__(self, stands_at: int) -> None:
        super().__init__()
        self._at = stands_at

    def __getattr__(self, name: str) -> Any:
        if len(self.done) >= self._at and self.stands is None:
            self.stands = asyncio.Event()
        return super().__getattr__(name)


class Errand:
    def __init__(self) -> None:
        self.ends: list[CallView] = []

    async def before_dial(self) -> None: ...
    def after_dial(self) -> None: ...
    def over(self, call: CallView) -> None:
        self.ends.append(call)


def acting(direction: str, ari: FakeAri) -> CallActor:
    leg, more = (CALLER, {}) if direction == "inbound" else (IDS.callee, {"target": TARGET})
    plan = Plan(
        CALL, cast(Any, direction), leg, AgentPlan(SPEC, wrap_up="Bye."), {"A": "1", "B": "2"}, **cast(Any, more)
    )
    fakes = cast(Ari, ari), cast(WorkerPool, FakeWorkers()), cast(HttpTools, FakeTools())
    return CallActor(plan, config(SMALL), *fakes, attempt=Errand() if direction == "outbound" else None)


@pytest.mark.parametrize("also_stopped", [False, True], ids=["", "at the process's end"])
@pytest.mark.parametrize("direction", ["inbound", "outbound"])
@pytest.mark.parametrize("stands_at", range(18))
async def test_whatever_it_waits_for(direction: str, stands_at: int, also_stopped: bool) -> None:
    ari = Slow(stands_at)
    actor = acting(direction, ari)
    task = asyncio.create_task(actor.run())
    for what in INBOUND if direction == "inbound" else OUTBOUND:
        actor.put(what)
        for _ in range(5):
            await asyncio.sleep(0)
    for number in range(QUEUE_LIMIT + 200):
        actor.put(FLOOD[number % len(FLOOD)])
    if also_stopped:
        task.cancel()
    for _ in range(5):
        await asyncio.sleep(0)
    slow, ari.stands, ari._at = ari.stands, None, 10**6
    if slow is not None:
        slow.set()
    async with asyncio.timeout(5):
        await asyncio.wait([task])
    assert actor.call.state is State.ENDED
    assert (actor.owned.existing, actor.owned.unconfirmed) == (frozenset(), frozenset())
    removed = {arguments[0] for name, arguments in ari.done if name in ("hangup", "destroy_bridge")}
    made = {arguments[0] for name, arguments in ari.done if name == "create_bridge"}
    assert made <= removed
    if direction == "inbound":
        assert CALLER in removed
    workers = cast(FakeWorkers, actor._workers)
    assert workers.released[-1] == CALL
    if any(isinstance(each, contract.Prepare) for each in workers.sent):
        assert isinstance(workers.sent[-1], contract.Close)


async def test_a_shutdown_waits_for_what_is_being_taken_down(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each hang-up takes a while: the process does not end with legs of a call that was half way through."""
    monkeypatch.setattr(shutdown, "HANG_UP", 0.1)
    monkeypatch.setattr(actors, "TEARDOWN_TIMEOUT", 3.0)

    class Steady(FakeAri):
        def __getattr__(self, name: str) -> Any:
            operation = super().__getattr__(name)

            async def slowly(*arguments: Any, **more: Any) -> Any:
                if name in ("hangup", "destroy_bridge"):
                    await asyncio.sleep(0.15)
                return await operation(*arguments, **more)

            return slowly

    ari = Steady()
    async with asyncio.TaskGroup() as tasks:
        workers, tools = cast(WorkerPool, FakeWorkers()), cast(HttpTools, FakeTools())
        registry = Registry(current(SMALL), cast(Ari, ari), workers, tasks, tools)
        actor = registry.begin(Plan(CALL, "inbound", CALLER, AgentPlan(SPEC), {}), config(SMALL))
        for what in OPENING:
            actor.put(what)
        for _ in range(60):
            await asyncio.sleep(0)
        assert actor.owned.existing >= {CALLER, IDS.media, IDS.bridge}
        for _ in range(QUEUE_LIMIT + 1):
            actor.put(inputs.LegRinging(CALLER))
        for _ in range(10):
            await asyncio.sleep(0)
        async with asyncio.timeout(5):
            await registry.drain(0, asyncio.Event())
        assert actor.owned.existing == frozenset()
