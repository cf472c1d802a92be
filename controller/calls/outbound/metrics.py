"""Metrics of the queue: its length, asked of the store every EVERY seconds, and which trunks are suspended."""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime

import structlog
from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

from controller.calls.outbound.entry import Status
from controller.calls.outbound.queue import Queue
from controller.calls.outbound.trunk_breaker import TrunkBreakers
from controller.store.database import StoreError

log = structlog.get_logger()

EVERY = 15.0
SHOWN = (Status.QUEUED, Status.DIALING)


class QueueMetrics:
    """`run()` is a task of the controller's."""

    def __init__(self, queue: Queue, registry: CollectorRegistry) -> None:
        self._queue = queue
        self._calls = Gauge("voiceai_outbound_calls", "Calls in the outbound queue.", ("status",), registry=registry)
        for status in SHOWN:
            self._calls.labels(status.value)

    async def run(self) -> None:
        """Runs until cancelled. While the store is away the last figures stand."""
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


class SuspendedTrunks(Collector):
    """Which trunks are dialled no more for now, because they fail again and again. Asked at each scrape."""

    def __init__(self, trunks: Callable[[], Iterable[str]], breakers: TrunkBreakers) -> None:
        self._trunks = trunks
        self._breakers = breakers

    def collect(self) -> Iterator[GaugeMetricFamily]:
        suspended = {each.trunk for each in self._breakers.all_suspended(datetime.now(UTC))}
        told = "Whether no queued call is placed over a trunk because it fails again and again."
        family = GaugeMetricFamily("voiceai_trunk_suspended", told, labels=("trunk",))
        for trunk in self._trunks():
            family.add_metric((trunk,), float(trunk in suspended))
        yield family
