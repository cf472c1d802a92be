"""tests.chaos.verdict: what may be blamed on a strike, and what may not."""

import pytest

from tests.chaos.callers import Visit
from tests.chaos.faults import Struck
from tests.chaos.missed_audio import Heard, Hole
from tests.chaos.plan import Fault
from tests.chaos.verdict import unexplained, without_end

CALLS = {"49": "c"}


def visit(*holes: Hole, outcome: str = "done", first: float = 101.0) -> Visit:
    return Visit("49", 100.0, 160.0, outcome, Heard(first, 159.0 if first else 0.0, holes, 0.02))


def struck(fault: Fault, at: float = 120.0, **more: object) -> Struck:
    return Struck(fault, at, at + 0.5, **more)  # type: ignore[arg-type]


def wrong(seen: Visit, *strikes: Struck) -> int:
    return len(unexplained([seen], CALLS, strikes))


OURS = frozenset({"c"})
SECOND = Hole(120.1, 1.0)


def test_a_good_call() -> None:
    assert wrong(visit()) == 0


@pytest.mark.parametrize("outcome", ["left", "deaf", "refused", "unanswered"])
def test_a_call_is_lost(outcome: str) -> None:
    lost = visit(outcome=outcome)
    assert wrong(lost) == 1
    assert wrong(lost, struck(Fault.WORKER_KILLED, calls=OURS)) == 1, "another worker takes it over"
    assert wrong(lost, struck(Fault.AI_GONE, everybody=True)) == 1, "it is reconnected"
    assert wrong(lost, struck(Fault.ASTERISK_KILLED, everybody=True)) == 0
    assert wrong(lost, struck(Fault.ASTERISK_KILLED, at=50.0, everybody=True)) == 1, "long before"
    assert wrong(lost, struck(Fault.ASTERISK_KILLED, at=170.0, everybody=True)) == 1, "after it"
    assert wrong(lost, *[struck(Fault.WORKER_KILLED, calls=OURS)] * 4) == 0


def test_a_hole_and_who_is_to_blame() -> None:
    assert wrong(visit(SECOND)) == 1
    assert wrong(visit(SECOND), struck(Fault.WORKER_KILLED, calls=OURS)) == 0
    assert wrong(visit(SECOND), struck(Fault.WORKER_KILLED, calls=frozenset({"another"}))) == 1
    assert wrong(visit(SECOND), struck(Fault.AI_DROPPED, callers=frozenset({"49"}))) == 0
    assert wrong(visit(SECOND), struck(Fault.WORKER_KILLED, at=140.0, calls=OURS)) == 1
    assert wrong(visit(SECOND), struck(Fault.MEDIA_GARBAGE, everybody=True)) == 1, "nobody may feel that"


def test_whoever_talks_does_not_feel_that_the_controller_is_killed() -> None:
    lost, spared = visit(outcome="left"), frozenset({"49"})
    assert wrong(lost, struck(Fault.CONTROLLER_KILLED, everybody=True)) == 0, "it was just being received"
    assert wrong(lost, struck(Fault.CONTROLLER_KILLED, everybody=True, spared=spared)) == 1
    assert wrong(visit(SECOND), struck(Fault.CONTROLLER_KILLED, everybody=True, spared=spared)) == 1


def test_it_may_not_take_for_ever_to_come_back() -> None:
    assert wrong(visit(Hole(120.1, 13.0)), struck(Fault.WORKER_FROZEN, calls=OURS)) == 1


def test_a_busy_machine_is_not_blamed_and_a_stuttering_agent_is() -> None:
    small = [Hole(102.0 + n, 0.1) for n in range(20)]
    assert wrong(visit(*small[:5])) == 0
    assert wrong(visit(*small)) == 1


def test_the_agent_never_spoke() -> None:
    assert wrong(visit(first=0.0)) == 1


def test_calls_without_an_end() -> None:
    began = {"id": "c", "caller": "49", "started_at": "2026-01-01T00:00:00Z"}
    assert without_end([{**began, "ended_at": "2026-01-01T00:01:00Z"}]) == []
    assert without_end([{**began, "ended_at": None}]) == ["c of 49"]
    assert without_end([{**began, "ended_at": None}], born_before=2e9) == []
