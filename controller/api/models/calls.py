"""Calls as JSON: bodies, queries and answers."""

from collections.abc import Iterable
from dataclasses import fields
from typing import Any, Literal

from pydantic import Field

from controller.api.models.base import (
    Answer,
    Body,
    Instant,
    Metadata,
    MetadataChanges,
    MetadataFilter,
    Moment,
    Name,
    Variables,
)
from controller.calls.reporting import view
from controller.config.models.webhooks import WebhookUrl

LONGEST_CURSOR = 128
"""Characters of a `next`."""


class AttemptAnswer(Answer):
    at: Moment
    result: str
    detail: str | None
    trunk: str | None
    """The trunk of this attempt."""
    cause: int | None
    """Q.850, where Asterisk told it."""
    sip_status: int | None
    """The SIP status with which the network refused it."""


class WaitingAnswer(Answer):
    """Why a call waits in the queue."""

    reason: str
    """not_before, calling_hours, retry, paused, draining, not_ready, trunk_suspended, no_worker, concurrency_limit,
    rate_limit, minutes_limit, spend_limit, limit or turn (docs/outbound.md)."""
    detail: str
    """The same in a sentence."""
    until: Moment | None
    """When that is over; null: not known."""


class QueuePlace(Answer):
    """The queue's data of an outbound call."""

    number: int
    """The number in order of arrival."""
    status: str
    """queued, dialing or ended."""
    priority: int
    due_at: Moment
    expires_at: Moment
    asked_by: str
    place: int | None
    """The place of a due call in the line of its trunk; 1 is next. Only in the answer for a single call."""
    waiting: WaitingAnswer | None
    """null: it does not wait."""
    attempts: tuple[AttemptAnswer, ...]
    """The ended attempts."""


class TransferAnswer(Answer):
    to: str
    by: str
    state: str
    """ringing, consulting, answered or failed."""
    outcome: str | None
    kind: str
    """blind, attended or refer."""
    detail: str | None
    """Why it was not tried."""


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
    agent_version: int | None
    """The version of the agent with which it began, or that it was given to; 0: a draft; null: not known."""
    trunk: str | None
    caller: str | None
    callee: str | None
    started_at: Moment
    answered_at: Moment | None
    ended_at: Moment | None
    outcome: str | None
    """null until it ended; docs/api.md lists the outcomes."""
    ended_by: str | None
    cause: int | None
    """Q.850, where Asterisk told it."""
    sip_status: int | None
    """The SIP status with which the network refused an outbound call, if Asterisk reports it."""
    detail: str | None
    transfer: TransferAnswer | None
    """The latest one."""
    turns: int
    """How often the agent answered."""
    latency: Latency
    cost: float
    """US dollars so far."""
    held_by: str | None
    """Who has put the caller on hold; null: not on hold."""
    caller_hold: bool
    """The caller's or callee's telephone has put the call on hold: the agent is paused until it resumes."""
    muted: tuple[str, ...]
    """The sides that the other does not hear."""
    recording: str
    """off, on or paused."""
    supervision: SupervisionAnswer | None
    """The latest one."""
    participants: tuple[ParticipantAnswer, ...]
    place: int | None
    """The place of a caller in the waiting line; 1 is next."""
    queue: QueuePlace | None
    """null for an inbound call."""
    metadata: Metadata = Field(default_factory=dict)
    """What the client has given the call; neither the model nor the dialplan sees it."""
    node: str | None
    """The node that has the call, or had it lately (`GET /v1/nodes`); null: it waits in the queue, or only the queue
    was asked."""

    @classmethod
    def of(cls, call: view.CallView, node: str | None = None) -> "CallAnswer":
        return cls.model_validate(_call_fields(call, node))


class UtteranceAnswer(Answer):
    """If the agent was interrupted, the text ends with what the caller heard."""

    at: Moment
    """When it was over."""
    started_at: Moment | None
    """When it began; null: not known."""
    who: str
    """caller, agent, target (of an attended transfer), or operator: what somebody told the agent."""
    text: str
    interrupted: bool
    heard_ms: int | None
    consultation: bool
    """Said between agent and target, before the transfer: the caller did not hear it."""
    by: str | None
    """Of an operator: the name of the token."""
    action: str | None
    """Of an operator: say (word for word), instruct, or switch_agent (`text`: the new instructions, if any)."""
    agent: str | None
    """Of an operator: the agent that was told, or that goes on."""


