"""Answers, and parts of requests: history. Made from the OpenAPI document (`make reference`). [pure]"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from voiceai_client.decoding import Model
from voiceai_client.models.common import SpreadAnswer, TurnAnswer, UtteranceAnswer


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Forgotten(Model):
    calls: int
    recordings: int
    """Files that were deleted."""
    recordings_elsewhere: int
    """Files that are not on this machine, or could not be deleted: see the log."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class PastCall(Model):
    """An ended call, as it is stored. Numbers are personal, and may be masked or missing (`records.numbers`)."""

    number: int
    id: str
    attempt: int
    """The number of the attempt to place the call, from 1. 0: nothing was dialed."""
    url: str
    direction: str
    agent: str
    agent_version: int | None
    """0: a draft. null: unknown."""
    trunk: str | None
    caller: str | None
    callee: str | None
    started_at: datetime
    answered_at: datetime | None
    ended_at: datetime | None
    """null: the call is live."""
    outcome: str | None
    """As in /v1/calls. `interrupted`: the controller was killed, and the end is unknown."""
    ended_by: str | None
    cause: int | None
    """The Q.850 cause, if Asterisk reported it."""
    sip_status: int | None
    """The SIP status with which an outbound call was refused."""
    detail: str | None
    total_s: float | None
    talked_s: float | None
    turns: int
    first_frame_ms: SpreadAnswer | None
    """Response time: from the end of the caller's speech to the first audio of the agent."""
    cost: float
    """US dollars."""
    metadata: Mapping[str, str]
    """Data of the API client."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class HistoryTotals(Model):
    """Of all calls that fit the filters, on all pages."""

    calls: int
    talked_s: float
    cost: float
    """US dollars."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class HistoryPage(Model):
    calls: tuple[PastCall, ...]
    totals: HistoryTotals | None
    """null: not asked for."""
    next: int | None
    """The value of `before` for the next page; null on the last page."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class LegAnswer(Model):
    leg: str
    kind: str
    """transfer, participant or supervision."""
    mode: str | None
    """Of a transfer: blind, attended or refer; of a supervision: listen, whisper or take_over; null: not known."""
    party: str | None
    by: str | None
    began_at: datetime
    at: datetime
    """The time of its latest change."""
    state: str
    outcome: str | None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ToolUse(Model):
    at: datetime
    tool: str
    seconds: float | None
    ok: bool | None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class UsageAnswer(Model):
    at: datetime
    provider: str
    model: str
    kind: str
    tokens: Mapping[str, int]
    seconds: float | None
    cost: float


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class PastSound(Model):
    number: int
    at: datetime
    """When the recording was complete."""
    seconds: float
    url: str | None
    """null: the file is not on the machine of the controller."""
    ended_with: str
    """call: recorded until the end. transfer or take_over: the agent left the call, and the rest is not recorded.
    stop: the recording was stopped."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class PastEvent(Model):
    at: datetime
    type: str
    data: Mapping[str, Any]
    """As in docs/events.md, without personal data."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class PastCallDetail(PastCall):
    """A call with everything that is stored about it. The transcript is personal."""

    attempts: tuple[int, ...]
    transcript: tuple[UtteranceAnswer, ...] | None
    """null: the token lacks the scope `recordings`."""
    turn_times: tuple[TurnAnswer, ...]
    tools: tuple[ToolUse, ...]
    legs: tuple[LegAnswer, ...]
    usage: tuple[UsageAnswer, ...]
    recordings: tuple[PastSound, ...]
    events: tuple[PastEvent, ...]
