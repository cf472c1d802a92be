"""The writer of records: events of calls in, rows in the store out, in order, beside the calls.

Owns the queue and the one task that writes. `take` never waits. What the store does not take goes to a file and from
there to the store as soon as it is back, also after a restart; rows may be put twice without harm, so nothing is lost
or doubled by a crash between two steps. A store that is too slow for many events at once is given fewer. When neither
takes anything, the latest `MOST` events are kept in memory. What can't be written at all is dropped by itself, counted,
and told in the log.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Collection
from datetime import UTC, datetime

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge
from pydantic import ValidationError

from controller.config.models.records import Records as Settings
from controller.events import schemas
from controller.events.factory import OutgoingEvent
from controller.events.records.mapping import redacted
from controller.events.records.repository import RecordRepository
from controller.events.records.spool import Spool
from controller.store.database import StoreError, Unfit

log = structlog.get_logger()

MOST = 20_000
BATCH = 100
GATHER_SECONDS = 0.05
AWAY_SECONDS = (0.5, 1.0, 2.0, 5.0)
LAST_SECONDS = 5.0
FAULT_SECONDS = 1.0
ABANDONED_AFTER = 60.0
"""Seconds after the start, when whoever still talks has been found again."""
FORGET_EVERY = 3600.0


class RecordWriter:
    """`run()` is a task of the controller's; `finish()` after it was cancelled."""

    def __init__(
        self, shelf: RecordRepository, settings: Settings, journal: Spool, registry: CollectorRegistry
    ) -> None:
        self._shelf = shelf
        self._settings = settings
        self._journal = journal
        self._waiting: deque[schemas.AnyEvent] = deque()
        self._news = asyncio.Event()
        self._failures = 0
        self._at_once = BATCH
        self._journal_fault = False
        self._unreadable = False
        waiting = Gauge("voiceai_records_waiting", "Events of calls that are not in the store yet.", registry=registry)
        waiting.set_function(lambda: len(self._waiting))
        behind = Gauge("voiceai_records_journal_bytes", "Likewise, in the file for that.", registry=registry)
        behind.set_function(lambda: self._journal.size)
        self._lost = Counter("voiceai_records_lost", "Events of calls that could not be kept.", registry=registry)

    def take(self, notice: OutgoingEvent) -> None:
        if len(self._waiting) >= MOST:
            self._waiting.popleft()
            self._lost.inc()
        event: schemas.AnyEvent = notice.event  # type: ignore[assignment]  # every kind of event is in the union
        self._waiting.append(redacted(event, self._settings))
        self._news.set()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self._round()
            except StoreError as error:
                self._failures += 1
                self._at_once = max(1, self._at_once // 2)  # perhaps they are too many for the time there is
                if self._failures == 1:
                    log.warning("the store takes no records; they go to a file", reason=str(error))
                await self._set_aside()
                await asyncio.sleep(AWAY_SECONDS[min(self._failures, len(AWAY_SECONDS)) - 1])
            except Exception:  # the top of the task: no call ends because nobody can write of it
                log.exception("the writer of records stumbled over a fault of ours; it goes on in a moment")
                await asyncio.sleep(FAULT_SECONDS)

    async def _round(self) -> None:
        if self._behind:
            await self._catch_up()
        else:
            await self._news.wait()
            await asyncio.sleep(GATHER_SECONDS)
            await self._write_some()
        if self._failures:
            log.info("the store takes records again", waiting=len(self._waiting), journal_bytes=self._journal.size)
        self._failures = 0
        self._at_once = min(BATCH, self._at_once + 1)

    def catching_up(self) -> bool:
        """Calls of the time when the store was away are not in it yet."""
        return self._behind

    @property
    def _behind(self) -> bool:
        return self._journal.size > 0 and not self._unreadable

    async def _write_some(self) -> None:
        batch = [self._waiting[place] for place in range(min(self._at_once, len(self._waiting)))]
        await self._put(batch)
        for event in batch:  # what is not there any more was pushed out meanwhile by what came
            if self._waiting and self._waiting[0] is event:
                self._waiting.popleft()
        if not self._waiting:
            self._news.clear()

    async def _catch_up(self) -> None:
        try:
            lines, to = await asyncio.to_thread(self._journal.first, self._at_once)
            await self._put([event for line in lines if (event := _read(line)) is not None])
            await asyncio.to_thread(self._journal.taken, to)
        except OSError as error:
            log.error("the file of records can't be read: what is in it waits for the next start", reason=str(error))
            self._unreadable = True
            return
        if len(self._waiting) > MOST // 2:
            await self._set_aside()

    async def _put(self, events: list[schemas.AnyEvent]) -> None:
        try:
            await self._shelf.put(events)
        except Unfit as error:
            await self._singly(events, str(error))
        except StoreError:
            raise
        except Exception as error:  # what can't be written must not hold up what comes after it
            await self._singly(events, type(error).__name__)  # what it says may quote a number

    async def _singly(self, events: list[schemas.AnyEvent], reason: str) -> None:
        if len(events) > 1:
            for event in events:
                await self._put([event])
        elif events:
            (event,) = events
            log.error("a record was dropped: it can't be written", call=event.data.call, type=event.type, reason=reason)
            self._lost.inc()

    async def _set_aside(self) -> None:
        """From memory to the file."""
        events = list(self._waiting)
        if not events:
            return
        try:
            await asyncio.to_thread(self._journal.add, self._lines(events))
        except OSError as error:
            if not self._journal_fault:
                log.error("records wait in memory: neither the store nor the file takes them", reason=str(error))
            self._journal_fault = True
            return
        self._journal_fault = False
        for event in events:
            if self._waiting and self._waiting[0] is event:
                self._waiting.popleft()
        if not self._waiting:
            self._news.clear()

    def _lines(self, events: list[schemas.AnyEvent]) -> list[bytes]:
        lines = []
        for event in events:
            try:
                lines.append(event.model_dump_json().encode())
            except ValueError:
                log.error("a record was dropped: it is no JSON", call=event.data.call, type=event.type)
                self._lost.inc()
        return lines

    async def finish(self) -> None:
        """What is still in memory goes to the store or, if that takes too long, to the file."""
        try:
            async with asyncio.timeout(LAST_SECONDS):
                while self._waiting and not self._behind:
                    await self._write_some()
        except (StoreError, TimeoutError):
            pass
        await self._set_aside()
        if self._waiting:
            log.error("records lost: neither the store nor the file took them", events=len(self._waiting))

    # ------------------------------------------------------------ what nobody else ends

    async def tidy(self, live: Callable[[], Collection[str]]) -> None:
        """Until cancelled. Ends calls of a controller that was killed, once, and deletes what is old, again and again.
        `live`: the calls that there are."""
        began = datetime.now(UTC)
        await asyncio.sleep(ABANDONED_AFTER)
        while True:
            try:
                abandoned = await self._shelf.end_abandoned(began, live(), datetime.now(UTC))
                if abandoned:
                    log.warning("calls of a controller that was killed were marked as interrupted", calls=abandoned)
                forgotten = await self._shelf.forget_old(self._settings, datetime.now(UTC))
                if forgotten:
                    log.info("old records deleted", calls=forgotten)
            except StoreError as error:
                log.warning("old records can't be deleted at the moment", reason=str(error))
            except Exception:  # the top of the task: no call ends because an old one can't be deleted
                log.exception("old records can't be deleted by a fault of ours")
            await asyncio.sleep(FORGET_EVERY)


def _read(line: bytes) -> schemas.AnyEvent | None:
    try:
        return schemas.adapter.validate_json(line)
    except ValidationError:
        log.warning("a line of the journal of records can't be read and is passed over", bytes=len(line))
        return None
