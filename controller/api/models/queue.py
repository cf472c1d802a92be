"""The queue of outbound calls, as JSON."""

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field

from controller.api.models.base import Answer, Body, Moment, Name
from controller.api.models.calls import CallAnswer
from controller.calls.outbound.entry import Status
from controller.calls.outbound.queue import ALL_TRUNKS
from controller.calls.outbound.service import Summary
from controller.calls.reporting import view


class PauseQueue(Body):
    trunk: Name | None = None
    """A name from `trunks` in the config; all of them if not given."""


class SuspendedTrunkAnswer(Answer):
    """A trunk that failed several times in a row (`trunks.*.circuit_breaker`): no queued call is placed over it."""

    trunk: str
    since: Moment
    faults: int
    """In a row."""
    next_probe_at: Moment
    """When one call tries the trunk."""
    probing: bool
    """Whether this time has come."""
    outcome: str
    """Of the latest fault."""
    sip_status: int | None


class QueueAnswer(Answer):
    counts: dict[str, int]
    """By status."""
    paused: bool
    """No calls are placed over any trunk."""
    paused_trunks: tuple[str, ...]
    suspended_trunks: tuple[SuspendedTrunkAnswer, ...] = ()
    """`resume` tries them at once."""

    @classmethod
    def of(cls, summary: Summary) -> "QueueAnswer":
        return cls(**_queue_fields(summary))


class QueuePage(QueueAnswer):
    calls: tuple[CallAnswer, ...]
    next: int | None
    """For the query's `before`: the page that follows; null on the last one."""

    @classmethod
    def of_page(cls, summary: Summary, calls: Sequence[view.CallView], next_: int | None) -> "QueuePage":
        return cls(**_queue_fields(summary), calls=tuple(CallAnswer.of(each) for each in calls), next=next_)


def _queue_fields(summary: Summary) -> dict[str, Any]:
    return {
        "counts": {status.value: summary.counts.get(status, 0) for status in Status},
        "paused": ALL_TRUNKS in summary.paused,
        "paused_trunks": tuple(sorted(summary.paused - {ALL_TRUNKS})),
        "suspended_trunks": tuple(map(SuspendedTrunkAnswer.model_validate, summary.suspended)),
    }


class QueueQuery(Body):
    status: Literal["queued", "dialing", "ended"] | None = None
    """Only those."""
    limit: int = Field(100, ge=1, le=1000)
    """Calls per page."""
    before: int | None = Field(None, ge=1, le=2**53)
    """The `next` of the page before this one."""
