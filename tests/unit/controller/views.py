"""A call as the outside sees it, for tests that need one."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from controller.calls.reporting.view import CallView

CALL = "00000000-0000-4000-8000-000000000001"
STARTED = datetime(2026, 11, 22, 9, 30, 0, 5000, tzinfo=UTC)

CALL_VIEW = CallView(
    id=CALL,
    direction="inbound",
    state="ringing",
    agent="reception",
    trunk="main",
    caller="+4930123",
    callee="5001",
    started_at=STARTED,
    answered_at=None,
    ended_at=None,
    outcome=None,
    ended_by=None,
    cause=None,
    detail=None,
    transfer=None,
)


def call_view(**changes: Any) -> CallView:
    return replace(CALL_VIEW, **changes)


def later(seconds: float) -> datetime:
    return STARTED + timedelta(seconds=seconds)
