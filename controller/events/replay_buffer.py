"""The latest events, for subscribers who come back: kept in memory, bounded by number and by size. [pure]

Owns what a `Last-Event-ID` means: the place after which somebody wants to read on, and whether that place is still
kept. An id of another process, or one that never was, is a place that is not kept. Readers of one call, of whom there
may be many, cost what is kept of that call and not what is kept of all.
"""

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from controller.events.factory import OutgoingEvent

MOST = 10_000
MOST_BYTES = 8 * 1024 * 1024
"""As JSON with everything in it; in memory, with its other forms, an event is four to six times as large."""


@dataclass(frozen=True, slots=True)
class Replay:
    """What there is to read on from a place. `gap`: the place is not kept, something may have been missed."""

    gap: bool
    events: tuple[OutgoingEvent, ...]


class ReplayBuffer:
    def __init__(self, epoch: str, most: int = MOST, most_bytes: int = MOST_BYTES) -> None:
        self._epoch = epoch
        self._most = most
        self._most_bytes = most_bytes
        self._kept: deque[OutgoingEvent] = deque()
        self._by_call: dict[str, deque[OutgoingEvent]] = {}
        self._over: set[str] = set()
        """Calls of which the end is kept."""
        self._bytes = 0
        self._forgotten = 0

    def __repr__(self) -> str:
        return f"<ReplayBuffer {len(self._kept)} events, {self._bytes} bytes>"

    def __iter__(self) -> Iterator[OutgoingEvent]:
        return iter(self._kept)

    def add(self, outgoing: OutgoingEvent) -> None:
        """In their order."""
        self._bytes += len(outgoing.full)
        self._kept.append(outgoing)
        self._by_call.setdefault(outgoing.call, deque()).append(outgoing)
        if outgoing.final:
            self._over.add(outgoing.call)
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

    def of_call(self, call: str) -> Sequence[OutgoingEvent]:
        """Everything kept of one call, oldest first."""
        return tuple(self._by_call.get(call, ()))

    def knows(self, call: str) -> bool:
        """Something is kept of this call."""
        return call in self._by_call

    def over(self, call: str) -> bool:
        """The end of this call is kept."""
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
