"""Who listens to events as they happen, and what they have not read yet.

Owns the readers and the ring of what they may come back for. `publish` never waits: a reader that falls behind by
`READER_QUEUE` events is told so once it reads again, and is sent nothing more.
"""

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from controller.config.models.event_filters import TYPES
from controller.events.factory import OutgoingEvent
from controller.events.replay_buffer import ReplayBuffer

READER_QUEUE = 1000
MOST_READERS = 200


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events somebody wants."""

    types: frozenset[str] = frozenset(TYPES)
    call: str | None = None
    """None: of all calls."""

    def __contains__(self, notice: OutgoingEvent) -> bool:
        return notice.type in self.types and self.call in (None, notice.call)


class TooManySubscribers(Exception):
    """As many as there may be are listening already."""


class Subscriber:
    """One who listens. What it came back for is `missed`; what happens from now on comes by `read`."""

    def __init__(self, wanted: EventFilter, missed: tuple[OutgoingEvent, ...], gap: bool) -> None:
        self._wanted = wanted
        self._waiting: deque[OutgoingEvent] = deque()
        self._news = asyncio.Event()
        self.missed = missed
        self.gap = gap
        """The place it asked for is not kept."""
        self.overflowed = False
        self.closed = False
        """Nothing more comes: because it fell behind (`overflowed`), or because the process stops."""

    def offer(self, notice: OutgoingEvent) -> None:
        if self.closed or notice not in self._wanted:
            return
        if len(self._waiting) >= READER_QUEUE:
            self._waiting.clear()
            self.overflowed = True
            self.close()
            return
        self._waiting.append(notice)
        self._news.set()

    def close(self) -> None:
        self.closed = True
        self._news.set()

    async def read(self, seconds: float) -> list[OutgoingEvent]:
        """What has happened since the last time; empty after `seconds` of nothing, and when it is `closed`."""
        if not self._waiting and not self.closed:
            try:
                async with asyncio.timeout(seconds):
                    await self._news.wait()
            except TimeoutError:
                pass
        news = list(self._waiting)
        self._waiting.clear()
        self._news.clear()
        return news


class EventStream:
    def __init__(self, epoch: str) -> None:
        self._ring = ReplayBuffer(epoch)
        self._readers: set[Subscriber] = set()
        self._closed = False
        self.overflows = 0
        """Readers that fell behind."""
        self.turn = asyncio.Lock()
        """Of those who read on from an old place: so that a piece for one of them is all that is made at once."""

    @property
    def readers(self) -> int:
        return len(self._readers)

    def publish(self, notice: OutgoingEvent) -> None:
        self._ring.add(notice)
        for reader in self._readers:
            was = reader.overflowed
            reader.offer(notice)
            self.overflows += reader.overflowed and not was

    @contextmanager
    def reader(self, wanted: EventFilter, last_id: str | None) -> Iterator[Subscriber]:
        """`last_id`: of the last event that it has read. Without one, all that is kept of the one call that it wants,
        or, of all calls, what happens from now on. What it has missed is of any type. Raises TooManyReaders."""
        if len(self._readers) >= MOST_READERS:
            raise TooManySubscribers
        gap = False
        kept = self._ring.of_call(wanted.call) if wanted.call is not None else ()
        if last_id is not None:
            found = self._ring.after(last_id, wanted.call)
            gap, kept = found.gap, found.notices
        reader = Subscriber(wanted, tuple(kept), gap)
        if self._closed:
            reader.close()
        self._readers.add(reader)
        try:
            yield reader
        finally:
            self._readers.discard(reader)

    def knows(self, call: str) -> bool:
        """Something is kept of this call."""
        return self._ring.knows(call)

    def over(self, call: str) -> bool:
        """The end of this call is kept: nothing more comes of it."""
        return self._ring.over(call)

    def close(self) -> None:
        """Readers get what waits for them, and then nothing more."""
        self._closed = True
        for reader in self._readers:
            reader.close()
