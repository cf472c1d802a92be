"""What is to be written to the outbox, in order: new events, and what became of those sent.

Owns the queue between calls and the outbox. `offer` never waits: while the store is away events wait in memory, up to
`MOST` of them or `MOST_BYTES`; then new ones are dropped, which is counted and told in the log.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import structlog

from controller.events.metrics import EventMetrics
from controller.events.webhooks.outbox import AttemptResult, Draft, LostCallTold, MarkTold, Outbox
from controller.store.database import StoreError
from controller.store.write_behind import WriteBehind

log = structlog.get_logger()

MOST = 10_000
MOST_BYTES = 32 * 1024 * 1024
BATCH = 500
GATHER_SECONDS = 0.005  # events come in groups, and each commit waits for the disk
AWAY_SECONDS = (1.0, 2.0, 5.0, 10.0)


@dataclass(frozen=True, slots=True)
class _Write:
    what: Draft | AttemptResult | MarkTold | LostCallTold
    written: asyncio.Future[None] | None = None

    @property
    def size(self) -> int:
        match self.what:
            case Draft(body=body):
                return len(body)
            case LostCallTold(drafts=drafts):
                return sum(len(each.body) for each in drafts)
        return 0


class OutboxWriter:
    """`run()` is a task of the controller's. `written` is called after each commit: something may be due."""

    def __init__(self, outbox: Outbox, metrics: EventMetrics, written: Callable[[], None]) -> None:
        self._outbox = outbox
        self._metrics = metrics
        self._written = written
        self._dropping = False
        self._queue = WriteBehind[_Write](
            self._write,
            away="the store takes no events; they wait in memory",
            back="the store takes events again",
            delays=AWAY_SECONDS,
            batch=BATCH,
            gather_s=GATHER_SECONDS,
            most=MOST,
            most_bytes=MOST_BYTES,
            size=lambda each: each.size,
        )
        self.run = self._queue.run

    def offer(self, what: Draft | LostCallTold) -> bool:
        """False: there is no room for it, and it is dropped."""
        full = self._queue.put(_Write(what)) is not None
        if full:
            self._metrics.dropped.labels("outbox").inc()
        if full and not self._dropping:
            log.error("events for webhooks are dropped: the store takes none, and memory for them is full")
        self._dropping = full
        return not full

    def mark_told(self, what: MarkTold) -> None:
        """To be called after `offer` took all events of the change: written in the same transaction as the last of
        them, or in a later one."""
        self._queue.put(_Write(what), bounded=False)

    async def record_result(self, result: AttemptResult) -> None:
        """Returns once it is written, however long that takes."""
        written = asyncio.get_running_loop().create_future()
        self._queue.put(_Write(result, written), bounded=False)
        await written

    async def flush(self, seconds: float) -> None:
        """Waits until everything is written, for at most so long."""
        try:
            async with asyncio.timeout(seconds):
                await self._queue.empty()
        except TimeoutError:
            log.error("events for webhooks lost: the store did not take them in time", events=len(self._queue))

    async def _write(self, batch: Sequence[_Write]) -> None:
        try:
            await self._outbox.write([each.what for each in batch], datetime.now(UTC))
        except StoreError:
            raise
        except Exception:  # what can't be written must not hold up what comes after it
            log.exception("events for webhooks dropped: internal error", events=len(batch))
            self._metrics.dropped.labels("outbox").inc(len(batch))
        for each in batch:
            if each.written is not None and not each.written.done():
                each.written.set_result(None)
        self._written()
