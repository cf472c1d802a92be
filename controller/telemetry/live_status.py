"""What is heard in live calls at this moment, for those who look: how loud, who speaks, the agent's words so far.

Owns those who look. Workers measure only while somebody does, and are told so again and again: a worker that comes
meanwhile hears of it, and one that hears nothing stops by itself. Who does not keep up sees fewer scenes: the latest
of each call is all that is kept.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bridge import contract

WATCH_SECONDS = 5.0
"""What workers are asked for at a time, twice as often as needed."""
MOST_SUBSCRIBERS = 100


class TooManySubscribers(Exception):
    """As many as there may be look already."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One call at one moment. `cost`: US dollars so far."""

    scene: contract.Scene
    cost: float


class LiveSubscriber:
    """One who looks, at all calls or at one."""

    def __init__(self, call: str | None) -> None:
        self._call = call
        self._latest: dict[str, Seen] = {}
        self._news = asyncio.Event()
        self.closed = False

    def offer(self, seen: Seen) -> None:
        if self._call in (None, seen.scene.call):
            self._latest[seen.scene.call] = seen
            self._news.set()

    def close(self) -> None:
        self.closed = True
        self._news.set()

    async def read(self, seconds: float) -> list[Seen]:
        """The latest of each call that has changed; empty after `seconds` of nothing, and at the end."""
        try:
            async with asyncio.timeout(seconds):
                await self._news.wait()
        except TimeoutError:
            return []
        found = list(self._latest.values())
        self._latest.clear()
        if not self.closed:
            self._news.clear()
        return found


class LiveStatusHub:
    """`tell` reaches all workers; `cost` knows what a live call has cost, None of one that is over."""

    def __init__(self, tell: Callable[[contract.Watch], Awaitable[None]], cost: Callable[[str], float | None]) -> None:
        self._tell = tell
        self._cost = cost
        self._subscribers: set[LiveSubscriber] = set()
        self._wanted = asyncio.Event()

    def take(self, scenes: list[contract.Scene]) -> None:
        """From a worker."""
        if not self._subscribers:
            return
        for scene in scenes:
            cost = self._cost(scene.call)
            if cost is not None:
                seen = Seen(scene, round(cost, 6))
                for subscriber in self._subscribers:
                    subscriber.offer(seen)

    @contextmanager
    def subscribe(self, call: str | None) -> Iterator[LiveSubscriber]:
        """Raises TooManySubscribers."""
        if len(self._subscribers) >= MOST_SUBSCRIBERS:
            raise TooManySubscribers
        subscriber = LiveSubscriber(call)
        self._subscribers.add(subscriber)
        self._wanted.set()
        try:
            yield subscriber
        finally:
            self._subscribers.discard(subscriber)

    async def run(self) -> None:
        """Until cancelled: has the workers measure as long as somebody looks."""
        while True:
            await self._wanted.wait()
            if not self._subscribers:
                self._wanted.clear()
                continue
            await self._tell(contract.Watch(seconds=WATCH_SECONDS))
            await asyncio.sleep(WATCH_SECONDS / 2)

    def close(self) -> None:
        for subscriber in self._subscribers:
            subscriber.close()
