"""One call that is to be placed: what was asked for, and what has become of it. [pure]

Its status: `queued` (it waits for calling hours, for room, or for its next attempt), `dialing` (stored before Asterisk
is asked to dial; an attempt is under way), `ended` (with a result).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from controller.calls.metadata import Metadata


class Status(StrEnum):
    QUEUED = "queued"
    DIALING = "dialing"
    ENDED = "ended"


REJECTED = "rejected"
"""It may not be dialled any more: the allow-list, the trunk or the agent has changed since it was queued."""
EXPIRED = "expired"
"""Its time was over before it could be placed."""
INTERRUPTED = "interrupted"
"""The controller stopped while it was being dialled. Whom it reached is not known; it is not tried again."""
NODE_LOST = "node_lost"
"""It was answered, and ended with the node that had it."""
CANCELLED = "cancelled"

ALL_TRUNKS = ""
"""In the place of a trunk's name: all of them."""


@dataclass(frozen=True, slots=True)
class CallOrder:
    """What was asked for, checked: the number is normalised, trunk and agent exist."""

    callee: str = field(repr=False)
    trunk: str
    agent: str
    asked_by: str
    caller_id: str | None = field(default=None, repr=False)
    variables: Mapping[str, str] = field(default_factory=dict, repr=False)
    timeout: float | None = None
    answer_detection: bool = False
    webhook: str | None = field(default=None, repr=False)
    priority: int = 0
    """Higher comes first."""
    metadata: Metadata = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class QueueFilter:
    """Which calls of the queue: those for which every field that is not None holds."""

    statuses: tuple[Status, ...] | None = None
    calls: frozenset[str] | None = None
    trunk: str | None = None
    agent: str | None = None
    asked_by: str | None = None
    metadata: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    """Keys and values: all of these."""


@dataclass(frozen=True, slots=True)
class Attempt:
    """An attempt that is over. `result`: an `Outcome`, or one of the words above."""

    at: datetime
    result: str
    detail: str | None = None
    trunk: str | None = None
    """Over which it went. None: that of the order."""
    passed_to: str | None = None
    """The trunk that is tried at once, because this one could not be used: the next attempt is part of this one."""
    cause: int | None = None
    sip_status: int | None = None


@dataclass(frozen=True, slots=True)
class QueuedCall:
    """A row of the queue. `number`: its place in the order of arrival; `id`: the call's, whichever attempt it is."""

    number: int
    id: str
    status: Status
    order: CallOrder
    created_at: datetime
    due_at: datetime
    expires_at: datetime
    attempts: tuple[Attempt, ...] = ()
    dialled_at: datetime | None = None
    ended_at: datetime | None = None
    result: str | None = None
    detail: str | None = None
