"""The way of events: from what happens in calls to the records, the streams and the webhooks.

Owns the queue between the calls and all of that, and the tasks. `observe` never waits and never fails: no receiver
delays or ends a call. An internal error in one of the tasks is logged, and the task is started again.
"""

import asyncio
import secrets
import time
from collections import deque
from collections.abc import Awaitable, Callable, Collection
from datetime import UTC, datetime, timedelta

import structlog
from prometheus_client import CollectorRegistry

from controller.calls.reporting import lifecycle
from controller.cluster.event_log import EventLog
from controller.cluster.port import BackendError
from controller.config import CurrentConfig
from controller.events.factory import EventFactory, OutgoingEvent
from controller.events.metrics import ClusterStreamMetrics, EventMetrics
from controller.events.schemas import Queued, Settled
from controller.events.stream import AllNodes, EventStream
from controller.events.webhooks.delivery import DeliveryWorker
from controller.events.webhooks.http_sender import HttpSender
from controller.events.webhooks.outbox import Draft, LostCallTold, MarkTold, Outbox
from controller.events.webhooks.outbox_writer import OutboxWriter
from controller.events.webhooks.receivers import OF_CALL, Receiver, Receivers
from controller.store.database import Database, StoreError

log = structlog.get_logger()

MOST_WAITING = 20_000
AT_ONCE = 100
FAULT_SECONDS = 1.0
LOOK_SECONDS = 15.0
DEAD_DAYS = 30
"""How long dead letters are kept."""
DRAIN_SECONDS = 3.0
PUBLISH_SECONDS = 1.0


def _epoch() -> str:
    """Names this process in the ids of events: sorts by time, and no two processes have the same by chance."""
    return f"{int(time.time()):x}{secrets.token_hex(3)}"


