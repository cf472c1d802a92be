"""What becomes of a call that is to be placed: when it is due, over which trunk, and whether a result is the last
one. [pure]"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from controller.calls.machine.outcome import Outcome
from controller.calls.outbound.calling_hours import first_allowed
from controller.calls.outbound.entry import Attempt, QueuedCall
from controller.config import Config, Trunk
from controller.config.models.trunks import Retry
from controller.dialing import numbers

NOT_DIALLED = Retry(times=3, after_s=15, factor=4)
"""For calls that failed before they were dialled: no AI session, no worker. Unless the trunk says otherwise."""

TRUNK_UNUSABLE = (Outcome.CONGESTION, Outcome.TRUNK_FAULT)
"""Results after which the next trunk is tried at once: another carrier may do better."""

LONGEST_WAIT = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class RetryAt:
    """It goes back into the queue."""

    due_at: datetime


@dataclass(frozen=True, slots=True)
class Final:
    result: str
    detail: str | None = None


def due(trunk: Trunk, wanted: datetime | None, now: datetime) -> datetime:
    """The first moment, not before `now` and `wanted`, at which the trunk may be dialled."""
    return first_allowed(trunk.calling_hours, max(wanted or now, now))


def after(trunk: Trunk | None, entry: QueuedCall, attempt: Attempt, now: datetime, *, dialled: bool) -> RetryAt | Final:
    """`attempt` has just ended; those before it are `entry.attempts`. `trunk` None: the config has it no more.

    Attempts are counted by result; trunks that were tried one after the other at once count as one attempt. No attempt
    is made after the call has expired. `dialled` False: no telephone has rung, so a failure of ours is tried again in
    any case.
    """
    over = Final(attempt.result, attempt.detail)
    if trunk is None:
        return over
    retry = {str(result): each for result, each in trunk.retries.items()}.get(attempt.result)
    if retry is None and attempt.result == Outcome.FAILED and not dialled:
        retry = NOT_DIALLED
    before = _count(entry.attempts, attempt.result)
    if retry is None or before >= retry.times:
        return over
    wait = min(retry.after_s * retry.factor**before, LONGEST_WAIT.total_seconds())
    again = due(trunk, now + timedelta(seconds=wait), now)
    return RetryAt(again) if again < entry.expires_at else over


def _count(attempts: Iterable[Attempt], result: str) -> int:
    return sum(each.result == result and each.passed_to is None for each in attempts)


# ---------------------------------------------------------------- over which trunk


def trunks_for(config: Config, entry: QueuedCall) -> tuple[str, ...]:
    """The trunks for the next attempt, in order: that of the order and what its `overflow` leads to, or the rest of
    them if the last attempt was passed on. Empty: the config does not have the trunk any more."""
    row = _row(config, entry.order.trunk)
    passed_to = entry.attempts[-1].passed_to if entry.attempts else None
    return row[row.index(passed_to) :] if passed_to in row else row


def next_trunk(config: Config, entry: QueuedCall, attempt: Attempt, now: datetime) -> str | None:
    """The trunk to try at once, after one that was congested or could not be reached; None: there is none that may
    dial this number now."""
    row, used = _row(config, entry.order.trunk), attempt.trunk or entry.order.trunk
    if attempt.result not in TRUNK_UNUSABLE or used not in row or now >= entry.expires_at:
        return None
    rest = row[row.index(used) + 1 :]
    return next((name for name in rest if usable(config.trunks[name], entry, now)), None)


def usable(trunk: Trunk, entry: QueuedCall, now: datetime) -> bool:
    """Whether it may dial this number and show this caller id, and may do so now."""
    try:
        numbers.dial_string(trunk, entry.order.callee)
        if entry.order.caller_id is not None:
            numbers.check_caller_id(trunk, entry.order.caller_id)
    except numbers.NotAllowed:
        return False
    return due(trunk, None, now) <= now


def _row(config: Config, name: str | None) -> tuple[str, ...]:
    found: list[str] = []
    while name in config.trunks and name not in found:
        found.append(name)
        name = config.trunks[name].overflow
    return tuple(found)
