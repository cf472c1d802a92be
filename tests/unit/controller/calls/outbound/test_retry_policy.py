"""What becomes of a call after an attempt: again, when, or over."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, strategies as st

from controller.calls.outbound.entry import Attempt, CallOrder, QueuedCall, Status
from controller.calls.outbound.retry_policy import Final, RetryAt, after, due, next_trunk, trunks_for
from tests.unit.controller.configs import config

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
RETRIES = {"busy": {"times": 2, "after_s": 60}, "no_answer": {"times": 1, "after_s": 600, "factor": 1}}


def trunk(**keys: Any) -> Any:
    made = {"endpoint": "PJSIP/{number}@t", "allow": ["[0-9]{4,9}"], "country_code": "49", **keys}
    return config(trunks__main=made).trunks["main"]


RETRYING = trunk(retries=RETRIES)


def entry(*results: str, expires: float = 86400) -> QueuedCall:
    attempts = tuple(Attempt(NOW, result) for result in results)
    order = CallOrder("1234", "main", "reception", "ops")
    return QueuedCall(1, "id", Status.DIALING, order, NOW, NOW, NOW + timedelta(seconds=expires), attempts)


@pytest.mark.parametrize(
    ("earlier", "result", "wait"),
    [
        ([], "busy", 60),
        (["busy"], "busy", 120),
        (["busy", "busy"], "busy", None),
        (["busy"], "no_answer", 600),
        (["no_answer"], "busy", 60),
        (["no_answer"], "no_answer", None),
        ([], "declined", None),
        ([], "answered", None),
        ([], "failed", None),
        ([], "interrupted", None),
        ([], "rejected", None),
        ([], "cancelled", None),
    ],
)
def test_each_result_has_a_count_of_its_own(earlier: list[str], result: str, wait: int | None) -> None:
    attempt = Attempt(NOW, result, "why")
    expected = Final(result, "why") if wait is None else RetryAt(NOW + timedelta(seconds=wait))
    assert after(trunk(retries=RETRIES), entry(*earlier), attempt, NOW, dialled=True) == expected


def test_a_failure_before_anybody_was_called_is_tried_again_a_few_times() -> None:
    line, failed = trunk(), Attempt(NOW, "failed")
    waits = [after(line, entry(*["failed"] * count), failed, NOW, dialled=False) for count in range(4)]
    assert waits == [*(RetryAt(NOW + timedelta(seconds=each)) for each in (15, 60, 240)), Final("failed")]
    assert after(line, entry(), failed, NOW, dialled=True) == Final("failed")
    assert after(line, entry(), Attempt(NOW, "cancelled"), NOW, dialled=False) == Final("cancelled")


def test_what_would_expire_before_is_over_and_so_is_what_has_no_trunk_any_more() -> None:
    busy = Attempt(NOW, "busy")
    assert after(trunk(retries=RETRIES), entry(expires=60), busy, NOW, dialled=True) == Final("busy")
    assert after(trunk(retries=RETRIES), entry(expires=61), busy, NOW, dialled=True) == RetryAt(
        NOW + timedelta(seconds=60)
    )
    assert after(None, entry(), busy, NOW, dialled=True) == Final("busy")


def test_one_more_attempt_waits_for_the_calling_hours() -> None:
    line = trunk(retries=RETRIES, calling_hours={"time_zone": "UTC", "windows": ["mon-sun 09:00-12:00"]})
    tomorrow = NOW.replace(hour=9) + timedelta(days=1)
    assert after(line, entry(), Attempt(NOW, "busy"), NOW, dialled=True) == RetryAt(tomorrow)
    assert due(line, None, NOW) == due(line, NOW - timedelta(days=3), NOW) == tomorrow
    assert due(line, tomorrow + timedelta(hours=1), NOW) == tomorrow + timedelta(hours=1)


@given(st.lists(st.sampled_from(["busy", "no_answer", "congestion"]), max_size=60))
def test_it_always_ends(results: list[str]) -> None:
    line, so_far = RETRYING, list[str]()
    for result in results:
        what = after(line, entry(*so_far), Attempt(NOW, result), NOW, dialled=True)
        so_far.append(result)
        if isinstance(what, Final):
            break
    assert len(so_far) <= 4


ROW: dict[str, Any] = {
    "trunks__main__overflow": "second",
    "trunks__second": {
        "endpoint": "PJSIP/{number}@b",
        "allow": ["[0-9]{4}"],
        "country_code": "49",
        "overflow": "third",
    },
    "trunks__third": {"endpoint": "PJSIP/{number}@c", "allow": ["[0-9]{3,9}"], "country_code": "49"},
}


def tried(*attempts: Attempt, callee: str = "1234", expires: float = 60) -> QueuedCall:
    order = CallOrder(callee, "main", "reception", "ops")
    return QueuedCall(1, "id", Status.DIALING, order, NOW, NOW, NOW + timedelta(seconds=expires), attempts)


@pytest.mark.parametrize(
    ("used", "result", "callee", "expected"),
    [
        ("main", "congestion", "1234", "second"),
        (None, "congestion", "1234", "second"),
        ("second", "congestion", "1234", "third"),
        ("third", "congestion", "1234", None),
        ("main", "congestion", "12345", "third"),  # what the second may not dial
        ("main", "congestion", "+4930123", None),
        ("gone", "congestion", "1234", None),
        ("main", "busy", "1234", None),
        ("main", "failed", "1234", None),
        ("main", "answered", "1234", None),
    ],
)
def test_a_congested_trunk_passes_the_call_on(used: str | None, result: str, callee: str, expected: str | None) -> None:
    attempt = Attempt(NOW, result, trunk=used)
    assert next_trunk(config(**ROW), tried(callee=callee), attempt, NOW) == expected
    assert next_trunk(config(**ROW), tried(callee=callee, expires=0), attempt, NOW) is None


def test_a_closed_trunk_is_passed_over() -> None:
    closed = {"time_zone": "UTC", "windows": ["mon-sun 00:00-09:00"]}
    settings = config(**{**ROW, "trunks__second": ROW["trunks__second"] | {"calling_hours": closed}})
    assert next_trunk(settings, tried(), Attempt(NOW, "congestion"), NOW) == "third"


def test_the_next_attempt_begins_where_the_last_one_was_passed_to() -> None:
    settings, passed = config(**ROW), Attempt(NOW, "congestion", trunk="main", passed_to="second")
    assert trunks_for(settings, tried()) == ("main", "second", "third")
    assert trunks_for(settings, tried(passed)) == ("second", "third")
    assert trunks_for(settings, tried(passed, Attempt(NOW, "busy", trunk="second"))) == ("main", "second", "third")
    assert trunks_for(config(), tried(passed)) == ("main",)
    assert trunks_for(settings, replace(tried(), order=CallOrder("1", "gone", "reception", "ops"))) == ()


def test_a_row_of_trunks_is_one_attempt() -> None:
    row = [Attempt(NOW, "congestion", trunk="main", passed_to="second")] * 9
    line = trunk(retries={"congestion": {"times": 1, "after_s": 60}})
    last = Attempt(NOW, "congestion", trunk="third")
    assert after(line, tried(*row, expires=600), last, NOW, dialled=True) == RetryAt(NOW + timedelta(seconds=60))
    assert after(line, tried(*row, last, expires=600), last, NOW, dialled=True) == Final("congestion")
