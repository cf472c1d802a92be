"""controller.events.webhooks.retry_policy: what comes after each attempt."""

import pytest
from hypothesis import given, strategies as st

from controller.events.webhooks.retry_policy import (
    GONE,
    JITTER,
    LONGEST_WAIT,
    WAITS,
    Attempt,
    Delivered,
    GiveUp,
    Retry,
    verdict,
)

DAY = 86400.0


@pytest.mark.parametrize(
    ("attempt", "attempts", "age", "then"),
    [
        (Attempt(200), 1, 0.0, Delivered()),
        (Attempt(204), 9, 2 * DAY, Delivered()),
        (Attempt(500, "500"), 1, 0.0, Retry(1.0)),
        (Attempt(None, "timeout"), 2, 1.0, Retry(5.0)),
        (Attempt(404, "404"), 9, 1.0, Retry(900.0)),
        (Attempt(302, "302"), 50, 1.0, Retry(900.0)),
        (Attempt(503, "503", retry_after=100), 1, 0.0, Retry(100.0)),
        (Attempt(503, "503", retry_after=0.1), 1, 0.0, Retry(1.0)),
        (Attempt(429, "429", retry_after=1e9), 1, 0.0, Retry(LONGEST_WAIT)),
        (Attempt(500, "500"), 9, DAY - 900, Retry(900.0)),
        (Attempt(500, "500"), 9, DAY - 899, GiveUp("500")),
        (Attempt(GONE, "410"), 1, 0.0, GiveUp("410")),
    ],
)
def test_verdicts(attempt: Attempt, attempts: int, age: float, then: object) -> None:
    assert verdict(attempt, attempts, age, DAY, 0.5) == then


@given(chance=st.floats(0, 1), give_up=st.floats(60, 7 * DAY))
def test_a_dead_receiver_is_tried_often_at_first_and_given_up_in_the_end(chance: float, give_up: float) -> None:
    age, attempts, waits = 0.0, 1, []
    while isinstance(then := verdict(Attempt(None, "refused"), attempts, age, give_up, chance), Retry):
        waits.append(then.seconds)
        age, attempts = age + then.seconds, attempts + 1
    assert then == GiveUp("refused")
    assert age <= give_up < age + WAITS[-1] * (1 + JITTER) + 1
    assert waits == sorted(waits)
    assert waits[0] <= WAITS[0] * (1 + JITTER)
