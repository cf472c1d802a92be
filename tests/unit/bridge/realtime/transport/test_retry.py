"""Which provider is tried when, and when no more."""

import pytest
from hypothesis import given, strategies as st
from pydantic import SecretStr

from bridge.contract import Provider
from bridge.realtime.transport.retry import PACE, RetryBudget, renewal_due_s


def retries(count: int = 1) -> RetryBudget:
    return RetryBudget([Provider(name=str(number), api_key=SecretStr("k")) for number in range(count)], PACE)


def test_four_more_tries_ever_later() -> None:
    budget = retries()
    assert [budget.failed(budget.provider, 0, refused=False) for _ in range(5)] == [0.25, 0.5, 1.0, 2.0, None]


def test_a_refusal_is_final_for_that_provider() -> None:
    budget = retries(2)
    assert budget.failed(budget.provider, 0, refused=True) == 0
    assert budget.provider.name == "1"
    budget.progressed(budget.provider)
    for _ in range(4):
        assert budget.failed(budget.provider, 0, refused=False)
    assert budget.failed(budget.provider, 0, refused=False) is None  # not back to the one that refused


def test_a_provider_that_is_away_for_long_is_not_waited_for() -> None:
    budget = retries(2)
    assert budget.failed(budget.provider, PACE.give_up_s, refused=False) == 0
    assert budget.provider.name == "1"


def test_progress_gives_the_budget_back_and_the_round_begins_again() -> None:
    budget = retries(2)
    for _ in range(5):
        budget.failed(budget.provider, 0, refused=False)
    assert budget.provider.name == "1"
    budget.progressed(budget.provider)
    for _ in range(5):
        assert budget.failed(budget.provider, 0, refused=False) is not None
    assert budget.provider.name == "0"


def test_who_was_asked_before_is_not_charged_to_who_is_next() -> None:
    """Another agent's providers are wanted while the former one's refuses: nobody of the new list has failed."""
    budget = retries(2)
    former = Provider(name="former", api_key=SecretStr("k"))
    for refused in (True, False, True):
        assert budget.failed(former, PACE.give_up_s, refused=refused) == 0
    assert budget.provider.name == "0"
    assert budget.failed(budget.provider, 0, refused=False) == PACE.delays[0]


def test_a_refusal_is_remembered_of_one_that_is_asked_later() -> None:
    budget = retries(2)
    later = Provider(name="1", api_key=SecretStr("k"))
    assert budget.failed(later, 0, refused=True) == 0
    assert budget.provider.name == "0"
    assert budget.failed(budget.provider, 0, refused=True) is None


@given(st.integers(1, 4), st.lists(st.booleans(), min_size=21, max_size=21))
def test_without_progress_it_ends(count: int, refusals: list[bool]) -> None:
    budget = retries(count)
    answers = [budget.failed(budget.provider, 0, refused=refused) for refused in refusals]
    assert None in answers[: 5 * count]


@pytest.mark.parametrize(
    ("limit", "age", "told", "due"),
    [
        (3600, 0, None, 3300),
        (1800, 0, None, 1500),
        (3600, 3000, None, 300),  # a warm one: its time began long before the call
        (3600, 3590, None, 5),
        (3600, 4000, None, 0),
        (3600, 0, 1000, 700),  # the server says sooner
        (3600, 0, 9000, 3300),
        (3600, 0, -5000, 60),  # our clock, or the server's, is wrong
        (20, 0, None, 10),
        (20, 15, None, 2.5),
    ],
)
def test_when_a_connection_is_renewed(limit: float, age: float, told: float | None, due: float) -> None:
    assert renewal_due_s(limit, age, told) == due


def test_a_rate_limit_without_a_hint_is_waited_for_if_nobody_else_is_left() -> None:
    budget = retries(2)
    assert budget.failed(budget.provider, 0, refused=False, limited=True) == PACE.delays[0]
    for _ in range(4):
        budget.failed(budget.provider, 0, refused=False, limited=True)
    assert budget.provider.name == "1"
    waits = [budget.failed(budget.provider, away, refused=False, limited=True) for away in (0, 1, 3, 7, 15)]
    assert waits == [1.0, 2.0, 4.0, 8.0, None]
