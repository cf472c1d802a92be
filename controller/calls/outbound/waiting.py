"""Why a call waits in the queue: it is not due yet, or something is in its way. [pure]

Owns the reasons, and what the dialer of this node met the last time that it tried each trunk and agent (`Obstacles`).
The dialer of each node tries all calls that are due, so each node knows by itself.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from controller.calls.errors import Busy, UsedUp
from controller.calls.outbound.batches import Lane, lane_of
from controller.calls.outbound.calling_hours import first_allowed
from controller.calls.outbound.entry import ALL_TRUNKS, QueuedCall, Status
from controller.calls.outbound.trunk_breaker import SuspendedTrunk, TrunkSuspended
from controller.calls.reporting.view import WaitingView
from controller.config import Trunk

_BEHIND_A_PROBE = timedelta(seconds=2)
"""Calls over a suspended trunk are due shortly after the call that tries it (`TrunkBreakers.failed`)."""


@dataclass(slots=True)
class Obstacles:
    """`draining` and `not_ready`: why nobody is dialled at all; None: that is not so."""

    draining: str | None = None
    not_ready: str | None = None
    lanes: dict[Lane, Busy] = field(default_factory=dict)
    """Why the latest call of a trunk and agent was not placed."""
    _used_up: dict[str, str] = field(default_factory=dict)

    def met(self, entry: QueuedCall, reason: Busy) -> bool:
        """Returns whether it is news that a daily cap of the trunk is reached: it may be hours before the next call."""
        trunk = entry.order.trunk
        if not isinstance(reason, TrunkSuspended):  # which is asked before anything else
            self.not_ready = None
        self.lanes[lane_of(entry)] = reason
        news = isinstance(reason, UsedUp) and self._used_up.get(trunk) != reason.reason
        self._used_up[trunk] = reason.reason
        return news

    def placed(self, entry: QueuedCall) -> None:
        self.not_ready = None
        self.lanes.pop(lane_of(entry), None)
        self._used_up.pop(entry.order.trunk, None)


@dataclass(frozen=True, slots=True)
class Situation:
    """The queue at one moment, for all of its calls."""

    now: datetime
    paused: Collection[str]
    """Trunks; ALL_TRUNKS stands for all."""
    suspended: Collection[SuspendedTrunk]
    obstacles: Obstacles


def reason(entry: QueuedCall, trunk: Trunk | None, at: Situation) -> WaitingView | None:
    """None: it does not wait in the queue."""
    if entry.status is not Status.QUEUED:
        return None
    found = _not_due(entry, trunk, at) if entry.due_at > at.now else _in_its_way(entry, trunk, at)
    return found or WaitingView("turn", "It is due, and is placed when it is its turn.", None)


def _not_due(entry: QueuedCall, trunk: Trunk | None, at: Situation) -> WaitingView:
    name, due = entry.order.trunk, entry.due_at
    hours = trunk.calling_hours if trunk is not None else None
    if first_allowed(hours, at.now) == due:
        return WaitingView("calling_hours", f"It is outside the calling hours of the trunk {name}.", due)
    for each in at.suspended:
        if each.trunk == name and due <= each.next_probe_at + _BEHIND_A_PROBE:
            return _suspended(each, due)
    if entry.attempts:
        last = entry.attempts[-1].result.replace("_", " ")
        return WaitingView("retry", f"Attempt {len(entry.attempts)} ended as {last}; the next one is due then.", due)
    return WaitingView("not_before", "It is not to be placed earlier.", due)


def _in_its_way(entry: QueuedCall, trunk: Trunk | None, at: Situation) -> WaitingView | None:
    name, stopped = entry.order.trunk, at.obstacles
    if ALL_TRUNKS in at.paused:
        return WaitingView("paused", "Dialing is paused.", None)
    if name in at.paused:
        return WaitingView("paused", f"Dialing over the trunk {name} is paused.", None)
    if stopped.draining is not None:
        return WaitingView("draining", stopped.draining, None)
    if stopped.not_ready is not None:
        return WaitingView("not_ready", stopped.not_ready, None)
    opens = first_allowed(trunk.calling_hours, at.now) if trunk is not None else at.now
    if opens > at.now:
        return WaitingView("calling_hours", f"It is outside the calling hours of the trunk {name}.", opens)
    for each in at.suspended:
        if each.trunk == name and not each.probing:
            return _suspended(each, each.next_probe_at)
    busy = at.obstacles.lanes.get(lane_of(entry))
    return WaitingView(busy.kind, busy.reason, None) if busy is not None else None


def _suspended(it: SuspendedTrunk, until: datetime) -> WaitingView:
    status = f" (SIP {it.sip_status})" if it.sip_status is not None else ""
    told = f"The trunk {it.trunk} has failed {it.faults} times in a row: {it.outcome.replace('_', ' ')}{status}."
    return WaitingView("trunk_suspended", told, until)
