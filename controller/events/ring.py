"""The latest events, for readers who come back: kept in memory, bounded by number and by size. [pure]

Owns what a `Last-Event-ID` means: the place after which somebody wants to read on, and whether that place is still
kept. An id of another process, or one that never was, is a place that is not kept.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from controller.events.making import Notice

MOST = 10_000
MOST_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Kept:
    """What there is to read on from a place. `gap`: the place is not kept, something may have been missed."""

    gap: bool
    notices: tuple[Notice, ...]


class Ring:
    def __init__(self, epoch: str, most: int = MOST, most_bytes: int = MOST_BYTES) -> None:
        self._epoch = epoch
        self._most = most
        self._most_bytes = most_bytes
        self._kept: deque[Notice] = deque()
        self._bytes = 0
        self._forgotten = 0

    def __repr__(self) -> str:
        return f"<Ring {len(self._kept)} events, {self._bytes} bytes>"

    def __iter__(self) -> Iterator[Notice]:
        return iter(self._kept)

    def add(self, notice: Notice) -> None:
        """In their order."""
        self._bytes += len(notice.full)
        self._kept.append(notice)
        while len(self._kept) > self._most or self._bytes > self._most_bytes:
            gone = self._kept.popleft()
            self._bytes -= len(gone.full)
            self._forgotten = gone.order

    def after(self, last_id: str) -> Kept:
        """Everything kept that came after the event of that id."""
        place = self._place(last_id)
        if place is None:
            return Kept(True, tuple(self._kept))
        return Kept(place < self._forgotten, tuple(each for each in self._kept if each.order > place))

    def _place(self, last_id: str) -> int | None:
        epoch, dash, number = last_id.rpartition("-")
        if not dash or epoch != self._epoch or not (number.isascii() and number.isdigit()) or len(number) > 18:
            return None
        newest = self._kept[-1].order if self._kept else self._forgotten
        return int(number) if int(number) <= newest else None
