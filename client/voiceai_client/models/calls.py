"""Answers, and parts of requests: calls. Made from the OpenAPI document (`make reference`). [pure]"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from voiceai_client.decoding import Model
from voiceai_client.models.common import CallAnswer, TurnAnswer, UtteranceAnswer


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class BargeInAnswer(Model):
    at: datetime
    heard_ms: int
    latency_ms: float


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SoundAnswer(Model):
    """A complete recording: a file on the machine of the worker that made it."""

    path: str
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CountersAnswer(Model):
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
    usage: Mapping[str, int]
    """Tokens, by kind."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CallDetailAnswer(CallAnswer):
    """One call with everything that is stored about it. The transcript is personal."""

    transcript: tuple[UtteranceAnswer, ...] | None
    """null: the token lacks the scope `recordings`."""
    turn_times: tuple[TurnAnswer, ...]
    barge_ins: tuple[BargeInAnswer, ...]
    recordings: tuple[SoundAnswer, ...]
    counters: CountersAnswer | None
    """null until the call's AI session is over."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class UnreachableNode(Model):
    node: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CallPage(Model):
    """With several nodes, the calls of all nodes."""

    calls: tuple[CallAnswer, ...]
    next: str | None
    """The value of `before` for the next page; null on the last page."""
    unreachable_nodes: tuple[UnreachableNode, ...] = ()
    """The nodes whose calls are missing here."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class ReasonAnswer(Model):
    message: str
    fix: str
    """Empty if nothing has to be done."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SpokenAnswer(Model):
    """An utterance without its words."""

    at: datetime
    who: str
    letters: int
    interrupted: bool
    heard_ms: int | None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class StepAnswer(Model):
    at: datetime
    side: str
    """asterisk (its events), call (states, and requests to Asterisk and worker), worker, ai (types of Realtime
    events: → to the provider, ← from it; available after the session), or queue (of an outbound call: queued,
    attempts, end)."""
    what: str
    facts: Mapping[str, str | int | float | bool]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class TraceAnswer(Model):
    """One call for troubleshooting, without numbers and transcripts."""

    id: str
    direction: str
    agent: str
    trunk: str | None
    state: str
    started_at: datetime
    answered_at: datetime | None
    ended_at: datetime | None
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
