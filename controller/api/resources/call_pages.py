"""Owns the paging of the list of calls; a call that ends between two pages moves no other call. [pure]

A cursor holds the time of the first page. Calls that were live at that time come first, newest first; then the ended
ones, latest end first. Later calls are left out. So each call is on exactly one page; it is shown in its present state.
Several nodes are asked for the same page each, of which one is made.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar

from controller.calls.reporting.view import CallView

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_CURSOR = re.compile(r"([0-9a-f]{1,15})-([01])-([0-9a-f]{1,15})-([!-~]{1,64})", re.ASCII)

Key = tuple[bool, int, str]
"""(live at the start, time in microseconds, id); sorted in descending order."""


class NotACursor(ValueError):
    """The text was not made by `page_of`."""


T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Part(Generic[T]):
    """A page of the calls of one node. `start`: the time of the first page, in microseconds."""

    start: int
    calls: Sequence[tuple[Key, T]]
    more: bool
    """There are further ones."""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    calls: Sequence[T]
    next: str | None
    """None: this is the last page."""


def page_of(calls: Iterable[CallView], *, limit: int, before: str | None, now: datetime) -> Page[CallView]:
    """At most `limit` of `calls`, from the cursor `before` on. Raises NotACursor."""
    return merged([part_of(calls, limit=limit, before=before, now=now)], limit)


def part_of(calls: Iterable[CallView], *, limit: int, before: str | None, now: datetime) -> Part[CallView]:
    """Raises NotACursor."""
    known = tuple(calls)
    start, last = (_latest(known, now), None) if before is None else _read(before)
    keyed = sorted(
        ((_key(call, start), call) for call in known if _micros(call.started_at) <= start), reverse=True, key=_by_key
    )
    rest = [(key, call) for key, call in keyed if last is None or key < last]
    return Part(start, rest[:limit], len(rest) > limit)


def merged(parts: Iterable[Part[T]], limit: int) -> Page[T]:
    """One page of the same page of several nodes. Of a call that two of them have, the live one, or the one that ended
    last."""
    known = tuple(parts)
    found: dict[str, tuple[Key, T]] = {}
    for key, call in sorted((each for part in known for each in part.calls), reverse=True, key=_by_key):
        found.setdefault(key[2], (key, call))
    page = list(found.values())[:limit]
    more = len(found) > len(page) or any(part.more for part in known)
    cursor = _written(max(part.start for part in known), page[-1][0]) if more and page else None
    return Page([call for _, call in page], cursor)


def written(part: Part[bytes]) -> bytes:
    """As one node tells another: a line for each call, which has no line end in it."""
    lines = [f"{part.start:x} {int(part.more)}".encode()]
    lines += [_written(part.start, key).encode() + b" " + call for key, call in part.calls]
    return b"\n".join(lines)


def read_part(told: bytes) -> Part[bytes]:
    """What `written` made. Raises ValueError."""
    head, *lines = told.split(b"\n")
    start, _, more = head.partition(b" ")
    calls = []
    for line in lines:
        cursor, _, call = line.partition(b" ")
        if not (call.startswith(b"{") and call.endswith(b"}")):
            raise ValueError("a line has no call")
        calls.append((_read(cursor.decode())[1], call))
    return Part(int(start, 16), calls, more == b"1")


def _by_key(pair: tuple[Key, Any]) -> Key:
    return pair[0]


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
