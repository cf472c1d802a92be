"""The trace of a call, as JSON. It holds nothing personal."""

from typing import Any

from controller.api.models.base import Answer, Moment
from controller.api.models.calls import BargeInAnswer, CountersAnswer, TurnAnswer
from controller.calls.reporting.view import CallDetail
from controller.telemetry import diagnosis, queue_trace
from controller.telemetry.call_trace import Trace
from controller.telemetry.harmless_fields import scrubbed

PLAIN = (
    *("id", "direction", "agent", "trunk", "state", "started_at", "answered_at", "ended_at"),
    *("outcome", "ended_by", "cause", "sip_status"),
)
"""The fields of a call that are not personal."""


class ReasonAnswer(Answer):
    message: str
    fix: str
    """Empty if nothing has to be done."""


class StepAnswer(Answer):
    at: Moment
    side: str
    """asterisk (its events), call (states, and requests to Asterisk and worker), worker, ai (types of Realtime events:
    → to the provider, ← from it; available after the session), or queue (of an outbound call: queued, attempts,
    end)."""
    what: str
    facts: dict[str, str | int | float | bool]


class SpokenAnswer(Answer):
    """An utterance without its words."""

    at: Moment
    who: str
    letters: int
    interrupted: bool
    heard_ms: int | None


class TraceAnswer(Answer):
    """One call for troubleshooting, without numbers and transcripts."""

    id: str
    direction: str
    agent: str
    trunk: str | None
    state: str
    started_at: Moment
    answered_at: Moment | None
    ended_at: Moment | None
    outcome: str | None
    ended_by: str | None
    cause: int | None
    sip_status: int | None
    detail: str | None
    cost: float
    reasons: tuple[ReasonAnswer, ...]
    """Problems of the call, the most likely cause first."""
    steps: tuple[StepAnswer, ...]
    """In order of time. Empty for a call that ended long ago, or before the controller started."""
    steps_dropped: int
    """The number of older steps that were dropped."""
    spoken: tuple[SpokenAnswer, ...]
    turn_times: tuple[TurnAnswer, ...]
    barge_ins: tuple[BargeInAnswer, ...]
    counters: CountersAnswer | None

    @classmethod
    def of(cls, detail: CallDetail, trace: Trace) -> "TraceAnswer":
        call = detail.call
        steps = tuple(sorted((*trace, *queue_trace.steps(call)), key=lambda step: step.at))
        plain: dict[str, Any] = {name: getattr(call, name) for name in PLAIN}
        spoken = tuple(
            SpokenAnswer(at=it.at, who=it.who, letters=len(it.text), interrupted=it.interrupted, heard_ms=it.heard_ms)
            for it in detail.transcript
        )
        return cls(
            **plain,
            detail=scrubbed(call.detail) if call.detail else None,
            cost=round(call.cost, 6),
            reasons=tuple(
                map(ReasonAnswer.model_validate, (*queue_trace.reasons(call), *diagnosis.reasons(detail, steps)))
            ),
            steps=tuple(map(StepAnswer.model_validate, steps)),
            steps_dropped=trace.dropped,
            spoken=spoken,
            turn_times=tuple(map(TurnAnswer.model_validate, detail.turns)),
            barge_ins=tuple(map(BargeInAnswer.model_validate, detail.barge_ins)),
            counters=detail.counters and CountersAnswer.model_validate(detail.counters),
        )
