"""What is written to the store beside the calls: a queue in memory, and one task that writes it in batches.

Owns the queue, its bound, and what happens while the store is away: one warning, growing pauses, smaller batches, and
one line when it takes them again. `put` never waits, so no call waits for the store.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Generic, Protocol, TypeVar

import structlog

from bridge.common.backoff import Backoff
from controller.store.database import StoreError

log = structlog.get_logger()

Item = TypeVar("Item")


class Backlog(Protocol[Item]):
    """Where items wait while the store is away, instead of in memory. They are older than those in memory."""

    @property
    def waiting(self) -> bool:
        """There are some, and they can be read."""

    async def add(self, items: Sequence[Item], /) -> bool:
        """False: it takes none at the moment."""

    async def first(self, most: int, /) -> list[Item]:
        """The oldest ones, in order. They stay until `remove_first`."""

    async def remove_first(self) -> None:
        """Those that `first` returned last are in the store."""


class WriteBehind(Generic[Item]):
    """`run()` until cancelled, then `finish()`.

    `write` takes a batch in one transaction. If it raises StoreError the batch is kept, in order, and written again;
    any other exception ends `run()`, and the batch is kept as well.

    `away`, `back`: what the log says when the store begins to refuse, and when it takes items again.
    `delays`: seconds between tries while it refuses. `gather_s`: how long a batch is gathered before it is written.
    `apart_s`: at least so long between the beginnings of two batches, so that many calls make larger batches and not
    more of them.
    `most`, `most_bytes` (by `size`): how many items may wait in memory. `drop_oldest`: which one has to go beyond that.
    `unique`: an item that waits already is not put again. `every_s`: `write` is called so often, also with nothing.
    """

    def __init__(
        self,
        write: Callable[[Sequence[Item]], Awaitable[None]],
        *,
        away: str,
        back: str,
        delays: Sequence[float],
        batch: int,
        gather_s: float = 0.0,
        apart_s: float = 0.0,
        most: int | None = None,
        most_bytes: int | None = None,
        size: Callable[[Item], int] = lambda _: 0,
        drop_oldest: bool = False,
        unique: bool = False,
        every_s: float | None = None,
        news: asyncio.Event | None = None,
        backlog: Backlog[Item] | None = None,
    ) -> None:
        self._write = write
        self._away, self._back = away, back
        self._backoff = Backoff(delays)
        self._batch = self._at_once = batch
        self._gather_s, self._apart_s, self._every_s = gather_s, apart_s, every_s
        self._began = float("-inf")
        """When the latest batch was begun, by the loop's clock."""
        self._most, self._most_bytes, self._size = most, most_bytes, size
        self._drop_oldest, self._unique = drop_oldest, unique
        self._backlog = backlog
        self._waiting: deque[Item] = deque()
        self._writing: list[Item] = []
        """The batch that is being written."""
        self._bytes = 0
        self._news = news or asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()
        self._one = asyncio.Lock()
        """`finish` may begin while `run` writes: each batch is written once."""

    def __len__(self) -> int:
        """Items in memory that are not in the store yet."""
        return len(self._waiting) + len(self._writing)

    def put(self, item: Item, *, bounded: bool = True) -> Item | None:
        """Returns the item that had to go because too many wait: this one, or the oldest one. `bounded`: False for one
        that must not be lost."""
        if self._unique and item in self._waiting:
            return None
        gone = None
        if bounded and self._is_full(item):
            if not (self._drop_oldest and self._waiting):
                return item
            gone = self._waiting.popleft()
            self._bytes -= self._size(gone)
        self._waiting.append(item)
        self._bytes += self._size(item)
        self._empty.clear()
        self._news.set()
        return gone

    def _is_full(self, item: Item) -> bool:
        too_many = self._most is not None and len(self) >= self._most
        return too_many or (self._most_bytes is not None and self._bytes + self._size(item) > self._most_bytes)

    async def run(self) -> None:
        while True:
            try:
                if self._backlog is not None and self._backlog.waiting:
                    await self._catch_up(self._backlog)
                else:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(self._every_s):
                            await self._news.wait()
                    clock = asyncio.get_running_loop().time
                    await asyncio.sleep(max(self._gather_s, self._began + self._apart_s - clock()))
                    self._began = clock()
                    await self._write_batch()
            except StoreError as error:
                await self._refused(error)
                continue
            if self._backoff.failures:
                log.info(self._back, waiting=len(self))
            self._backoff.reset()
            self._at_once = min(self._batch, self._at_once + 1)

    async def empty(self) -> None:
        """Returns once `run` has written everything."""
        await self._empty.wait()

    async def finish(self, seconds: float) -> bool:
        """Writes what waits, within so long. What the store does not take goes to the backlog, if there is one. False:
        not all of it was taken."""
        done = False
        try:
            async with asyncio.timeout(seconds):
                while not (self._backlog is not None and self._backlog.waiting):
                    await self._write_batch()
                    if done := not self._waiting:
                        break
        except (StoreError, TimeoutError):
            pass
        return done or (self._backlog is not None and await self._set_aside())

    async def _write_batch(self) -> None:
        async with self._one:
            self._writing = [self._waiting.popleft() for _ in range(min(self._at_once, len(self._waiting)))]
            if not self._waiting:
                self._news.clear()
            written = False
            try:
                if self._writing or self._every_s is not None:
                    await self._write(self._writing)
                written = True
            finally:
                if written:
                    self._bytes -= sum(map(self._size, self._writing))
                else:
                    again = [each for each in self._writing if not (self._unique and each in self._waiting)]
                    self._waiting.extendleft(reversed(again))
                    self._news.set()
                self._writing = []
                if not self._waiting:
                    self._empty.set()

    async def _refused(self, error: StoreError) -> None:
        self._at_once = max(1, self._at_once // 2)  # perhaps they are too many for the time there is
        if not self._backoff.failures:
            log.warning(self._away, reason=str(error), waiting=len(self))
        await self._set_aside()
        await asyncio.sleep(self._backoff.next_delay())

    async def _catch_up(self, backlog: Backlog[Item]) -> None:
        items = await backlog.first(self._at_once)
        await self._write(items)
        await backlog.remove_first()
        if self._most is not None and len(self) > self._most // 2:
            await self._set_aside()

    async def _set_aside(self) -> bool:
        """From memory to the backlog; whether nothing is in memory any more."""
        async with self._one:
            items = list(self._waiting)
            if self._backlog is None or not items or not await self._backlog.add(items):
                return not items
            for each in items:  # what is not there any more was dropped meanwhile for what came
                if self._waiting and self._waiting[0] is each:
                    self._waiting.popleft()
                    self._bytes -= self._size(each)
            if not self._waiting:
                self._news.clear()
                self._empty.set()
            return not self._waiting
