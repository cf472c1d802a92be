"""Refused workers are remembered for a short time, and not many."""

from controller.workers.refusals import KEPT_SECONDS, MOST_KEPT, Refusals, RefusedWorker


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def test_refusals_are_those_of_the_last_minute_and_bounded() -> None:
    clock = Clock()
    refusals = Refusals(clock)
    for number in range(MOST_KEPT + 10):
        refusals.note(RefusedWorker(f"w{number:03}", "192.0.2.1", "no", clock.now))
    assert [each.name for each in refusals.all()] == [f"w{number:03}" for number in range(10, MOST_KEPT + 10)]
    clock.now += KEPT_SECONDS / 2
    refusals.note(RefusedWorker("w010", "192.0.2.1", "another reason", clock.now))
    clock.now += KEPT_SECONDS / 2 + 1
    assert [(each.name, each.reason) for each in refusals.all()] == [("w010", "another reason")]
    refusals.forget("w010")
    assert refusals.all() == []
