"""Why a call waits: every reason, which one is told where several hold, and that there always is one."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, strategies as st

from controller.calls import errors
from controller.calls.admission import limits
from controller.calls.outbound.entry import ALL_TRUNKS, Attempt, CallOrder, QueuedCall, Status
from controller.calls.outbound.trunk_breaker import SuspendedTrunk, TrunkSuspended
from controller.calls.outbound.waiting import Obstacles, Situation, reason
from tests.unit.controller.configs import config

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)  # a Monday
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)
MORNING = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
CLOSED = {"time_zone": "UTC", "windows": ["tue 08:00-17:00"]}
OPEN, SHUT = (config(trunks__main__calling_hours=each).trunks["main"] for each in (None, CLOSED))
WAITS = QueuedCall(1, "id", Status.QUEUED, CallOrder("1234", "main", "night", "ops"), NOW, NOW, NOW + 48 * HOUR)
BUSY = Attempt(NOW, "no_answer")
DOWN = SuspendedTrunk("main", NOW, 5, NOW + HOUR, False, "congestion", 503)
LANE = ("main", "night")
AWAY = "Asterisk or all workers are away."


def told(entry: QueuedCall = WAITS, trunk: Any = OPEN, **at: Any) -> Any:
    given: dict[str, Any] = {"paused": (), "suspended": (), "obstacles": Obstacles()} | at
    return reason(entry, trunk, Situation(NOW, **given))


def full(busy: errors.Busy) -> Obstacles:
    return Obstacles(lanes={LANE: busy})


@pytest.mark.parametrize(
    ("why", "until", "entry", "at"),
    [
        ("not_before", NOW + HOUR, {"due_at": NOW + HOUR}, {}),
        ("not_before", NOW + HOUR, {"due_at": NOW + HOUR}, {"paused": [ALL_TRUNKS]}),
        ("retry", NOW + HOUR, {"due_at": NOW + HOUR, "attempts": (BUSY,)}, {}),
        ("calling_hours", MORNING, {"due_at": MORNING}, {"trunk": SHUT}),
        ("calling_hours", MORNING, {"due_at": MORNING, "attempts": (BUSY,)}, {"trunk": SHUT}),
        ("not_before", MORNING + HOUR, {"due_at": MORNING + HOUR}, {"trunk": SHUT}),
        ("calling_hours", MORNING, {}, {"trunk": SHUT}),
        ("trunk_suspended", NOW + HOUR + SECOND, {"due_at": NOW + HOUR + SECOND}, {"suspended": [DOWN]}),
        ("not_before", NOW + 2 * HOUR, {"due_at": NOW + 2 * HOUR}, {"suspended": [DOWN]}),
        ("trunk_suspended", NOW + HOUR, {}, {"suspended": [DOWN]}),
        ("turn", None, {}, {"suspended": [replace(DOWN, probing=True)]}),
        ("turn", None, {}, {"suspended": [replace(DOWN, trunk="desk")]}),
        ("paused", None, {}, {"paused": [ALL_TRUNKS]}),
        ("paused", None, {}, {"paused": ["main"], "obstacles": Obstacles(draining="drained", not_ready=AWAY)}),
        ("turn", None, {}, {"paused": ["desk"]}),
        ("draining", None, {}, {"obstacles": Obstacles(draining="drained", not_ready=AWAY)}),
        ("not_ready", None, {}, {"obstacles": Obstacles(not_ready=AWAY)}),
        ("concurrency_limit", None, {}, {"obstacles": full(errors.TooMany("30 are up"))}),
        ("rate_limit", None, {}, {"obstacles": full(errors.TooFast("too fast"))}),
        ("spend_limit", None, {}, {"obstacles": full(errors.SpentUp("no money"))}),
        ("minutes_limit", None, {}, {"obstacles": full(errors.UsedUp("no minutes"))}),
        ("no_worker", None, {}, {"obstacles": full(errors.NoAgent("no worker"))}),
        ("turn", None, {}, {"obstacles": Obstacles(lanes={("main", "reception"): errors.TooMany("")})}),
        ("turn", None, {}, {"trunk": None}),
        ("turn", None, {}, {}),
    ],
)
def test_each_reason(why: str, until: datetime | None, entry: dict[str, Any], at: dict[str, Any]) -> None:
    found = told(replace(WAITS, **entry), **at)
    assert (found.reason, found.until) == (why, until)
    assert found.detail
    assert "1234" not in found.detail


def test_a_call_that_does_not_wait_has_no_reason() -> None:
    assert told(replace(WAITS, status=Status.DIALING)) is None
    assert told(replace(WAITS, status=Status.ENDED), paused=[ALL_TRUNKS]) is None


@given(
    st.integers(-100_000, 100_000),
    st.lists(st.sampled_from(["", "main", "desk"])),
    st.lists(st.sampled_from([BUSY])),
    st.sampled_from([OPEN, SHUT, None]),
    st.lists(st.sampled_from([DOWN, replace(DOWN, probing=True)])),
)
def test_every_call_that_waits_has_one(due: int, paused: Any, attempts: Any, trunk: Any, suspended: Any) -> None:
    entry = replace(WAITS, due_at=NOW + due * SECOND, attempts=tuple(attempts))
    found = told(entry, trunk, paused=paused, suspended=suspended)
    assert found is not None
    assert found.until is None or found.until > NOW


def test_what_the_dialer_meets() -> None:
    met = Obstacles(not_ready=AWAY)
    assert not met.met(WAITS, TrunkSuspended("it fails"))
    assert met.not_ready == AWAY, "the trunk is asked before Asterisk is"
    assert [met.met(WAITS, errors.UsedUp(why)) for why in ("a", "a", "b")] == [True, False, True]
    assert met.lanes[LANE].kind == "minutes_limit"
    assert Obstacles(not_ready=met.not_ready) == Obstacles()
    met.placed(WAITS)
    assert met.lanes == {}
    assert met.met(WAITS, errors.UsedUp("b"))


@pytest.mark.parametrize(
    ("scope", "kind"),
    [("total", errors.TooMany), ("trunk:main", errors.TooMany), ("trunk:main/hour", errors.TooFast)]
    + [("total/second", errors.TooFast), ("number:+4930/5", errors.TooMany), ("caller:1/minute", errors.CallerBusy)],
)
def test_a_full_scope_of_the_cluster_has_its_kind(scope: str, kind: type[errors.Busy]) -> None:
    assert type(limits.refusal(scope, "why")) is kind
