"""What this node tells the other nodes of its calls: events on their way to the stream that all share.

Owns the queue and the task that empties it. `offer` never waits. While the shared stream is away events are kept, up to
`MOST_WAITING` and `MOST_BYTES`; then the oldest are dropped, and readers see a gap in their place. None comes twice.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Protocol

import structlog

from bridge.common.backoff import Backoff
from controller.cluster.event_log import EventLog
from controller.cluster.port import BackendError
from controller.events.factory import SentEvent
from controller.events.shared_events import fields_of, size_of

log = structlog.get_logger()

MOST_WAITING = 10_000
MOST_BYTES = 16 * 1024 * 1024
AT_ONCE, BYTES_AT_ONCE = 100, 512 * 1024
GATHER_S = 0.02
"""Seconds for which events are gathered before they are sent together."""
ASK_S, RESET_S = 2.0, 1.0
"""Seconds for an answer, and to close connections that gave none."""
AGAIN_S = (0.1, 0.3, 1.0, 2.0)


class PublisherMetrics(Protocol):
    def dropped(self) -> None:
        """One event."""


def reason_of(error: Exception) -> str:
    return str(error) or "it gave no answer in time"


class EventPublisher:
    """`epoch`: as in the ids of events (`EventFactory`). `tell`: told after each try why it failed; None: it did
    not."""

    def __init__(
        self, event_log: EventLog, epoch: str, metrics: PublisherMetrics, tell: Callable[[str | None], None]
    ) -> None:
        self._log, self._epoch, self._metrics, self._tell = event_log, epoch, metrics, tell
        self._waiting: deque[SentEvent] = deque()
        self._bytes, self._dropped = 0, 0
        self._news, self._empty = asyncio.Event(), asyncio.Event()
        self._empty.set()

    def offer(self, sent: SentEvent) -> None:
        self._waiting.append(sent)
        self._bytes += size_of(sent)
        while len(self._waiting) > MOST_WAITING or self._bytes > MOST_BYTES:
            if not self._dropped:
                log.warning("the other nodes are not told all events of this one: too many wait", waiting=MOST_WAITING)
            self._dropped += 1
            self._metrics.dropped()
            self._forget_first()
        self._empty.clear()
        self._news.set()

    async def run(self) -> None:
        """Until cancelled."""
        backoff = Backoff(AGAIN_S, jitter=0.2)
        while True:
            await self._news.wait()
            await asyncio.sleep(GATHER_S)
            while batch := self._batch():
                if (reason := await self._append(batch)) is None:
                    backoff.reset()
                self._tell(reason)
                if reason is not None:
                    await asyncio.sleep(backoff.next_delay())
            self._news.clear()
            self._empty.set()

    async def flush(self, seconds: float) -> None:
        """Returns when nothing waits any more, after `seconds` at the latest."""
        try:
            async with asyncio.timeout(seconds):
                await self._empty.wait()
        except TimeoutError:
            log.warning("the other nodes are not told the last events of this one", events=len(self._waiting))

    def _batch(self) -> list[SentEvent]:
        found, size = list[SentEvent](), 0
        for each in self._waiting:
            size += size_of(each)
            if len(found) == AT_ONCE or (found and size > BYTES_AT_ONCE):
                break
            found.append(each)
        return found

    async def _append(self, batch: list[SentEvent]) -> str | None:
        """Returns why it failed; then the same ones may be sent again."""
        dropped, events = self._dropped, [(each.order, fields_of(each)) for each in batch]
        try:
            async with asyncio.timeout(ASK_S):
                await self._log.append(self._epoch, events, dropped=bool(dropped))
        except (BackendError, TimeoutError) as error:
            await self._reset()
            return reason_of(error)
        if dropped:
            log.warning("the other nodes were not told all events of this one", events=dropped)
            self._dropped -= dropped
        while self._waiting and self._waiting[0].order <= batch[-1].order:
            self._forget_first()
        return None

    async def _reset(self) -> None:
        try:
            async with asyncio.timeout(RESET_S):
                await self._log.reset(appending=True)
        except TimeoutError:
            log.debug("connections to the cluster's event stream could not be closed in time")

    def _forget_first(self) -> None:
        self._bytes -= size_of(self._waiting.popleft())
