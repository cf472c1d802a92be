"""Which worker gets a call: one that is there, has a place and keeps its time."""

from typing import Any, cast

import pytest
from aiohttp import web

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