def utterances(rows: Iterable[Any]) -> tuple[UtteranceAnswer, ...]:
    return tuple(map(UtteranceAnswer.model_validate, rows))


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
    """Counters of the call's last AI session, from its worker. Frames last 20 ms."""

    frames_in: int
    """Received from the caller."""
    frames_out: int
    """Sent to the caller, with silence."""
    speech_frames_out: int
    """Of these, frames with the agent's speech."""
    late_frames: int
    """From the caller, dropped because they were late."""
    dropped_frames: int
    """From the caller, dropped because the connection to the AI was too slow."""
    late_frames_out: int
    """To the caller, never sent because the worker was blocked."""
    dropped_frames_out: int
    """To the caller, dropped because Asterisk did not read them."""
    barge_ins: int
    false_barge_ins: int
    """Interruptions without words of the caller."""
    turns: int
    reconnects: int
    """Of the connection to the AI."""
    benign_errors: int
    """Errors from the AI without effect on the call."""
    usage: dict[str, int]
    """Tokens, by kind."""


class CallDetailAnswer(CallAnswer):
    """One call with everything that is stored about it. The transcript is personal."""

    transcript: tuple[UtteranceAnswer, ...] | None
    """null: the token lacks the scope `recordings`."""
    turn_times: tuple[TurnAnswer, ...]
    barge_ins: tuple[BargeInAnswer, ...]
    recordings: tuple[SoundAnswer, ...]
    counters: CountersAnswer | None
    """null until the call's AI session is over."""

    @classmethod
    def of_detail(cls, detail: view.CallDetail, *, words: bool, node: str | None = None) -> "CallDetailAnswer":
        """`words`: with the transcript."""
        details = {
            "transcript": utterances(detail.transcript) if words else None,
            "turn_times": tuple(map(TurnAnswer.model_validate, detail.turns)),
            "barge_ins": tuple(map(BargeInAnswer.model_validate, detail.barge_ins)),
            "recordings": tuple(map(SoundAnswer.model_validate, detail.recordings)),
            "counters": detail.counters and CountersAnswer.model_validate(detail.counters),
        }
        return cls.model_validate(_call_fields(detail.call, node) | details)


class UnreachableNode(Answer):
    node: str
    reason: str


class CallPage(Answer):
    """Of several nodes: the calls of all of them."""

    calls: tuple[CallAnswer, ...]
    next: str | None
    """For the query's `before`: the page that follows; null on the last one."""
    unreachable_nodes: tuple[UnreachableNode, ...] = ()
    """The nodes whose calls are missing here."""


def _call_fields(call: view.CallView, node: str | None) -> dict[str, Any]:
    spread = call.first_frame_ms
    plain = {each.name: getattr(call, each.name) for each in fields(call) if each.name in CallAnswer.model_fields}
    return plain | {
        "url": f"/v1/calls/{call.id}",
        "node": node,
        "latency": {"first_frame_ms": spread and {"p50": round(spread.p50), "max": round(spread.max)}},
        "cost": round(call.cost, 6),
        "muted": tuple(call.muted),
        "participants": tuple(call.participants),
        "metadata": dict(call.metadata),
    }


class PlaceCall(Body):
    to: Name
    """The number to call."""
    trunk: Name | None = None
    """A name from `trunks` in the config; the first one if not given."""
    agent: Name | None = None
    """A name from `agents` in the config; the first one if not given."""
    caller_id: Name | None = None
    """The number that the callee sees, if the trunk allows it; default: the trunk's own."""
    variables: Variables = Field(default_factory=dict)
    """Fill `{{name}}` in the agent's instructions and greeting."""
    metadata: Metadata = Field(default_factory=dict)
    """For your own use, such as an order number: comes back with the call, in its events and webhooks and in the
    history. Neither the model nor the dialplan sees it. No secrets."""
    timeout: float | None = Field(None, gt=0, le=300)
    """Seconds it may ring; the trunk's own if not given."""
    answer_detection: bool = False
    """Listen for a few seconds whether a machine answers; the agent gets the tool `voicemail`."""
    webhook: WebhookUrl | None = None
    """The URL that gets the signed events of this call; needs `call_webhooks` in the config."""
    priority: int = Field(0, ge=-1000, le=1000)
    """Higher comes first; equal ones in order of arrival."""
    not_before: Instant | None = None
    """RFC 3339, with its offset. The call waits until then."""
    expires: Instant | None = None
    """RFC 3339, with its offset. A call that was not placed by then is given up (`outbound.expire_after_s`)."""


class ChangeCall(Body):
    metadata: MetadataChanges
    """A value replaces the one with its key, null removes it; other keys stay as they are."""


class CallQuery(Body):
    state: Literal["active", "ended"] | None = None
    """Only those."""
    direction: Literal["inbound", "outbound"] | None = None
    agent: str | None = Field(None, max_length=128)
    trunk: str | None = Field(None, max_length=128)
    metadata: tuple[MetadataFilter, ...] = Field((), max_length=16)
    """`key=value`: calls with this metadata. May be repeated: calls with all of it."""
    limit: int = Field(100, ge=1, le=1000)
    """Calls per page."""
    before: str | None = Field(None, max_length=LONGEST_CURSOR)
    """The `next` of the page before this one."""
