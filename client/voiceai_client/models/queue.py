"""Answers, and parts of requests: queue. Made from the OpenAPI document (`make reference`). [pure]"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from voiceai_client.decoding import Model
from voiceai_client.models.common import CallAnswer


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Cancelled(Model):
    matching: int
    """How many calls that wait fit."""
    cancelled: int


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SuspendedTrunkAnswer(Model):
    """A trunk that failed several times in a row (`trunks.*.circuit_breaker`): no queued call is placed over it."""

    trunk: str
    since: datetime
    faults: int
    """In a row."""
    next_probe_at: datetime
    """When one call tries the trunk."""
    probing: bool
    """Whether this time has come."""
    outcome: str
    """Of the latest fault."""
    sip_status: int | None


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class QueueAnswer(Model):
    counts: Mapping[str, int]
    """By status."""
    paused: bool
    """No calls are placed over any trunk."""
    paused_trunks: tuple[str, ...]
    suspended_trunks: tuple[SuspendedTrunkAnswer, ...] = ()
    """`resume` tries them at once."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class QueuePage(QueueAnswer):
    calls: tuple[CallAnswer, ...]
    matching: int
    """How many calls fit the query, on all pages."""
    next: int | None
    """For the query's `before`: the page that follows; null on the last one."""
