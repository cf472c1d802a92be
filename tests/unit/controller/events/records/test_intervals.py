"""Confidence intervals: against values from tables, and what must hold for any numbers."""

import pytest
from hypothesis import given, strategies as st

from controller.events.records.intervals import FEWEST, Interval, of_mean, of_share


def near(found: Interval | None, low: float, high: float) -> bool:
    assert found is not None
    return [found.low, found.high] == pytest.approx([low, high], abs=1e-3)


calls = st.integers(FEWEST, 10_000)


def test_a_share_as_wilsons_formula_has_it() -> None:
    assert near(of_share(81, 263), 0.2553, 0.3662)
    assert near(of_share(0, 40), 0.0, 0.0876)


def test_a_mean() -> None:
    values = [float(each) for each in range(100)]
    found = of_mean(sum(values), sum(each * each for each in values), 100)
    assert near(found, 49.5 - 5.686, 49.5 + 5.686)


def test_few_calls_say_nothing() -> None:
    assert of_share(1, FEWEST - 1) is of_mean(3.0, 9.0, FEWEST - 1) is of_mean(0.0, 0.0, 0) is None
    assert of_share(1, FEWEST) is not None


def test_what_was_never_counted_may_still_happen() -> None:
    assert of_mean(0.0, 0.0, 40) == Interval(0.0, 0.0)
    found = of_mean(0.0, 0.0, 40, counts=True)
    assert found is not None
    assert 0.05 < found.high < 0.1


@given(calls, st.data())
def test_a_share_lies_in_its_interval_and_the_interval_between_0_and_1(n: int, data: st.DataObject) -> None:
    count = data.draw(st.integers(0, n))
    found = of_share(count, n)
    assert found is not None
    assert 0 <= found.low <= count / n + 1e-9
    assert count / n - 1e-9 <= found.high <= 1


@given(st.lists(st.floats(0, 1e5), min_size=FEWEST, max_size=60), st.booleans())
def test_a_mean_lies_in_its_interval_which_is_narrower_with_more_calls(values: list[float], counts: bool) -> None:
    total, squares, n = sum(values), sum(each * each for each in values), len(values)
    once, twice = of_mean(total, squares, n, counts=counts), of_mean(2 * total, 2 * squares, 2 * n, counts=counts)
    assert once is not None
    assert twice is not None
    assert 0 <= once.low <= total / n + 1e-9
    assert total / n <= once.high + 1e-9 * total
    assert twice.high <= once.high + 1e-6 * (1 + once.high)
