"""Answers, and parts of requests: queue. Made from the OpenAPI document (`make reference`). [pure]"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from voiceai_client.decoding import Model
from voiceai_client.models.common import CallAnswer


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Cancelled(Model):
    matching: int
    """The number of matching queued calls."""
    cancelled: int


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SuspendedTrunkAnswer(Model):
    """A trunk that failed several times in a row (`trunks.*.circuit_breaker`). No queued calls are placed over it."""

    trunk: str
    since: datetime
    faults: int
    """The number of failures in a row."""
    next_probe_at: datetime
    """When the next test call is placed over the trunk."""
    probing: bool
    """true: the test call is due or in progress."""
    outcome: str
    """The outcome of the latest failure."""
    sip_status: int | None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class QueueAnswer(Model):
    counts: Mapping[str, int]
    """The number of calls by status."""
    paused: bool
    """true: no calls are dialed over any trunk."""
    paused_trunks: tuple[str, ...]
    suspended_trunks: tuple[SuspendedTrunkAnswer, ...] = ()
    """Trunks that are suspended by their circuit breaker. `resume` ends this at once."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class QueuePage(QueueAnswer):
    calls: tuple[CallAnswer, ...]
    matching: int
    """The number of matching calls on all pages."""
    next: int | None
    """The value of `before` for the next page; null on the last page."""
