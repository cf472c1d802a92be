"""A trunk that fails again and again: when calls pause, which one tries it, and what of a call counts as a fault."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from controller.calls.outbound.trunk_breaker import Fault, TrunkBreakers, TrunkSuspended, fault_of
from tests.unit.controller.configs import config

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
DOWN = Fault("congestion", 503)


def after(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def breakers(**settings: Any) -> TrunkBreakers:
    return TrunkBreakers(config(trunks__main__circuit_breaker={"faults": 3, "pause_s": 10, **settings}).trunks)


def opened(**settings: Any) -> TrunkBreakers:
    it = breakers(**settings)
    for number in range(3):
        it.failed("main", f"c{number}", DOWN, NOW)
    return it


def test_faults_in_a_row_suspend_a_trunk_and_the_last_one_is_no_attempt() -> None:
    it = breakers()
    assert [it.failed("main", "c", DOWN, NOW) for _ in range(2)] == [(False, None)] * 2
    it.check("main", NOW)
    assert it.failed("main", "c", DOWN, NOW) == (True, after(11))
    with pytest.raises(TrunkSuspended):
        it.check("main", NOW)
    assert it.failed("main", "d", DOWN, after(4)) == (False, after(11))  # was under way
    assert it.next_moment(NOW) == after(10)
    (told,) = it.all_suspended(NOW)
    assert (told.trunk, told.since, told.faults, told.next_probe_at, told.sip_status) == (
        "main",
        NOW,
        4,
        after(10),
        503,
    )


def test_what_gets_through_in_between_begins_the_count_anew() -> None:
    it = breakers()
    for _ in range(10):
        it.failed("main", "c", DOWN, NOW)
        it.failed("main", "c", DOWN, NOW)
        assert not it.got_through("main", "probe")
    it.check("main", NOW)


def test_one_call_tries_the_trunk_after_the_pause_and_the_next_pause_is_longer() -> None:
    it = opened(longest_pause_s=30)
    assert it.suspended("main", after(9.9))
    now = after(10)
    for pause in (20, 30, 30):
        it.check("main", now)
        assert it.placed("main", "probe")
        assert it.suspended("main", now + timedelta(hours=1))  # nobody else meanwhile
        assert it.failed("main", "probe", DOWN, now)[0]
        assert it.next_moment(now) == now + timedelta(seconds=pause)
        now += timedelta(seconds=pause)
    assert it.placed("main", "probe")
    assert it.got_through("main", "probe")
    it.check("main", now)
    assert not it.all_suspended(now)
    assert not it.placed("main", "another")


def test_a_probe_without_an_answer_leaves_its_place_to_another() -> None:
    it = opened()
    it.placed("main", "probe")
    it.without_answer("main", "somebody")
    assert it.suspended("main", after(10))
    it.without_answer("main", "probe")
    it.check("main", after(10))


def test_a_trunk_without_a_breaker_is_never_suspended() -> None:
    it = TrunkBreakers(config(trunks__main__circuit_breaker=None).trunks)
    assert {it.failed("main", "c", DOWN, NOW) for _ in range(50)} == {(False, None)}
    it.check("main", NOW)
    it.check("gone from the config", NOW)
    assert it.next_moment(NOW) is None


def test_a_resumed_trunk_is_tried_at_once() -> None:
    for trunk in (None, "main"):
        it = opened()
        it.reset(trunk)
        it.check("main", NOW)


@pytest.mark.parametrize(
    ("outcome", "status", "got_through", "rang", "is_fault"),
    [
        ("congestion", 503, False, 0.1, True),
        ("congestion", None, False, 0.1, True),  # Asterisk has no way to the trunk
        ("congestion", 500, True, 9, True),
        ("trunk_fault", 401, False, 0.1, True),
        ("no_answer", 408, False, 5, True),
        ("no_answer", 480, False, 30.0, True),  # silence until our own ring time was over
        ("no_answer", None, False, 33.0, True),
        ("no_answer", 480, True, 30.0, False),
        ("no_answer", 408, True, 5, False),
        ("no_answer", 480, False, 2, False),  # a telephone that is off: the network has said so
        *((outcome, None, False, 2, False) for outcome in ("busy", "declined", "invalid_number", "incompatible")),
        ("redirected", 302, False, 0.1, False),
        ("answered", None, True, 99, False),
    ],
)
def test_only_the_trunks_own_failures_are_faults(
    outcome: str, status: int | None, got_through: bool, rang: float, is_fault: bool
) -> None:
    found = fault_of(outcome, status, got_through=got_through, rang_s=timedelta(seconds=rang), timeout=30)
    assert (found is not None) is is_fault


def test_ringing_or_early_media_before_a_fault_does_not_hide_it() -> None:
    """183 and then 503, as gateways do whose way onward is dead."""
    it = breakers()
    for number in range(2):
        it.got_through("main", f"c{number}")
        assert it.failed("main", f"c{number}", DOWN, NOW) == (False, None)
    it.got_through("main", "c2")
    assert it.failed("main", "c2", DOWN, NOW) == (True, after(11))
    assert it.placed("main", "probe")
    assert it.got_through("main", "probe")
    it.check("main", after(10))
    assert it.failed("main", "probe", DOWN, after(10)) == (True, after(31))  # the next pause is longer


def test_what_rang_and_was_no_fault_counts_for_the_trunk() -> None:
    it = opened()
    it.placed("main", "probe")
    it.got_through("main", "probe")
    it.ended("main", "probe")
    assert it.failed("main", "probe", DOWN, after(10)) == (False, None)
    assert not it.all_suspended(after(10))
