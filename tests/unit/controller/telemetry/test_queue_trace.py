"""controller.telemetry.queue_trace: calls that never began have steps and a reason."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from controller.calls.reporting import lifecycle, view
from controller.telemetry import queue_trace
from controller.telemetry.call_trace import KEPT, Traces
from tests.integration.api_harness import call_view

AT = datetime(2026, 12, 1, 9, 0, tzinfo=UTC)
NUMBER = "+4930123456"
BUSY = view.AttemptView(AT + timedelta(seconds=5), "busy", f"{NUMBER} is busy", "main", 17, 486)
QUEUE = view.QueueView(1, "queued", 3, AT, AT + timedelta(hours=1), "ops")


def queued(queue: view.QueueView = QUEUE, **changes: Any) -> view.CallView:
    return call_view(direction="outbound", started_at=AT, answered_at=None, queue=queue, callee=NUMBER, **changes)


def settled(outcome: str, *attempts: view.AttemptView, **changes: Any) -> view.CallView:
    queue = replace(QUEUE, status="ended", attempts=attempts)
    return queued(queue, outcome=outcome, ended_at=AT + timedelta(hours=1), **changes)


@pytest.mark.parametrize(
    ("call", "told", "fix"),
    [
        (queued(replace(QUEUE, place=2)), "waits in the queue, at place 2; it was never dialed. It is due", "paused"),
        (queued(replace(QUEUE, attempts=(BUSY,))), "waits in the queue after 1 attempts, the last one: the", "due"),
        (settled("expired"), "expired before it could be placed; it was never dialed.", "expire_after_s"),
        (settled("rejected", detail=f"{NUMBER} is not allowed."), "never dialed: … is not allowed.", "`allow`"),
        (settled("interrupted", BUSY), "The controller stopped", "again"),
        (settled("cancelled"), "was cancelled", ""),
        (call_view(agent="", outcome="no_route", detail="No route fits."), "refused: No route fits.", "`routes`"),
        (call_view(agent="", outcome="no_room", detail=None), "The caller was refused.", "`overflow`"),
        (settled("answered", BUSY), None, ""),
        (queued(replace(QUEUE, status="dialing")), None, ""),
        (call_view(outcome="answered"), None, ""),
    ],
)
def test_why_there_was_no_call(call: view.CallView, told: str | None, fix: str) -> None:
    found = list(queue_trace.reasons(call))
    assert NUMBER not in str(found)
    if told is None:
        assert found == []
    else:
        (reason,) = found
        assert told in reason.message
        assert fix in reason.fix


def test_steps_of_a_queued_call() -> None:
    steps = [(step.side, step.what, dict(step.facts)) for step in queue_trace.steps(settled("expired", BUSY))]
    assert steps[1:] == [
        (
            "queue",
            "attempt",
            {"outcome": "busy", "trunk": "main", "cause": 17, "sip_status": 486, "detail": "… is busy"},
        ),
        ("queue", "ended", {"outcome": "expired"}),
    ]
    assert list(queue_trace.steps(queued()))[0].facts["due"] == AT.isoformat()
    assert list(queue_trace.steps(call_view())) == []


def test_refused_callers_are_kept_without_numbers_and_not_for_ever() -> None:
    traces = Traces()
    for number in range(KEPT + 1):
        refused = call_view(id=str(number), caller=NUMBER, callee=NUMBER, agent="")
        traces.observe(lifecycle.CallerRefused("busy", refused), AT)
    kept = traces.refused(str(KEPT))
    assert kept is not None
    assert (kept.caller, kept.callee, traces.refused("0")) == (None, None, None)
