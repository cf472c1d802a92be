"""Who listens to events as they happen, and what they have not read yet.

Owns the subscribers, and the buffer of events for those who come back. `publish` never waits: a subscriber that falls
behind by `SUBSCRIBER_QUEUE` events is told so once it reads again, and is sent nothing more.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass
from typing import Protocol

from controller.config.models.event_filters import TYPES
from controller.events.factory import SentEvent
from controller.events.replay_buffer import ReplayBuffer

SUBSCRIBER_QUEUE = 1000
MOST_SUBSCRIBERS = 200
PIECE = 50
"""Past events that are given at once."""


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events a subscriber wants."""

    types: frozenset[str] = frozenset(TYPES)
    call: str | None = None
    """None: of all calls."""

    def __contains__(self, sent: SentEvent) -> bool:
        return sent.type in self.types and self.call in (None, sent.call)


class TooManySubscribers(Exception):
    """There are `MOST_SUBSCRIBERS` already."""


class Gap:
    """Stands between events where some may be missing."""


GAP = Gap()
Told = SentEvent | Gap


class Subscriber:
    """One reader of the stream. `missed`: what it asked for that has happened before; what happens from now on comes by
    `read`."""

    def __init__(self, wanted: EventFilter, missed: tuple[SentEvent, ...], gap: bool) -> None:
        self._wanted = wanted
        self._waiting: deque[Told] = deque()
        self._news = asyncio.Event()
        self.missed = missed
        self.gap = gap
        """Events may be missing between the `Last-Event-ID` and `missed`."""
        self.overflowed = False
        self.closed = False
        """Nothing more comes: it fell behind (`overflowed`), or the process stops."""

    @property
    def place(self) -> str | None:
        """The id up to which there is nothing more to read, where it is not that of the last event."""
        return None

    @property
    def oldest(self) -> str | None:
        """The id of the first one that is kept."""
        return self.missed[0].id if self.missed else None

    async def past(self) -> AsyncIterator[Sequence[Told]]:
        """What has happened before, piece by piece. Asked once, before `read`."""
        for start in range(0, len(self.missed), PIECE):
            yield self.missed[start : start + PIECE]

    def offer(self, sent: Told) -> None:
        if self.closed or (sent not in self._wanted if isinstance(sent, SentEvent) else self._ends_with_gap()):
            return
        if len(self._waiting) >= SUBSCRIBER_QUEUE:
            self._waiting.clear()
            self.overflowed = True
            self.close()
            return
        self._waiting.append(sent)
        self._news.set()

    def _ends_with_gap(self) -> bool:
        return bool(self._waiting) and self._waiting[-1] is GAP

    def close(self) -> None:
        self.closed = True
        self._news.set()

    async def read(self, seconds: float) -> list[Told]:
        """The events since the last time. Empty if there were none for `seconds`, or if it is `closed`."""
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


class AllNodes(Protocol):
    """The events of all nodes, where there are others (`cluster_stream.ClusterStream`)."""

    @property
    def subscribers(self) -> int: ...
    def publish(self, sent: SentEvent) -> None: ...
    def subscribe(self, wanted: EventFilter, last_id: str | None) -> AbstractAsyncContextManager[Subscriber]: ...
    async def erase(self, calls: Sequence[str]) -> None: ...
    async def run(self) -> None: ...
    async def flush(self, seconds: float) -> None: ...
    def close(self) -> None: ...


class EventStream:
    """`epoch`: as in the ids of events (`EventFactory`)."""

    def __init__(self, epoch: str) -> None:
        self._replay = ReplayBuffer(epoch)
        self._subscribers: set[Subscriber] = set()
        self._closed = False
        self.overflows = 0
        """How many subscribers fell behind so far."""
        self.turn = asyncio.Lock()
        """Held by a subscriber while one piece of what it missed is made into JSON: one at a time, as it costs time."""

    @property
    def subscribers(self) -> int:
        return len(self._subscribers)

    def publish(self, sent: SentEvent) -> None:
        self._replay.add(sent)
        for subscriber in self._subscribers:
            was = subscriber.overflowed
            subscriber.offer(sent)
            self.overflows += subscriber.overflowed and not was

    @contextmanager
    def subscribe(self, wanted: EventFilter, last_id: str | None) -> Iterator[Subscriber]:
        """`last_id`: of the last event that was read before. Without it, `missed` is everything kept of the one call
        that is wanted, or nothing if all calls are. `missed` has events of every type. Raises TooManySubscribers."""
        if len(self._subscribers) >= MOST_SUBSCRIBERS:
            raise TooManySubscribers
        gap = False
        kept = self._replay.of_call(wanted.call) if wanted.call is not None else ()
        if last_id is not None:
            found = self._replay.after(last_id, wanted.call)
            gap, kept = found.gap, found.events
        subscriber = Subscriber(wanted, tuple(kept), gap)
        if self._closed:
            subscriber.close()
        self._subscribers.add(subscriber)
        try:
            yield subscriber
        finally:
            self._subscribers.discard(subscriber)

    def has_events_of(self, call: str) -> bool:
        """There are events of this call in the buffer."""
        return self._replay.has_events_of(call)

    def has_end_of(self, call: str) -> bool:
        """The last event of this call is in the buffer."""
        return self._replay.has_end_of(call)

    def close(self) -> None:
        """Each subscriber can still read what waits for it."""
        self._closed = True
        for subscriber in self._subscribers:
            subscriber.close()
