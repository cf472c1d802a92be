"""Callers who were let in and have no worker yet: their places are not given to the next one."""

from dataclasses import replace

import pytest

from controller.calls.admission import control
from controller.calls.admission.capacity import Slot
from controller.calls.admission.control import RESERVED_S, AdmissionControl
from controller.calls.admission.spending import Spending
from controller.calls.errors import NoAgent, NotReady
from controller.calls.machine.plan import AgentPlan, Plan, Waiting
from controller.config import CurrentConfig
from controller.config.prices import Prices
from controller.workers.pool import WorkerPool
from tests.unit.controller.calls.machine.test_table import CALLER, SPEC
from tests.unit.controller.configs import SMALL, config
from tests.unit.controller.workers.test_worker_choice import worker, workers

CALLER_OF_ONE = Slot("inbound", None, "reception")


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(control, "monotonic", lambda: self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def room_of(known: WorkerPool) -> AdmissionControl:
    settings = config(SMALL)
    return AdmissionControl(CurrentConfig(settings), known, Spending(settings.limits, Prices({})), list)


def plan(call: str) -> Plan:
    return Plan(call, "inbound", CALLER, AgentPlan(SPEC), {})


def has_room(room: AdmissionControl) -> bool:
    try:
        room.admit(CALLER_OF_ONE)
    except NoAgent:
        return False
    return True


@pytest.mark.parametrize("places", [0, 1, 2, 5])
def test_as_many_are_let_in_at_one_moment_as_there_are_places(clock: Clock, places: int) -> None:
    room = room_of(workers(*([worker(capacity=places)] if places else [])))
    for number in range(places):
        assert has_room(room)
        room.reserve(plan(f"c{number}"))
    assert not has_room(room)


def test_places_of_several_workers_count_and_those_of_overloaded_and_full_ones_do_not(clock: Clock) -> None:
    room = room_of(
        workers(worker(calls={"a"}), worker("w2"), worker("w3", overloaded=True), worker("w4", calls={"b", "c"}))
    )
    for number in range(3):
        assert has_room(room)
        room.reserve(plan(f"c{number}"))
    assert not has_room(room)


def test_a_call_that_has_its_worker_is_not_counted_twice(clock: Clock) -> None:
    known = workers(worker())
    room = room_of(known)
    room.reserve(plan("a"))
    known.assign("a")
    assert has_room(room)
    room.reserve(plan("b"))
    assert not has_room(room)
    known.assign("b")
    known.release("a")
    assert has_room(room)


def test_a_place_is_kept_for_a_moment_only(clock: Clock) -> None:
    room = room_of(workers(worker(capacity=1)))
    room.reserve(plan("never asks for one"))
    clock.now += RESERVED_S - 0.01
    assert not has_room(room)
    clock.now += 0.02
    assert has_room(room)


def test_who_waits_in_a_line_or_gets_no_agent_takes_no_place_until_it_is_their_turn(clock: Clock) -> None:
    room = room_of(workers(worker(capacity=1)))
    waits = replace(plan("waits"), waiting=Waiting(longest=60.0, announce=30.0, then=None))
    room.reserve(waits)
    room.reserve(replace(plan("refused"), unserved="busy"))
    assert has_room(room)
    room.reserve(waits, served=True)
    assert not has_room(room)


def test_nobody_is_let_in_while_it_drains(clock: Clock) -> None:
    room = room_of(workers(worker()))
    room.drain()
    with pytest.raises(NotReady):
        room.admit(CALLER_OF_ONE)
