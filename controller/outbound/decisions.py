"""What becomes of a call that is to be placed: when it is due, and whether a result is the last one. [pure]"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from controller.call.outcome import Outcome
from controller.config import Trunk
from controller.config_outbound import Retry
from controller.outbound.entry import Attempt, Entry
from controller.outbound.hours import first_allowed

NOT_DIALLED = Retry(times=3, after_s=15, factor=4)
"""For calls that failed before they were dialled: no AI session, no worker. Unless the trunk says otherwise."""

LONGEST_WAIT = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Again:
    """It goes back into the queue."""

    due_at: datetime


@dataclass(frozen=True, slots=True)
class Over:
    result: str
    detail: str | None = None


def due(trunk: Trunk, wanted: datetime | None, now: datetime) -> datetime:
    """The first moment, not before `now` and `wanted`, at which the trunk may be dialled."""
    return first_allowed(trunk.calling_hours, max(wanted or now, now))


def after(trunk: Trunk | None, entry: Entry, attempt: Attempt, now: datetime, *, dialled: bool) -> Again | Over:
    """`attempt` has just ended; those before it are `entry.attempts`. `trunk` None: the config has it no more.

    Each result has its own count. One more attempt that could only begin after the call has expired is none.
    `dialled` False: nobody's telephone has rung, so that a failure of ours is tried again in any case.
    """
    over = Over(attempt.result, attempt.detail)
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
    return Again(again) if again < entry.expires_at else over


def _count(attempts: Iterable[Attempt], result: str) -> int:
    return sum(each.result == result for each in attempts)
