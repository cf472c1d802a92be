"""The live status of calls, for subscribers: how loud it is, who speaks, the agent's words so far.

Owns the subscribers. Workers measure only while there are some: they are asked again every few seconds, so that a new
worker hears of it, and a worker that is not asked any more stops by itself. A subscriber that reads slowly gets fewer
reports: only the latest of each call is kept.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from bridge import contract

WATCH_SECONDS = 5.0
"""How long a worker measures after it was asked. It is asked twice in that time."""
MOST_SUBSCRIBERS = 100


class TooManySubscribers(Exception):
    """There are `MOST_SUBSCRIBERS` already."""


@dataclass(frozen=True, slots=True)
class PricedStatus:
    """A worker's report of one call at one moment. `cost`: US dollars so far."""

    status: contract.LiveStatus
    cost: float


class LiveSubscriber:
    """One reader, of one call or, with None, of all."""

    def __init__(self, call: str | None) -> None:
        self._call = call
        self._latest: dict[str, PricedStatus] = {}
        self._news = asyncio.Event()
        self.closed = False

    def offer(self, priced: PricedStatus) -> None:
        if self._call in (None, priced.status.call):
            self._latest[priced.status.call] = priced
            self._news.set()

    def wake(self) -> None:
        """`read` returns, whether there is something or not."""
        self._news.set()

    def close(self) -> None:
        self.closed = True
        self._news.set()

    async def read(self, seconds: float) -> list[PricedStatus]:
        """The latest report of each call that has a new one. Empty if there was none for `seconds`, or at the end."""
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
    """`tell`: sends a command to all workers. `cost`: what a live call has cost in US dollars; None: it is over."""

    def __init__(
        self, tell: Callable[[contract.WatchLive], Awaitable[None]], cost: Callable[[str], float | None]
    ) -> None:
        self._tell = tell
        self._cost = cost
        self._subscribers: set[LiveSubscriber] = set()
        self._has_subscribers = asyncio.Event()

    def take(self, statuses: list[contract.LiveStatus]) -> None:
        """Reports of a worker."""
        if not self._subscribers:
            return
        for status in statuses:
            cost = self._cost(status.call)
            if cost is not None:
                priced = PricedStatus(status, round(cost, 6))
                for subscriber in self._subscribers:
                    subscriber.offer(priced)

    @contextmanager
    def subscribe(self, call: str | None) -> Iterator[LiveSubscriber]:
        """Raises TooManySubscribers."""
        if len(self._subscribers) >= MOST_SUBSCRIBERS:
            raise TooManySubscribers
        subscriber = LiveSubscriber(call)
        self._subscribers.add(subscriber)
        self._has_subscribers.set()
        try:
            yield subscriber
        finally:
            self._subscribers.discard(subscriber)

    async def run(self) -> None:
        """Until cancelled: asks the workers to measure while there are subscribers."""
        while True:
            await self._has_subscribers.wait()
            if not self._subscribers:
                self._has_subscribers.clear()
                continue
            await self._tell(contract.WatchLive(seconds=WATCH_SECONDS))
            await asyncio.sleep(WATCH_SECONDS / 2)

    def close(self) -> None:
        for subscriber in self._subscribers:
            subscriber.close()
