"""The queue of outbound calls, as JSON."""

from collections.abc import Sequence
from typing import Any, Literal

from pydantic import Field, model_validator

from controller.api.models.base import Answer, Body, Metadata, MetadataFilter, Moment, Name, pairs_of
from controller.api.models.calls import CallAnswer
from controller.calls.outbound.entry import ALL_TRUNKS, QueueFilter, Status
from controller.calls.outbound.service import Summary
from controller.calls.reporting import view


class PauseQueue(Body):
    trunk: Name | None = None
    """A name from `trunks` in the config. Default: all trunks."""


class SuspendedTrunkAnswer(Answer):
    """A trunk that failed several times in a row (`trunks.*.circuit_breaker`). No queued calls are placed over it."""

    trunk: str
    since: Moment
    faults: int
    """The number of failures in a row."""
    next_probe_at: Moment
    """When the next test call is placed over the trunk."""
    probing: bool
    """true: the test call is due or in progress."""
    outcome: str
    """The outcome of the latest failure."""
    sip_status: int | None


class QueueAnswer(Answer):
    counts: dict[str, int]
    """The number of calls by status."""
    paused: bool
    """true: no calls are dialed over any trunk."""
    paused_trunks: tuple[str, ...]
    suspended_trunks: tuple[SuspendedTrunkAnswer, ...] = ()
    """Trunks that are suspended by their circuit breaker. `resume` ends this at once."""

    @classmethod
    def of(cls, summary: Summary) -> "QueueAnswer":
        return cls(**_queue_fields(summary))


class QueuePage(QueueAnswer):
    calls: tuple[CallAnswer, ...]
    matching: int
    """The number of matching calls on all pages."""
    next: int | None
    """The value of `before` for the next page; null on the last page."""

    @classmethod
    def of_page(cls, summary: Summary, calls: Sequence[view.CallView], matching: int, next_: int | None) -> "QueuePage":
        shown = tuple(CallAnswer.of(each) for each in calls)
        return cls(**_queue_fields(summary), calls=shown, matching=matching, next=next_)


def _queue_fields(summary: Summary) -> dict[str, Any]:
    return {
        "counts": {status.value: summary.counts.get(status, 0) for status in Status},
        "paused": ALL_TRUNKS in summary.paused,
        "paused_trunks": tuple(sorted(summary.paused - {ALL_TRUNKS})),
        "suspended_trunks": tuple(map(SuspendedTrunkAnswer.model_validate, summary.suspended)),
    }


class QueueQuery(Body):
    status: Literal["queued", "dialing", "ended", "active"] | None = None
    """Only calls with this status. active: queued and dialing."""
    trunk: Name | None = None
    agent: Name | None = None
    asked_by: Name | None = None
    """The name of the token that placed the calls."""
    metadata: tuple[MetadataFilter, ...] = Field((), max_length=16)
    """`key=value`: calls with this metadata. May be repeated: calls with all of it."""
    limit: int = Field(100, ge=1, le=1000)
    """Calls per page."""
    before: int | None = Field(None, ge=1, le=2**53)
    """The `next` of the page before this one."""

    def as_filter(self) -> QueueFilter:
        statuses = (Status.QUEUED, Status.DIALING) if self.status == "active" else (Status(self.status or "queued"),)
        wanted, metadata = statuses if self.status else None, pairs_of(self.metadata)
        return QueueFilter(wanted, None, self.trunk, self.agent, self.asked_by, metadata)


class CancelQueued(Body):
    """Selects queued calls that match all given fields. At least one field is required, or `all`."""

    calls: list[Name] | None = Field(None, min_length=1, max_length=1000)
    """Ids of calls."""
    trunk: Name | None = None
    agent: Name | None = None
    asked_by: Name | None = None
    """The name of the token that placed the calls."""
    metadata: Metadata = Field(default_factory=dict)
    """They have all of this, such as `{"campaign": "spring"}`."""
    all: bool = False
    """All queued calls."""
    expected: int | None = Field(None, ge=0)
    """The expected number of matching calls. If the actual number differs, no call is cancelled, and the answer is 409.
    Without it, calls are only counted, unless `calls` lists them."""

    @model_validator(mode="after")
    def _says_which(self) -> "CancelQueued":
        if not self.all and not any((self.calls, self.trunk, self.agent, self.asked_by, self.metadata)):
            raise ValueError("one of calls, trunk, agent, asked_by, metadata and all is needed")
        return self

    def as_filter(self) -> QueueFilter:
        calls = None if self.calls is None else frozenset(self.calls)
        metadata = tuple(self.metadata.items())
        return QueueFilter((Status.QUEUED,), calls, self.trunk, self.agent, self.asked_by, metadata)


class Cancelled(Answer):
    matching: int
    """The number of matching queued calls."""
    cancelled: int
