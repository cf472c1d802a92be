"""Which worker gets a call: one that is there, has a place and keeps its time."""

from typing import Any, cast

import pytest
from aiohttp import web
from hypothesis import given, strategies as st

from bridge import contract
from controller.workers.pool import WorkerPool
from controller.workers.worker import (
    OVERLOADED_BEATS,
    OVERLOADED_BUSY,
    OVERLOADED_MS,
    RECOVERED_BEATS,
    RECOVERED_BUSY,
    RECOVERED_MS,
    NoWorker,
    Worker,
)
from controller.workers.worker_admission import WorkerAdmission
from controller.workers.worker_choice import choose

LATE, MIDDLING, PUNCTUAL = OVERLOADED_MS + 1, (OVERLOADED_MS + RECOVERED_MS) / 2, RECOVERED_MS - 1


def worker(name: str = "w1", *, capacity: int = 2, **keys: Any) -> Worker:
    return Worker(name, 1, "127.0.0.1", 9092, capacity, cast(web.WebSocketResponse, object()), **keys)


def beats(one: Worker, late: float, times: int, busy: float = 0.0) -> list[bool]:
    """Whether it counts as overloaded, after each."""
    found = []
    for _ in range(times):
        one.load = contract.Load(lateness_p99_ms=late, busy=busy)
        one.update_health()
        found.append(one.overloaded)
    return found


def test_late_for_two_seconds_is_overloaded_and_punctual_for_three_is_not() -> None:
    one = worker(calls={"x"})
    assert beats(one, LATE, OVERLOADED_BEATS) == [False] * (OVERLOADED_BEATS - 1) + [True]
    assert beats(one, PUNCTUAL, RECOVERED_BEATS) == [True] * (RECOVERED_BEATS - 1) + [False]


def test_a_passing_stall_is_neither() -> None:
    one = worker(calls={"x"})
    for _ in range(5):
        assert not any(beats(one, LATE, OVERLOADED_BEATS - 1))
        assert not any(beats(one, PUNCTUAL, 1))


def test_a_worker_that_is_half_well_stays_as_it_was() -> None:
    one = worker(calls={"x"})
    assert not any(beats(one, MIDDLING, 50))
    beats(one, LATE, OVERLOADED_BEATS)
    assert all(beats(one, MIDDLING, 50))
    beats(one, PUNCTUAL, RECOVERED_BEATS - 1)
    beats(one, MIDDLING, 1)
    assert all(beats(one, PUNCTUAL, RECOVERED_BEATS - 1))


def test_a_core_that_is_nearly_used_up_is_reason_enough_before_anything_is_late() -> None:
    one = worker(calls={"x"})
    assert not any(beats(one, PUNCTUAL, 50, busy=OVERLOADED_BUSY))
    assert beats(one, PUNCTUAL, OVERLOADED_BEATS, busy=OVERLOADED_BUSY + 0.01)[-1]
    assert all(beats(one, PUNCTUAL, 50, busy=RECOVERED_BUSY)), "punctual, and it would be busy again with the next call"
    assert not beats(one, PUNCTUAL, RECOVERED_BEATS, busy=RECOVERED_BUSY - 0.01)[-1]


def test_one_without_calls_is_not_given_up() -> None:
    assert not any(beats(worker(), LATE, 50))


def workers(*known: Worker) -> WorkerPool:
    made = WorkerPool(WorkerAdmission("secret"), lambda _: None, lambda _: None)
    made._workers = {each.name: each for each in known}
    return made


@pytest.mark.parametrize(
    ("known", "room"),
    [
        ([], False),
        ([worker()], True),
        ([worker(calls={"a", "b"})], False),
        ([worker(overloaded=True)], False),
        ([Worker("gone", 1, "127.0.0.1", 9092, 2, None)], False),
        ([worker(overloaded=True), worker("w2")], True),
    ],
)
def test_room(known: list[Worker], room: bool) -> None:
    made = workers(*known)
    assert made.has_room() is room
    if room:
        assert not made.assign("call").overloaded
    else:
        with pytest.raises(NoWorker):
            made.assign("call")


