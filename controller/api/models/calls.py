"""Calls as JSON: the bodies and queries that place and list them, and a call as the API answers with it."""

from collections.abc import Iterable
from dataclasses import fields
from typing import Any, Literal

from pydantic import Field

from controller.api.models.base import Answer, Body, Instant, Moment, Name, Variables
from controller.calls.reporting import view
from controller.config.models.webhooks import WebhookUrl

LONGEST_CURSOR = 128
"""Characters of a `next`."""


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
    endpointing_ms: float | None
    first_delta_ms: float | None
    first_frame_ms: float | None


class BargeInAnswer(Answer):
    at: Moment
    heard_ms: int
    latency_ms: float


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


class PlaceCall(Body):
    to: Name
    """The number to call."""
    trunk: Name | None = None
    """A name from `trunks` in the config; the first one if not given."""
    agent: Name | None = None
    """A name from `agents` in the config; the first one if not given."""
    caller_id: Name | None = None
    """Shown to who is called, where the trunk lets it; the trunk's own if not given."""
    variables: Variables = Field(default_factory=dict)
    """Fill `{{name}}` in the agent's instructions and greeting."""
    timeout: float | None = Field(None, gt=0, le=300)
    """Seconds it may ring; the trunk's own if not given."""
    answer_detection: bool = False
    """Whoever answers is heard out for a few seconds, and the agent has the tool `voicemail` for machines."""
    webhook: WebhookUrl | None = None
    """Told what happens in this call, signed; needs `call_webhooks` in the config."""
    priority: int = Field(0, ge=-1000, le=1000)
    """Higher comes first; among equals who came first."""
    not_before: Instant | None = None
    """RFC 3339, with its offset. The call waits until then."""
    expires: Instant | None = None
    """RFC 3339, with its offset. If it could not be placed by then it is given up (`outbound.expire_after_s`)."""


class CallQuery(Body):
    state: Literal["active", "ended"] | None = None
    """Only those."""
    direction: Literal["inbound", "outbound"] | None = None
    agent: str | None = Field(None, max_length=128)
    trunk: str | None = Field(None, max_length=128)
    limit: int = Field(100, ge=1, le=1000)
    """Calls per page."""
    before: str | None = Field(None, max_length=LONGEST_CURSOR)
    """The `next` of the page before this one."""