class Events:
    """`run()` is a task of the controller's; `drain()` before it is cancelled. `keep` gets each event before the
    streams and the webhooks do. `event_log`: the stream of all nodes, where there are others."""

    def __init__(
        self,
        current: CurrentConfig,
        database: Database,
        registry: CollectorRegistry,
        *,
        keep: Callable[[OutgoingEvent], None] = lambda _: None,
        event_log: EventLog | None = None,
    ) -> None:
        factory = EventFactory(_epoch())
        self._keep_record = keep
        self._factory = factory
        self.stream = EventStream(factory.epoch)
        self.receivers = Receivers(current.config.webhooks, current.config.call_webhooks)
        current.follow(lambda config: self.receivers.replace(config.webhooks, config.call_webhooks))
        self.outbox = Outbox(database)
        self._metrics = EventMetrics(registry)
        self.cluster: AllNodes | None = None
        if event_log is not None:
            from controller.events.cluster_stream import ClusterStream  # one machine does not need it

            self.cluster = ClusterStream(event_log, factory.epoch, ClusterStreamMetrics(registry, self._metrics))
        self._metrics.subscribers.set_function(self._subscribers)
        self._sender = HttpSender()
        self._delivery = DeliveryWorker(self.outbox, self.receivers, self._sender, self._metrics)
        self._writer = OutboxWriter(self.outbox, self._metrics, self._delivery.wake)
        self._waiting: deque[tuple[lifecycle.LifecycleEvent, datetime]] = deque()
        self._news = asyncio.Event()
        self._quiet = asyncio.Event()
        self._quiet.set()

    def observe(self, what: lifecycle.LifecycleEvent) -> None:
        if len(self._waiting) >= MOST_WAITING:
            self._metrics.dropped.labels("making").inc()
            return
        self._waiting.append((what, datetime.now(UTC)))
        self._quiet.clear()
        self._news.set()

    async def erase(self, calls: Collection[str]) -> None:
        """Of calls that are forgotten nothing is kept in the stream of all nodes."""
        if self.cluster is None or not calls:
            return
        try:
            await self.cluster.erase(sorted(calls))
        except BackendError as error:
            log.warning("events of forgotten calls stay in the stream of all nodes, an hour at most", reason=str(error))

    def _subscribers(self) -> int:
        return self.stream.subscribers + (self.cluster.subscribers if self.cluster is not None else 0)

    def replayed(self) -> None:
        """Dead letters became due."""
        self._delivery.wake()

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            steps: dict[str, Callable[[], Awaitable[None]]] = {
                "event making": self._make,
                "event writer": self._writer.run,
                "webhook delivery": lambda: self._delivery.run(self._writer),
                "outbox watch": self._watch,
                **({"cluster events": self.cluster.run} if self.cluster is not None else {}),
            }
            for name, step in steps.items():
                tasks.create_task(_restarted(name, step), name=name)

    async def drain(self, seconds: float = DRAIN_SECONDS) -> None:
        """Two steps, each for at most `seconds`: first the events are made and sent to the streams; then they are
        written to the outbox, and the requests that are under way end."""
        try:
            async with asyncio.timeout(seconds):
                await self._quiet.wait()
        except TimeoutError:
            log.error("events lost: they could not be made in time", events=len(self._waiting))
        self.stream.close()
        self._delivery.stop()
        await asyncio.gather(self._writer.flush(seconds), self._delivery.idle(seconds), self._publish_rest())

    async def _publish_rest(self) -> None:
        if self.cluster is not None:
            self.cluster.close()
            await self.cluster.flush(PUBLISH_SECONDS)

    # ------------------------------------------------------------ the tasks

    async def _make(self) -> None:
        while True:
            self._news.clear()
            while self._waiting:
                self._make_some()
                await asyncio.sleep(0)
            self._quiet.set()
            await self._news.wait()

    def _make_some(self) -> None:
        for _ in range(min(AT_ONCE, len(self._waiting))):
            what, at = self._waiting.popleft()
            outgoing = self._factory.make(what, at)
            if outgoing is not None and isinstance(what, lifecycle.CallerRefused):
                self._keep_record(outgoing)  # for the history only: there was no `call.started`
            elif outgoing is not None:
                self._send(outgoing, lost=isinstance(what, lifecycle.CallLost))

    def _send(self, outgoing: OutgoingEvent, *, lost: bool) -> None:
        self._metrics.made.labels(outgoing.type).inc()
        before = self.stream.overflows
        self._keep_record(outgoing)
        sent = outgoing.for_streams
        self.stream.publish(sent)
        if self.cluster is not None:
            self.cluster.publish(sent)
        self._metrics.overflows.inc(self.stream.overflows - before)
        drafts = [_draft(outgoing, receiver) for receiver in self.receivers.of(outgoing)]
        if lost:
            self._writer.offer(LostCallTold(outgoing.call, tuple(drafts)))
            return
        refused = [each for each in drafts if not self._writer.offer(each)]
        if not refused and isinstance(outgoing.event.data, Queued | Settled):
            self._writer.mark_told(MarkTold(outgoing.call, getattr(outgoing.event.data, "due_at", None)))

    async def _watch(self) -> None:
        """Until cancelled: measures the outbox and deletes old dead letters."""
        while True:
            try:
                pending, dead = await self.outbox.sizes()
                self._metrics.pending.set(pending)
                self._metrics.dead.set(dead)
                purged = await self.outbox.purge(datetime.now(UTC) - timedelta(days=DEAD_DAYS)) if dead else 0
                if purged:
                    log.warning("old dead letters deleted", events=purged, days=DEAD_DAYS)
            except StoreError as error:
                log.debug("the outbox can't be looked at", reason=str(error))
            await asyncio.sleep(LOOK_SECONDS)


def _draft(outgoing: OutgoingEvent, receiver: Receiver) -> Draft:
    own = receiver.url if receiver.name.startswith(OF_CALL) else None
    event, body = outgoing.event, receiver.body(outgoing)
    return Draft(event.id, event.type, outgoing.call, receiver.name, own, body, event.timestamp)


async def _restarted(name: str, step: Callable[[], Awaitable[None]]) -> None:
    """Until cancelled; after an internal error `step` is started again."""
    while True:
        try:
            await step()
        except Exception:  # the top of the task: calls do not end because nobody can be told of them
            log.exception("a task of the events failed: internal error; it is started again", task=name)
        await asyncio.sleep(FAULT_SECONDS)