@pytest.mark.parametrize("load", [contract.Load(lateness_p99_ms=LATE), contract.Load(busy=OVERLOADED_BUSY + 0.01)])
def test_who_was_late_or_busy_a_moment_ago_comes_last(load: contract.Load) -> None:
    strained, well = (
        worker("w1", load=load),
        worker("w2", calls={"x"}, load=contract.Load(lateness_p99_ms=OVERLOADED_MS / 2)),
    )
    made = workers(strained, well)
    assert [made.assign(str(number)).name for number in range(3)] == ["w2", "w1", "w1"]
    assert not made.has_room()


def others(elsewhere: int, name: str = "b.w1", *, capacity: int = 2, **keys: Any) -> Worker:
    """A worker of another node, with so many calls of other controllers."""
    users = (contract.WorkerUser(node="b", calls=elsewhere, home=True),)
    load = contract.Load(home=False, elsewhere=elsewhere, users=users, **keys)
    return worker(name, capacity=capacity, load=load, boot=name)


def test_own_workers_come_first_however_busy_until_they_are_full() -> None:
    made = workers(others(0), worker("w1", load=contract.Load(lateness_p99_ms=LATE)))
    assert [made.assign(str(number)).name for number in range(4)] == ["w1", "w1", "b.w1", "b.w1"]
    assert not made.has_room()


@pytest.mark.parametrize("away", [{"overloaded": True}, {"retiring": True}, {"calls": {"a", "b"}}])
def test_a_worker_of_another_node_is_used_when_the_own_ones_are_not_to_be_had(away: dict[str, Any]) -> None:
    made = workers(worker("w1", **away), others(1))
    assert made.assign("call").name == "b.w1"
    assert not made.has_room(), "the other place is another controller's"


def test_what_has_refused_a_call_is_not_asked_again_for_it() -> None:
    made = workers(others(0, "b.w1"), others(0, "b.w2"))
    assert made.assign("call", refused={"b.w1"}).name == "b.w2"
    with pytest.raises(NoWorker):
        made.assign("another", refused={"b.w1", "b.w2"})


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 3), st.integers(0, 3), st.booleans()), max_size=6),
    st.sets(st.integers(0, 5)),
)
def test_the_choice_has_room_and_is_own_if_that_can_be(drawn: list[tuple[bool, int, int, bool]], no: set[int]) -> None:
    known = [
        worker(
            *(str(number),),
            calls={f"{number}-{call}" for call in range(calls)},
            load=contract.Load(home=home, elsewhere=elsewhere),
            boot=str(number),
            overloaded=overloaded,
        )
        for number, (home, calls, elsewhere, overloaded) in enumerate(drawn)
    ]
    refused = set(map(str, no))
    free = [each for each in known if each.room and not each.overloaded and each.boot not in refused]
    chosen = choose(known, {}, refused=refused)
    assert (chosen in free) if free else chosen is None
    if chosen is not None and not chosen.load.home:
        assert not any(each.load.home for each in free)


def test_of_two_that_are_late_the_one_that_is_less_so_comes_first() -> None:
    worse, bad = contract.Load(lateness_p99_ms=280), contract.Load(lateness_p99_ms=LATE)
    made = workers(worker("w1", load=worse), worker("w2", calls={"x"}, load=bad))
    assert made.assign("call").name == "w2"


def test_the_least_loaded_gets_it_until_all_are_full() -> None:
    one, two = worker("w1", calls={"x"}), worker("w2")
    made = workers(one, two)
    assert [made.assign(str(number)).name for number in range(3)] == ["w2", "w1", "w2"]
    assert not made.has_room()
    made.release("x")
    made.release("0")
    assert made.has_room()
