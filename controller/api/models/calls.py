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
    """The Q.850 cause, if Asterisk reported it."""
    sip_status: int | None
    """The SIP status with which the network refused the call."""


class WaitingAnswer(Answer):
    """Why a call waits in the queue."""

    reason: str
    """not_before, calling_hours, retry, paused, draining, not_ready, trunk_suspended, no_worker, concurrency_limit,
    rate_limit, minutes_limit, spend_limit, limit or turn (docs/outbound.md)."""
    detail: str
    """The reason in words."""
    until: Moment | None
    """When the reason ends. null: unknown."""


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
    """The position of a due call on its trunk; 1 is next. Only in the answer for a single call."""
    waiting: WaitingAnswer | None
    """null: the call does not wait."""
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
    """Why the transfer was not tried."""


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
    """Response time: from the end of the caller's speech to the first audio of the agent."""


class CallAnswer(Answer):
    """One call as it is now. Numbers are personal."""

    id: str
    url: str
    direction: Literal["inbound", "outbound"]
    state: str
    agent: str
    agent_version: int | None
    """The version of the present agent. 0: a draft. null: unknown."""
    trunk: str | None
    caller: str | None
    callee: str | None
    started_at: Moment
    answered_at: Moment | None
    ended_at: Moment | None
    outcome: str | None
    """null until the call has ended. docs/outbound.md lists the outcomes."""
    ended_by: str | None
    cause: int | None
    """The Q.850 cause, if Asterisk reported it."""
    sip_status: int | None
    """The SIP status with which the network refused an outbound call, if Asterisk reports it."""
    detail: str | None
    transfer: TransferAnswer | None
    """The latest transfer."""
    turns: int
    """The number of answers of the agent."""
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
    """The latest transfer."""
    participants: tuple[ParticipantAnswer, ...]
    place: int | None
    """The position of an inbound caller in the waiting queue; 1 is next."""
    queue: QueuePlace | None
    """null for an inbound call."""
    metadata: Metadata = Field(default_factory=dict)
    """Data of the API client. The model and the dialplan do not see it."""
    node: str | None
    """The node that has or had the call (`GET /v1/nodes`). null: it is queued, or the answer is from the queue."""

    @classmethod
    def of(cls, call: view.CallView, node: str | None = None) -> "CallAnswer":
        return cls.model_validate(_call_fields(call, node))


class UtteranceAnswer(Answer):
    """If the agent was interrupted, the text ends with what the caller heard."""

    at: Moment
    """The end of the utterance."""
    started_at: Moment | None
    """The start of the utterance. null: unknown."""
    who: str
    """caller, agent, target (of an attended transfer), or operator (an instruction to the agent)."""
    text: str
    interrupted: bool
    heard_ms: int | None
    consultation: bool
    """true: said between agent and target before the transfer. The caller did not hear it."""
    by: str | None
    """For an operator: the name of the token."""
    action: str | None
    """For an operator: say (word for word), instruct, or switch_agent (`text`: the new instructions, if any)."""
    agent: str | None
    """For an operator: the instructed agent, or the new agent."""


def utterances(rows: Iterable[Any]) -> tuple[UtteranceAnswer, ...]:
    return tuple(map(UtteranceAnswer.model_validate, rows))


class TurnAnswer(Answer):
    """Milliseconds since the end of the caller's speech."""

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
    """With several nodes, the calls of all nodes."""

    calls: tuple[CallAnswer, ...]
    next: str | None
    """The value of `before` for the next page; null on the last page."""
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
    """A name from `trunks` in the config. Default: the first one."""
    agent: Name | None = None
    """A name from `agents` in the config. Default: the first one."""
    caller_id: Name | None = None
    """The number that the callee sees, if the trunk allows it; default: the trunk's own."""
    variables: Variables = Field(default_factory=dict)
    """Values for `{{name}}` in instructions and greeting."""
    metadata: Metadata = Field(default_factory=dict)
    """Data for your own use, such as an order number. It is returned with the call, in events, webhooks and the
    history. The model and the dialplan do not see it. Do not put secrets here."""
    timeout: float | None = Field(None, gt=0, le=300)
    """The ring time in seconds. Default: that of the trunk."""
    answer_detection: bool = False
    """Listen for a few seconds whether a machine answers; the agent gets the tool `voicemail`."""
    webhook: WebhookUrl | None = None
    """The URL that gets the signed events of this call; needs `call_webhooks` in the config."""
    priority: int = Field(0, ge=-1000, le=1000)
    """Higher priorities are dialed first, equal ones in order of arrival."""
    not_before: Instant | None = None
    """RFC 3339 with offset. The call waits until then."""
    expires: Instant | None = None
    """RFC 3339 with offset. A call that was not placed until then expires. Default: `outbound.expire_after_s`."""


class ChangeCall(Body):
    metadata: MetadataChanges
    """A value replaces that of the same key. null removes the key. Other keys do not change."""


class CallQuery(Body):
    state: Literal["active", "ended"] | None = None
    """Only calls in this state."""
    direction: Literal["inbound", "outbound"] | None = None
    agent: str | None = Field(None, max_length=128)
    trunk: str | None = Field(None, max_length=128)
    metadata: tuple[MetadataFilter, ...] = Field((), max_length=16)
    """`key=value`: calls with this metadata. May be repeated: calls with all of it."""
    limit: int = Field(100, ge=1, le=1000)
    """Calls per page."""
    before: str | None = Field(None, max_length=LONGEST_CURSOR)
    """The `next` of the page before this one."""
