"""What answers hold: the models of all that the API tells, and how they are made of what call control knows.

Owns the JSON of calls, queue and participants. Moments are RFC 3339, UTC, in milliseconds; no value is null.
"""

from collections.abc import Iterable, Sequence
from dataclasses import fields
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, PlainSerializer, WithJsonSchema

from controller.calls.outbound.entry import Status
from controller.calls.outbound.queue import ALL_TRUNKS
from controller.calls.outbound.service import Summary
from controller.calls.reporting import view


def moment(when: datetime) -> str:
    return when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


Moment = Annotated[
    datetime, PlainSerializer(moment, return_type=str), WithJsonSchema({"type": "string", "format": "date-time"})
]


class Answer(BaseModel):
    model_config = ConfigDict(
        frozen=True,
        use_attribute_docstrings=True,
        from_attributes=True,
        json_schema_serialization_defaults_required=True,
    )


class Health(Answer):
    status: Literal["ok"] = "ok"


class Readiness(Answer):
    ready: bool
    parts: dict[str, bool]
    """Each part that a call needs, and whether it is there."""
    warnings: tuple[str, ...] = ()
    """What fails and is tried again, and does not keep calls from being carried, such as the start of one worker of
    several, or one that Asterisk does not reach."""


class AttemptAnswer(Answer):
    at: Moment
    result: str
    detail: str | None
    trunk: str | None
    """Over which it went."""
    cause: int | None
    """Q.850, where Asterisk told it."""
    sip_status: int | None
    """Of the network's answer that ended it, where it was refused."""


class QueuePlace(Answer):
    """What the queue knows of a call that we place."""

    number: int
    """Its place in the order of arrival."""
    status: str
    """queued, dialling or ended."""
    priority: int
    due_at: Moment
    expires_at: Moment
    asked_by: str
    place: int | None
    """Of one that is due and waits for room: 1 is next, over its trunk. Only where one call is asked for."""
    attempts: tuple[AttemptAnswer, ...]
    """Those that are over."""


class TransferAnswer(Answer):
    to: str
    by: str
    state: str
    """ringing, consulting, answered or failed."""
    outcome: str | None
    kind: str
    """blind, attended or refer."""
    detail: str | None
    """Why it was not even tried."""


class SupervisionAnswer(Answer):
    to: str
    by: str
    mode: str
    state: str
    """ringing, on, left or failed."""
    outcome: str | None


class ParticipantAnswer(Answer):
    leg: str
    to: str
    by: str
    state: str
    outcome: str | None


class SpreadAnswer(Answer):
    p50: int
    max: int


class Latency(Answer):
    first_frame_ms: SpreadAnswer | None
    """From the caller's end of speech to the agent's first sound."""


class CallAnswer(Answer):
    """One call as it is now. Numbers are personal."""

    id: str
    url: str
    direction: Literal["inbound", "outbound"]
    state: str
    agent: str
    trunk: str | None
    caller: str | None
    callee: str | None
    started_at: Moment
    answered_at: Moment | None
    ended_at: Moment | None
    outcome: str | None
    """null until it ended; docs/api.md lists what there is."""
    ended_by: str | None
    cause: int | None
    """Q.850, where Asterisk told it."""
    sip_status: int | None
    """Of the network's answer to a call that we placed, where it was refused, as Asterisk told it."""
    detail: str | None
    transfer: TransferAnswer | None
    """The latest one."""
    turns: int
    """How often the agent answered."""
    latency: Latency
    cost: float
    """US dollars so far."""
    held_by: str | None
    """Who put the caller on hold, while it lasts."""
    caller_hold: bool
    """The caller's or callee's own telephone holds the call: the agent is paused until it is back."""
    muted: tuple[str, ...]
    """Who is not heard by the other."""
    recording: str
    """off, on or paused."""
    supervision: SupervisionAnswer | None
    """The latest one."""
    participants: tuple[ParticipantAnswer, ...]
    place: int | None
    """Of a caller who waits for room: 1 is next. Nobody can tell how long that is."""
    queue: QueuePlace | None
    """Of a call that we place."""

    @classmethod
    def of(cls, call: view.CallView) -> "CallAnswer":
        return cls.model_validate(_call_fields(call))


class UtteranceAnswer(Answer):
    """Of an agent that was interrupted the text is cut at what was heard."""

    at: Moment
    who: str
    """caller, agent or target (of an attended transfer)."""
    text: str
    interrupted: bool
    heard_ms: int | None
    consultation: bool
    """Said between agent and target, before the transfer: the caller heard nothing of it."""


def utterances(said: Iterable[Any]) -> tuple[UtteranceAnswer, ...]:
    return tuple(map(UtteranceAnswer.model_validate, said))


