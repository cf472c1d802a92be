"""Pages of the list of calls, by key and not by place: a call that ends between two pages moves nothing. [pure]

A walk over the pages has a moment, at which its first page was asked for. Live at that moment: shown first, the newest
first; ended by then: shown behind them, the latest end first. What came later is not in it. So each call is in exactly
one place, whatever becomes of it meanwhile; it is shown as it is when its page is made.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from controller.calls.reporting.view import CallView

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CURSOR = re.compile(r"([0-9a-f]{1,15})-([01])-([0-9a-f]{1,15})-([!-~]{1,64})", re.ASCII)

Key = tuple[bool, int, str]
"""Greater ones come first."""


class NotACursor(ValueError):
    """The text was not made by `page_of`."""


@dataclass(frozen=True, slots=True)
class Page:
    calls: Sequence[CallView]
    next: str | None
    """None: nothing follows."""


def page_of(calls: Iterable[CallView], *, limit: int, before: str | None, now: datetime) -> Page:
    """At most `limit` of `calls`, behind those of the page that told `before`. Raises NotACursor."""
    every = tuple(calls)
    began, last = (_latest(every, now), None) if before is None else _read(before)
    keyed = sorted(
        ((_key(call, began), call) for call in every if _micros(call.started_at) <= began),
        reverse=True,
        key=lambda pair: pair[0],
    )
    rest = [(key, call) for key, call in keyed if last is None or key < last]
    page = rest[:limit]
    more = _written(began, page[-1][0]) if len(rest) > len(page) else None
    return Page([call for _, call in page], more)


def _key(call: CallView, began: int) -> Key:
    ended = _micros(call.ended_at) if call.ended_at is not None else None
    lived = ended is None or ended > began
    return lived, _micros(call.started_at) if lived or ended is None else ended, call.id


def _latest(calls: Sequence[CallView], now: datetime) -> int:
    """`now`, unless the clock was set back meanwhile: what is there already belongs to the walk."""
    known = (moment for call in calls for moment in (call.started_at, call.ended_at) if moment is not None)
    return _micros(max([now, *known]))


def _micros(moment: datetime) -> int:
    return max(0, (moment - _EPOCH) // timedelta(microseconds=1))


def _written(began: int, key: Key) -> str:
    return f"{began:x}-{int(key[0])}-{key[1]:x}-{key[2]}"


def _read(cursor: str) -> tuple[int, Key]:
    found = _CURSOR.fullmatch(cursor)
    if found is None:
        raise NotACursor("it is no `next` of a page")
    began, lived, at, call = found.groups()
    return int(began, 16), (lived == "1", int(at, 16), call)
