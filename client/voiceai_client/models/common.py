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
    """The Q.850 cause, if Asterisk reported it."""
    sip_status: int | None
    """The SIP status with which the network refused the call."""


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
    """Why the transfer was not tried."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SpreadAnswer(Model):
    p50: int
    max: int


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Latency(Model):
    first_frame_ms: SpreadAnswer | None
    """Response time: from the end of the caller's speech to the first audio of the agent."""


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
    """The reason in words."""
    until: datetime | None
    """When the reason ends. null: unknown."""


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
    """The position of a due call on its trunk; 1 is next. Only in the answer for a single call."""
    waiting: WaitingAnswer | None
    """null: the call does not wait."""
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
    """The version of the present agent. 0: a draft. null: unknown."""
    trunk: str | None
    caller: str | None
    callee: str | None
    started_at: datetime
    answered_at: datetime | None
    ended_at: datetime | None
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
    metadata: Mapping[str, str]
    """Data of the API client. The model and the dialplan do not see it."""
    node: str | None
    """The node that has or had the call (`GET /v1/nodes`). null: it is queued, or the answer is from the queue."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class TurnAnswer(Model):
    """Milliseconds since the end of the caller's speech."""

    at: datetime
    turn: int
    endpointing_ms: float | None
    first_delta_ms: float | None
    first_frame_ms: float | None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class UtteranceAnswer(Model):
    """If the agent was interrupted, the text ends with what the caller heard."""

    at: datetime
    """The end of the utterance."""
    started_at: datetime | None
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
