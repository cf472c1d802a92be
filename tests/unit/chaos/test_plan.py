"""tests.chaos.plan: a storm follows from its seed, and leaves nothing out."""

from itertools import islice, pairwise

from hypothesis import given, strategies as st

from tests.chaos.plan import FIRST, REST, SHORT_REST, Fault, strikes, talks

SEEDS = st.integers(min_value=0, max_value=2**32)


@given(SEEDS, st.integers(min_value=5, max_value=600))
def test_a_plan_is_the_same_again_and_in_order(seed: int, seconds: int) -> None:
    plan = strikes(seed, seconds)
    assert plan == strikes(seed, seconds)
    assert list(plan) == sorted(plan, key=lambda each: each.at)
    assert all(FIRST <= each.at <= seconds for each in plan)


@given(SEEDS)
def test_another_length_does_not_change_what_came_before(seed: int) -> None:
    short = strikes(seed, 30)
    assert strikes(seed, 300)[: len(short)] == short


@given(SEEDS)
def test_each_fault_comes_once_before_any_comes_again(seed: int) -> None:
    faults = [each.fault for each in strikes(seed, 300)]
    size = len(Fault)
    for start in range(0, len(faults) - size, size):
        assert set(faults[start : start + size]) == set(Fault)


@given(SEEDS)
def test_the_installation_may_breathe_after_the_heavy_blows(seed: int) -> None:
    for strike, following in pairwise(strikes(seed, 300)):
        rest = REST.get(strike.fault, SHORT_REST)
        assert 0.59 * rest <= following.at - strike.at <= 1.41 * rest


def test_seeds_and_callers_differ() -> None:
    assert len({strikes(seed, 60) for seed in range(50)}) == 50
    assert len({tuple(islice(talks(1, caller), 5)) for caller in range(50)}) == 50


@given(SEEDS, st.integers(min_value=0, max_value=100))
def test_callers_call_at_once_and_again(seed: int, caller: int) -> None:
    planned = list(islice(talks(seed, caller), 20))
    assert planned == list(islice(talks(seed, caller), 20))
    assert planned[0].pause < FIRST
    assert all(6 <= each.seconds <= 25 and each.pause >= 0 for each in planned)
