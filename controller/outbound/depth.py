"""How long the queue of calls to be placed is, as metrics: looked at now and then, since it lies in the store."""

import asyncio

import structlog
from prometheus_client import CollectorRegistry, Gauge

from controller.outbound.entry import Status
from controller.outbound.queue import Queue
from controller.store.database import StoreError

log = structlog.get_logger()

EVERY = 15.0
SHOWN = (Status.QUEUED, Status.DIALLING)


class Depth:
    """`run()` is a task of the controller's."""

    def __init__(self, queue: Queue, registry: CollectorRegistry) -> None:
        self._queue = queue
        self._calls = Gauge("voiceai_outbound_calls", "Calls in the outbound queue.", ("status",), registry=registry)
        for status in SHOWN:
            self._calls.labels(status.value)

    async def run(self) -> None:
        """Until cancelled. While the store is away the last figures stand."""
        while True:
            try:
                await self.look()
            except StoreError as error:
                log.debug("the queue can't be counted", reason=str(error))
            await asyncio.sleep(EVERY)

    async def look(self) -> None:
        """Raises StoreError."""
        counts = await self._queue.counts()
        for status in SHOWN:
            self._calls.labels(status.value).set(counts.get(status, 0))
