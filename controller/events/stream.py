"""Who listens to events as they happen, and what they have not read yet.

Owns the subscribers, and the buffer of events for those who come back. `publish` never waits: a subscriber that falls
behind by `SUBSCRIBER_QUEUE` events is told so once it reads again, and is sent nothing more.
"""

import asyncio
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from controller.config.models.event_filters import TYPES
from controller.events.factory import OutgoingEvent
from controller.events.replay_buffer import ReplayBuffer

SUBSCRIBER_QUEUE = 1000
MOST_SUBSCRIBERS = 200


@dataclass(frozen=True, slots=True)
class EventFilter:
    """Which events somebody wants."""

    types: frozenset[str] = frozenset(TYPES)
    call: str | None = None
    """None: of all calls."""

    def __contains__(self, outgoing: OutgoingEvent) -> bool:
        return outgoing.type in self.types and self.call in (None, outgoing.call)


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

    def offer(self, outgoing: OutgoingEvent) -> None:
        if self.closed or outgoing not in self._wanted:
            return
        if len(self._waiting) >= SUBSCRIBER_QUEUE:
            self._waiting.clear()
            self.overflowed = True
            self.close()
            return
        self._waiting.append(outgoing)
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
        self._replay = ReplayBuffer(epoch)
        self._subscribers: set[Subscriber] = set()
        self._closed = False
        self.overflows = 0
        """Readers that fell behind."""
        self.turn = asyncio.Lock()
        """Of those who read on from an old place: so that a piece for one of them is all that is made at once."""

    @property
    def subscribers(self) -> int:
        return len(self._subscribers)

    def publish(self, outgoing: OutgoingEvent) -> None:
        self._replay.add(outgoing)
        for subscriber in self._subscribers:
            was = subscriber.overflowed
            subscriber.offer(outgoing)
            self.overflows += subscriber.overflowed and not was

    @contextmanager
    def subscribe(self, wanted: EventFilter, last_id: str | None) -> Iterator[Subscriber]:
        """`last_id`: of the last event that it has read. Without one, all that is kept of the one call that it wants,
        or, of all calls, what happens from now on. What it has missed is of any type. Raises TooManySubscribers."""
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

    def knows(self, call: str) -> bool:
        """Something is kept of this call."""
        return self._replay.knows(call)

    def over(self, call: str) -> bool:
        """The end of this call is kept: nothing more comes of it."""
        return self._replay.over(call)

    def close(self) -> None:
        """Readers get what waits for them, and then nothing more."""
        self._closed = True
        for subscriber in self._subscribers:
            subscriber.close()
