"""What is to be written to the outbox, in order: new events, and what became of those sent.

Owns the queue between calls and the store, and the one task that writes. `offer` never waits: while the store is away
events wait here, up to `MOST` of them or `MOST_BYTES`; then new ones are dropped, which is counted and told in the log.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from controller.events.metrics import Counts
from controller.events.webhooks.outbox import Draft, Outbox, Settled, Told
from controller.store.database import StoreError

log = structlog.get_logger()

MOST = 10_000
MOST_BYTES = 32 * 1024 * 1024
BATCH = 500
GATHER_SECONDS = 0.005  # events come in groups, and each commit waits for the disk
AWAY_SECONDS = (1.0, 2.0, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class _Op:
    what: Draft | Settled | Told
    written: asyncio.Future[None] | None = None


class OutboxWriter:
    """`told` is called after each commit: something may be due."""

    def __init__(self, outbox: Outbox, counts: Counts, told: Callable[[], None]) -> None:
        self._outbox = outbox
        self._counts = counts
        self._told = told
        self._ops: deque[_Op] = deque()
        self._drafts = 0
        self._bytes = 0
        self._news = asyncio.Event()
        self._empty = asyncio.Event()
        self._empty.set()
        self._failures = 0
        self._at_once = BATCH
        self._dropping = False

    def offer(self, draft: Draft) -> bool:
        """Whether there was room for it."""
        full = self._drafts >= MOST or self._bytes + len(draft.body) > MOST_BYTES
        if full:
            self._counts.dropped.labels("outbox").inc()
            if not self._dropping:
                log.error("events for webhooks are dropped: the store takes none, and memory for them is full")
            self._dropping = True
            return False
        self._dropping = False
        self._drafts += 1
        self._bytes += len(draft.body)
        self._put(_Op(draft))
        return True

    def told(self, what: Told) -> None:
        """All events of a change of the queue were offered: it is marked as told in the transaction of the last one, or
        after it."""
        self._put(_Op(what))

    async def settle(self, settled: Settled) -> None:
        """Returns once it is written; however long that takes."""
        written = asyncio.get_running_loop().create_future()
        self._put(_Op(settled, written))
        await written

    def _put(self, op: _Op) -> None:
        self._ops.append(op)
        self._empty.clear()
        self._news.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            await self._news.wait()
            await asyncio.sleep(GATHER_SECONDS)
            batch = [self._ops[place] for place in range(min(self._at_once, len(self._ops)))]
            if not await self._write(batch):
                await asyncio.sleep(AWAY_SECONDS[min(self._failures, len(AWAY_SECONDS)) - 1])
                continue
            for _ in batch:
                self._gone(self._ops.popleft())
            if not self._ops:
                self._news.clear()
                self._empty.set()
            self._told()

    async def _write(self, batch: list[_Op]) -> bool:
        try:
            await self._outbox.write([op.what for op in batch], datetime.now(UTC))
        except StoreError as error:
            self._failures += 1
            self._at_once = max(1, self._at_once // 2)  # perhaps they are too many for the time there is
            if self._failures == 1:
                log.warning("the store takes no events; they wait in memory", reason=str(error), waiting=len(self._ops))
            return False
        except Exception:  # what can't be written must not hold up what comes after it
            log.exception("events for webhooks dropped by a fault of ours", events=len(batch))
            self._counts.dropped.labels("outbox").inc(len(batch))
        if self._failures:
            log.info("the store takes events again", waiting=len(self._ops))
        self._failures = 0
        self._at_once = min(BATCH, self._at_once + 1)
        return True

    def _gone(self, op: _Op) -> None:
        if isinstance(op.what, Draft):
            self._drafts -= 1
            self._bytes -= len(op.what.body)
        if op.written is not None and not op.written.done():
            op.written.set_result(None)

    async def flush(self, seconds: float) -> None:
        """Waits until all is written, or so long."""
        try:
            async with asyncio.timeout(seconds):
                await self._empty.wait()
        except TimeoutError:
            log.error("events for webhooks lost: the store did not take them in time", events=self._drafts)
