"""Answers, and parts of requests: common. Made from the OpenAPI document (`make reference`). [pure]"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from voiceai_client.decoding import Model


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class AttemptAnswer(Model):
    at: datetime
    result: str
    detail: str | None
    trunk: str | None
    """The trunk of this attempt."""
    cause: int | None
    """Q.850, where Asterisk told it."""
    sip_status: int | None
    """The SIP status with which the network refused it."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class TransferAnswer(Model):
    to: str
    by: str
    state: str
    """ringing, consulting, answered or failed."""
    outcome: str | None
    kind: str
    """blind, attended or refer."""
    detail: str | None
    """Why it was not tried."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SpreadAnswer(Model):
    p50: int
    max: int


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Latency(Model):
    first_frame_ms: SpreadAnswer | None
    """From the caller's end of speech to the agent's first sound."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SupervisionAnswer(Model):
    to: str
    by: str
    mode: str
    state: str
    """ringing, on, left or failed."""
    outcome: str | None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ParticipantAnswer(Model):
    leg: str
    to: str
    by: str
    state: str
    outcome: str | None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class WaitingAnswer(Model):
    """Why a call waits in the queue."""

    reason: str
    """not_before, calling_hours, retry, paused, draining, not_ready, trunk_suspended, no_worker, concurrency_limit,
    rate_limit, minutes_limit, spend_limit, limit or turn (docs/outbound.md)."""
    detail: str
    """The same in a sentence."""
    until: datetime | None
    """When that is over; null: not known."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class QueuePlace(Model):
    """The queue's data of an outbound call."""

    number: int
    """The number in order of arrival."""
    status: str
    """queued, dialing or ended."""
    priority: int
    due_at: datetime
    expires_at: datetime
    asked_by: str
    place: int | None
    """The place of a due call in the line of its trunk; 1 is next. Only in the answer for a single call."""
    waiting: WaitingAnswer | None
    """null: it does not wait."""
    attempts: tuple[AttemptAnswer, ...]
    """The ended attempts."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CallAnswer(Model):
    """One call as it is now. Numbers are personal."""

    id: str
    url: str
    direction: Literal["inbound", "outbound"] | str
    state: str
    agent: str
    agent_version: int | None
    """The version of the agent with which it began, or that it was given to; 0: a draft; null: not known."""
    trunk: str | None
    caller: str | None
    callee: str | None
    started_at: datetime
    answered_at: datetime | None
    ended_at: datetime | None
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
    metadata: Mapping[str, str]
    """What the client has given the call; neither the model nor the dialplan sees it."""
    node: str | None
    """The node that has the call, or had it lately (`GET /v1/nodes`); null: it waits in the queue, or only the queue
    was asked."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class TurnAnswer(Model):
    """Milliseconds from the caller's end of speech."""

    at: datetime
    turn: int
    endpointing_ms: float | None
    first_delta_ms: float | None
    first_frame_ms: float | None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class UtteranceAnswer(Model):
    """If the agent was interrupted, the text ends with what the caller heard."""

    at: datetime
    """When it was over."""
    started_at: datetime | None
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
