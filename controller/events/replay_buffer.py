"""The latest events, for subscribers who come back: kept in memory, bounded by number and by size. [pure]

Owns what a `Last-Event-ID` means: the event after which a subscriber wants to read on, and whether everything after it
is still kept. An id of another process, or one that there never was, counts as not kept. To find what is kept of one
call costs as much as is kept of that call, not of all.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from controller.events.factory import SentEvent

MOST = 10_000
MOST_BYTES = 8 * 1024 * 1024
"""As JSON with everything in it; in memory an event is two to four times as large."""


@dataclass(frozen=True, slots=True)
class Replay:
    """The events after a `Last-Event-ID`. `gap`: some may be missing before the first one."""

    gap: bool
    events: tuple[SentEvent, ...]


class ReplayBuffer:
    """`epoch`: as in the ids of events (`EventFactory`)."""

    def __init__(self, epoch: str, most: int = MOST, most_bytes: int = MOST_BYTES) -> None:
        self._epoch = epoch
        self._most = most
        self._most_bytes = most_bytes
        self._kept: deque[SentEvent] = deque()
        self._by_call: dict[str, deque[SentEvent]] = {}
        self._over: set[str] = set()
        """Calls whose last event is kept."""
        self._bytes = 0
        self._forgotten = 0

    def __repr__(self) -> str:
        return f"<ReplayBuffer {len(self._kept)} events, {self._bytes} bytes>"

    def __iter__(self) -> Iterator[SentEvent]:
        return iter(self._kept)

    def add(self, sent: SentEvent) -> None:
        """Events are added in the order of `order`."""
        self._bytes += len(sent.full)
        self._kept.append(sent)
        self._by_call.setdefault(sent.call, deque()).append(sent)
        if sent.final:
            self._over.add(sent.call)
        while len(self._kept) > self._most or self._bytes > self._most_bytes:
            gone = self._kept.popleft()
            self._bytes -= len(gone.full)
            self._forgotten = gone.order
            of_call = self._by_call[gone.call]
            of_call.popleft()
            if not of_call:
                del self._by_call[gone.call]
            if gone.final and not any(each.final for each in of_call):
                self._over.discard(gone.call)

    def of_call(self, call: str) -> Sequence[SentEvent]:
        """Everything kept of one call, oldest first."""
        return tuple(self._by_call.get(call, ()))

    def has_events_of(self, call: str) -> bool:
        """There are events of this call."""
        return call in self._by_call

    def has_end_of(self, call: str) -> bool:
        """The last event of this call is kept."""
        return call in self._over

    def after(self, last_id: str, call: str | None = None) -> Replay:
        """Everything kept that came after the event of that id. `call`: of one call only."""
        place = self._place(last_id)
        kept = self._kept if call is None else self._by_call.get(call, ())
        if place is None:
            return Replay(True, tuple(kept))
        if call is None:  # of all of them none is missing in between
            later = tuple(islice(kept, max(0, place - self._forgotten), None))
        else:
            later = tuple(each for each in kept if each.order > place)
        return Replay(place < self._forgotten, later)

    def _place(self, last_id: str) -> int | None:
        epoch, dash, number = last_id.rpartition("-")
        if not dash or epoch != self._epoch or not (number.isascii() and number.isdigit()) or len(number) > 18:
            return None
        newest = self._kept[-1].order if self._kept else self._forgotten
        return int(number) if int(number) <= newest else None