class TurnAnswer(Answer):
    """Milliseconds from the caller's end of speech."""

    at: Moment
    turn: int
    stopped_to_told_ms: float | None
    first_delta_ms: float | None
    first_frame_ms: float | None


class BargeInAnswer(Answer):
    at: Moment
    heard_ms: int
    cut_ms: float


class SoundAnswer(Answer):
    """A complete recording: a file on the machine of the worker that made it."""

    path: str
    seconds: float


class CountersAnswer(Answer):
    """Of the call's last AI session, counted by its worker. Frames last 20 ms."""

    frames_in: int
    """That came from the caller."""
    frames_out: int
    """That were sent to the caller, silence too."""
    speech_frames_out: int
    """Those of them with sound of the agent."""
    late_frames: int
    """Of the caller, dropped because they came late."""
    dropped_frames: int
    """Of the caller, dropped because the AI's connection did not take them."""
    late_frames_out: int
    """To the caller, never sent because the worker stood still."""
    dropped_frames_out: int
    """To the caller, dropped because Asterisk did not take them."""
    barge_ins: int
    false_barge_ins: int
    """After which the caller said nothing."""
    turns: int
    reconnects: int
    """Of the line to the AI."""
    benign_errors: int
    """That the AI told of and that did no harm."""
    usage: dict[str, int]
    """Tokens, by kind."""


class CallDetailAnswer(CallAnswer):
    """One call with all that is kept of it. The transcript is personal."""

    transcript: tuple[UtteranceAnswer, ...] | None
    """null: the token lacks the scope `recordings`."""
    turn_times: tuple[TurnAnswer, ...]
    barge_ins: tuple[BargeInAnswer, ...]
    recordings: tuple[SoundAnswer, ...]
    counters: CountersAnswer | None
    """null until the call's AI session is over."""

    @classmethod
    def of_detail(cls, detail: view.CallDetail, *, words: bool) -> "CallDetailAnswer":
        """`words`: with what was said."""
        kept = {
            "transcript": utterances(detail.transcript) if words else None,
            "turn_times": tuple(map(TurnAnswer.model_validate, detail.turns)),
            "barge_ins": tuple(map(BargeInAnswer.model_validate, detail.barge_ins)),
            "recordings": tuple(map(SoundAnswer.model_validate, detail.recordings)),
            "counters": detail.counters and CountersAnswer.model_validate(detail.counters),
        }
        return cls.model_validate(_call_fields(detail.call) | kept)


class CallPage(Answer):
    calls: tuple[CallAnswer, ...]
    next: str | None
    """For the query's `before`: the page that follows; null on the last one."""


class SuspendedTrunkAnswer(Answer):
    """A trunk that has failed again and again (`trunks.*.circuit_breaker`): no queued call is placed over it."""

    trunk: str
    since: Moment
    faults: int
    """In a row."""
    next_probe_at: Moment
    """When one call tries it."""
    probing: bool
    """That moment has come."""
    outcome: str
    """Of the latest fault."""
    sip_status: int | None


class QueueAnswer(Answer):
    counts: dict[str, int]
    """By status."""
    paused: bool
    """Nobody is called over any trunk."""
    paused_trunks: tuple[str, ...]
    suspended_trunks: tuple[SuspendedTrunkAnswer, ...] = ()
    """`resume` has them tried at once."""

    @classmethod
    def of(cls, summary: Summary) -> "QueueAnswer":
        return cls(**_queue_fields(summary))


class QueuePage(QueueAnswer):
    calls: tuple[CallAnswer, ...]
    next: int | None
    """For the query's `before`: the page that follows; null on the last one."""

    @classmethod
    def of_page(cls, summary: Summary, calls: Sequence[view.CallView], next_: int | None) -> "QueuePage":
        return cls(**_queue_fields(summary), calls=tuple(map(CallAnswer.of, calls)), next=next_)


def _call_fields(call: view.CallView) -> dict[str, Any]:
    spread = call.first_frame_ms
    told = {each.name: getattr(call, each.name) for each in fields(call) if each.name in CallAnswer.model_fields}
    return told | {
        "url": f"/v1/calls/{call.id}",
        "latency": {"first_frame_ms": spread and {"p50": round(spread.p50), "max": round(spread.max)}},
        "cost": round(call.cost, 6),
        "muted": tuple(call.muted),
        "participants": tuple(call.participants),
    }


def _queue_fields(summary: Summary) -> dict[str, Any]:
    return {
        "counts": {status.value: summary.counts.get(status, 0) for status in Status},
        "paused": ALL_TRUNKS in summary.paused,
        "paused_trunks": tuple(sorted(summary.paused - {ALL_TRUNKS})),
        "suspended_trunks": tuple(map(SuspendedTrunkAnswer.model_validate, summary.suspended)),
    }
