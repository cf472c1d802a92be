"""Events, put together: what happens in calls goes in, readers and webhooks are told.

Owns the queue between calls and everything here, and the tasks. `observe` never waits and never fails: a call is not
held up, or ended, by whoever listens to it. An error of ours in one of the tasks is logged, and that task goes on.
"""

import asyncio
import secrets
import time
from collections import deque
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

import structlog
from prometheus_client import CollectorRegistry

from bridge import contract
from controller.calls.reporting import lifecycle
from controller.config import Config
from controller.events.factory import EventFactory, OutgoingEvent
from controller.events.metrics import Counts
from controller.events.schemas import Queued, Settled
from controller.events.stream import EventStream
from controller.events.webhooks.delivery import DeliveryWorker
from controller.events.webhooks.http_sender import HttpSender
from controller.events.webhooks.outbox import Draft, Outbox, Told
from controller.events.webhooks.outbox_writer import OutboxWriter
from controller.events.webhooks.receivers import OF_CALL, Receivers
from controller.store.database import Database, StoreError

log = structlog.get_logger()

MOST_WAITING = 20_000
AT_ONCE = 100
FAULT_SECONDS = 1.0
LOOK_SECONDS = 15.0
DEAD_DAYS = 30
"""Dead letters are kept so long."""
DRAIN_SECONDS = 3.0


def _epoch() -> str:
    """Of this process: sorts by time, and is not had by chance by another one."""
    return f"{int(time.time()):x}{secrets.token_hex(3)}"


class Events:
    """`run()` is a task of the controller's; `drain()` before it is cancelled. `keep` is told of each event, as the
    first one."""

    def __init__(
        self,
        config: Config,
        database: Database,
        registry: CollectorRegistry,
        *,
        cost: Callable[[contract.Used], float] = lambda _: 0.0,
        keep: Callable[[OutgoingEvent], None] = lambda _: None,
    ) -> None:
        maker = EventFactory(_epoch(), cost)
        self._keep_record = keep
        self._maker = maker
        self.hub = EventStream(maker.epoch)
        self.receivers = Receivers(config.webhooks, config.call_webhooks)
        self.outbox = Outbox(database)
        self._counts = Counts(registry)
        self._counts.readers.set_function(lambda: self.hub.readers)
        everything = [*(hook.url for hook in config.webhooks.values()), "https:" if config.call_webhooks else ""]
        self._post = HttpSender(encrypted=any(url.startswith("https:") for url in everything))
        self._courier = DeliveryWorker(self.outbox, self.receivers, self._post, self._counts)
        self._ledger = OutboxWriter(self.outbox, self._counts, self._courier.wake)
        self._waiting: deque[tuple[lifecycle.LifecycleEvent, datetime]] = deque()
        self._news = asyncio.Event()
        self._quiet = asyncio.Event()
        self._quiet.set()

    def observe(self, what: lifecycle.LifecycleEvent) -> None:
        if len(self._waiting) >= MOST_WAITING:
            self._counts.dropped.labels("making").inc()
            return
        self._waiting.append((what, datetime.now(UTC)))
        self._quiet.clear()
        self._news.set()

    def replayed(self) -> None:
        """Dead letters became due."""
        self._courier.wake()

    async def run(self) -> None:
        """Until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                steps: dict[str, Callable[[], Awaitable[None]]] = {
                    "event making": self._make,
                    "event ledger": self._ledger.run,
                    "webhook courier": lambda: self._courier.run(self._ledger),
                    "outbox watch": self._watch,
                }
                for name, step in steps.items():
                    tasks.create_task(_keep(name, step), name=name)
        finally:
            await self._post.close()

    async def drain(self, seconds: float = DRAIN_SECONDS) -> None:
        """What has happened is told to readers and written to the outbox; requests under way may end."""
        try:
            async with asyncio.timeout(seconds):
                await self._quiet.wait()
        except TimeoutError:
            log.error("events lost: they could not be made in time", events=len(self._waiting))
        self.hub.close()
        self._courier.stop()
        await asyncio.gather(self._ledger.flush(seconds), self._courier.idle(seconds))

    # ------------------------------------------------------------ the tasks

    async def _make(self) -> None:
        while True:
            self._news.clear()
            while self._waiting:
                self._tell_some()
                await asyncio.sleep(0)
            self._quiet.set()
            await self._news.wait()

    def _tell_some(self) -> None:
        for _ in range(min(AT_ONCE, len(self._waiting))):
            what, at = self._waiting.popleft()
            notice = self._maker.make(what, at)
            if notice is not None and isinstance(what, lifecycle.CallerRefused):
                self._keep_record(notice)  # for the history only: nobody was told that a call began
            elif notice is not None:
                self._tell(notice)

    def _tell(self, notice: OutgoingEvent) -> None:
        self._counts.made.labels(notice.type).inc()
        before = self.hub.overflows
        self._keep_record(notice)
        self.hub.publish(notice)
        self._counts.overflows.inc(self.hub.overflows - before)
        accepted = True
        for receiver in self.receivers.of(notice):
            own = receiver.url if receiver.name.startswith(OF_CALL) else None
            event, body = notice.event, receiver.body(notice)
            draft = Draft(event.id, event.type, notice.call, receiver.name, own, body, event.timestamp)
            accepted = self._ledger.offer(draft) and accepted
        if accepted and isinstance(notice.event.data, Queued | Settled):
            self._ledger.told(Told(notice.call, getattr(notice.event.data, "due_at", None)))

    async def _watch(self) -> None:
        """The sizes of the outbox, and the end of old dead letters."""
        while True:
            try:
                pending, dead = await self.outbox.sizes()
                self._counts.pending.set(pending)
                self._counts.dead.set(dead)
                purged = await self.outbox.purge(datetime.now(UTC) - timedelta(days=DEAD_DAYS)) if dead else 0
                if purged:
                    log.warning("old dead letters deleted", events=purged, days=DEAD_DAYS)
            except StoreError as error:
                log.debug("the outbox can't be looked at", reason=str(error))
            await asyncio.sleep(LOOK_SECONDS)


async def _keep(name: str, step: Callable[[], Awaitable[None]]) -> None:
    """`step` runs until cancelled; after a fault of ours it begins anew."""
    while True:
        try:
            await step()
        except Exception:  # the top of the task: calls do not end because nobody can be told of them
            log.exception("a task of the events failed by a fault of ours and begins anew", task=name)
        await asyncio.sleep(FAULT_SECONDS)
