"""Owns the paging of the list of calls; a call that ends between two pages moves no other call. [pure]

A cursor holds the time of the first page. Calls that were live at that time come first, newest first; then the ended
ones, latest end first. Later calls are left out. So each call is on exactly one page; it is shown in its present state.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from controller.calls.reporting.view import CallView

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CURSOR = re.compile(r"([0-9a-f]{1,15})-([01])-([0-9a-f]{1,15})-([!-~]{1,64})", re.ASCII)

Key = tuple[bool, int, str]
"""(live at the start, time in microseconds, id); sorted in descending order."""


class NotACursor(ValueError):
    """The text was not made by `page_of`."""


@dataclass(frozen=True, slots=True)
class Page:
    calls: Sequence[CallView]
    next: str | None
    """None: this is the last page."""


def page_of(calls: Iterable[CallView], *, limit: int, before: str | None, now: datetime) -> Page:
    """At most `limit` of `calls`, from the cursor `before` on. Raises NotACursor."""
    known = tuple(calls)
    start, last = (_latest(known, now), None) if before is None else _read(before)
    keyed = sorted(
        ((_key(call, start), call) for call in known if _micros(call.started_at) <= start),
        reverse=True,
        key=lambda pair: pair[0],
    )
    rest = [(key, call) for key, call in keyed if last is None or key < last]
    page = rest[:limit]
    cursor = _written(start, page[-1][0]) if len(rest) > len(page) else None
    return Page([call for _, call in page], cursor)


def _key(call: CallView, start: int) -> Key:
    ended = _micros(call.ended_at) if call.ended_at is not None else None
    live = ended is None or ended > start
    return live, _micros(call.started_at) if live or ended is None else ended, call.id


def _latest(calls: Sequence[CallView], now: datetime) -> int:
    """`now`, or the latest time of a call if the clock was set back: all present calls are included."""
    known = (moment for call in calls for moment in (call.started_at, call.ended_at) if moment is not None)
    return _micros(max([now, *known]))


def _micros(moment: datetime) -> int:
    return max(0, (moment - _EPOCH) // timedelta(microseconds=1))


def _written(start: int, key: Key) -> str:
    return f"{start:x}-{int(key[0])}-{key[1]:x}-{key[2]}"


def _read(cursor: str) -> tuple[int, Key]:
    found = _CURSOR.fullmatch(cursor)
    if found is None:
        raise NotACursor("it is no `next` of a page")
    start, live, at, call = found.groups()
    return int(start, 16), (live == "1", int(at, 16), call)
