"""Sends events from the outbox to their receivers: each lane in order, all receivers in parallel.

Owns which entries are under way: at most `PER_RECEIVER` requests at once for a receiver of the config, and `OF_CALLS`
for all the receivers that calls were placed with, `PER_HOST` for each host of those. A receiver that is slow or dead
delays only its own events. An entry is under way until the result of its attempt is written.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import structlog

from controller.events.metrics import EventMetrics
from controller.events.webhooks.http_sender import HttpSender
from controller.events.webhooks.outbox import AttemptResult, Entry, Lane, Outbox
from controller.events.webhooks.outbox_writer import OutboxWriter
from controller.events.webhooks.receivers import OF_CALL, Receivers
from controller.events.webhooks.retry_policy import Attempt, GiveUp, Retry, Verdict, verdict
from controller.store.database import StoreError

log = structlog.get_logger()

PER_RECEIVER = 8
OF_CALLS = 16
PER_HOST = 4
LOOK_SECONDS = 30.0
"""The outbox is read at least so often."""
LOOK_SECONDS_SHARED = 5.0
"""Likewise where other nodes use the same store: one of them may have left, and nobody wakes us."""
AWAY_SECONDS = 2.0
FAULT_SECONDS = 60.0

NO_RECEIVER = "is no longer in the config"
DAMAGED = "its row in the store is damaged"


def _now() -> datetime:
    return datetime.now(UTC)


class DeliveryWorker:
    """`run()` is a task of the controller's; `stop()` and `idle()` before it is cancelled."""

    def __init__(self, outbox: Outbox, receivers: Receivers, sender: HttpSender, metrics: EventMetrics) -> None:
        self._outbox = outbox
        self._receivers = receivers
        self._sender = sender
        self._metrics = metrics
        self._under_way: dict[Lane, Entry] = {}
        self._at_once: Counter[str] = Counter()
        self._news = asyncio.Event()
        self._stopping = False
        self._look = LOOK_SECONDS_SHARED if outbox.shared else LOOK_SECONDS
        self._strays = True
        """There may be claims of ours in the store that we do not know of."""

    def wake(self) -> None:
        """Something may be due."""
        self._news.set()

    def stop(self) -> None:
        """No more requests are begun."""
        self._stopping = True

    async def run(self, writer: OutboxWriter) -> None:
        """Until cancelled; what is under way then is sent again after the next start."""
        async with asyncio.TaskGroup() as posts:
            while True:
                self._news.clear()
                try:
                    pause = await self._begin(posts, writer)
                except StoreError as error:
                    log.warning("the outbox can't be read; webhooks wait", reason=str(error))
                    pause, self._strays = AWAY_SECONDS, True
                try:
                    async with asyncio.timeout(pause):
                        await self._news.wait()
                except TimeoutError:
                    pass

    async def idle(self, seconds: float) -> None:
        """Waits until nothing is under way, for at most so long."""
        try:
            async with asyncio.timeout(seconds):
                while self._under_way:
                    self._news.clear()
                    await self._news.wait()
        except TimeoutError:
            log.warning("webhooks still under way are sent again after the next start", requests=len(self._under_way))

    async def _begin(self, posts: asyncio.TaskGroup, writer: OutboxWriter) -> float:
        """Starts what is due and fits; returns seconds until there may be more."""
        if self._stopping:
            return self._look
        now = _now()
        busy = [entry.number for entry in self._under_way.values()]
        if self._strays:
            await self._outbox.release(without=busy)
            self._strays = False
        found = await self._outbox.due(now, busy, PER_RECEIVER, 10 * OF_CALLS)
        for entry in await self._outbox.claim(self._fitting(found.entries), now):
            self._under_way[entry.lane] = entry
            self._at_once.update(_pools(entry.receiver))
            posts.create_task(self._deliver(entry, writer), name=f"webhook {entry.event} to {entry.receiver}")
        return self._look if found.later is None else min(self._look, max(0.0, (found.later - _now()).total_seconds()))

    def _fitting(self, due: Iterable[Entry]) -> list[Entry]:
        """By number: what can be sent at once, beside what is under way."""
        fitting: list[Entry] = []
        at_once, lanes = self._at_once.copy(), set(self._under_way)
        for entry in sorted(due, key=lambda each: each.number):
            if entry.lane not in lanes and _fits(entry.receiver, at_once):
                fitting.append(entry)
                lanes.add(entry.lane)
                at_once.update(_pools(entry.receiver))
        return fitting

    async def _deliver(self, entry: Entry, writer: OutboxWriter) -> None:
        try:
            result = await self._attempt(entry)
        except Exception:  # the top of this task: it is tried again, other events go on
            log.exception("webhook not sent: internal error", call=entry.call, receiver=entry.receiver)
            result = AttemptResult(entry, Retry(FAULT_SECONDS), _now(), "an internal error")
        try:
            self._metrics.attempt(entry.receiver, result.verdict)
            await writer.record_result(result)
        finally:
            del self._under_way[entry.lane]
            self._at_once.subtract(_pools(entry.receiver))
            self.wake()

    async def _attempt(self, entry: Entry) -> AttemptResult:
        if entry.damaged:
            log.error("webhook given up: its row in the store is damaged", number=entry.number)
            return AttemptResult(entry, GiveUp(DAMAGED), _now())
        receiver = self._receivers.named(entry.receiver, entry.url)
        if receiver is None:
            return AttemptResult(entry, GiveUp(NO_RECEIVER), _now())
        attempt = await self._sender.send(receiver, entry.event, entry.body)
        now = _now()
        age = (now - entry.since).total_seconds()
        what = verdict(attempt, entry.attempts + 1, age, receiver.give_up_after_s, random.random())
        if attempt.failed is not None:
            self._metrics.failure(entry.receiver, attempt.failed)
        _log_result(entry, receiver.host, attempt, what)
        return AttemptResult(entry, what, now, attempt.reason)


def _fits(receiver: str, at_once: Counter[str]) -> bool:
    if receiver.startswith(OF_CALL):
        return at_once[OF_CALL] < OF_CALLS and at_once[receiver] < PER_HOST
    return at_once[receiver] < PER_RECEIVER


def _pools(receiver: str) -> tuple[str, ...]:
    return (receiver, OF_CALL) if receiver.startswith(OF_CALL) else (receiver,)


def _log_result(entry: Entry, host: str, attempt: Attempt, what: Verdict) -> None:
    """Logs the first failure and the last one; the others are only counted."""
    fields: dict[str, Any] = {"call": entry.call, "receiver": entry.receiver, "event_id": entry.event, "host": host}
    fields |= {"status": attempt.status, "reason": attempt.failed, "detail": attempt.reason}
    match what:
        case Retry(seconds) if entry.attempts == 0:
            log.info("webhook not delivered, tried again", again_in_s=round(seconds, 1), **fields)
        case GiveUp():
            log.warning("webhook given up, kept as a dead letter", attempts=entry.attempts + 1, **fields)
