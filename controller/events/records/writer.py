"""The writer of records: events of calls in, rows in the store out, in order, beside the calls.

Owns the queue between calls and the records. `take` never waits. What the store does not take goes to a file (`spool`)
and from there to the store as soon as it is back, also after a restart; rows may be put twice without harm, so nothing
is lost or doubled by a crash between two steps. When neither takes anything, the latest `MOST` events are kept in
memory. What can't be written at all is dropped by itself, counted, and told in the log.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from datetime import UTC, datetime

import structlog
from prometheus_client import CollectorRegistry, Counter, Gauge
from pydantic import ValidationError

from controller.config.models.records import Records as Settings
from controller.events import schemas
from controller.events.envelope import Event
from controller.events.factory import OutgoingEvent
from controller.events.records.mapping import redacted
from controller.events.records.repository import RecordRepository
from controller.events.records.spool import Spool
from controller.store.database import StoreError, ValueRefused
from controller.store.write_behind import WriteBehind

log = structlog.get_logger()

MOST = 20_000
BATCH = 100
GATHER_SECONDS, APART_SECONDS = 0.05, 1.0
AWAY_SECONDS = (0.5, 1.0, 2.0, 5.0)
LAST_SECONDS = 5.0
ABANDONED_AFTER = 60.0
"""Seconds after the start, when whoever still talks has been found again."""
FORGET_EVERY = 3600.0

_Drop = Callable[[Event, str], None]
"""An event can't be kept; why."""


class RecordWriter:
    """`run()` is a task of the controller's; `finish()` after it was cancelled."""

    def __init__(
        self, repository: RecordRepository, settings: Settings, spool: Spool, registry: CollectorRegistry
    ) -> None:
        self._repository = repository
        self._settings = settings
        self._spooled = _SpooledEvents(spool, self._drop)
        self._queue = WriteBehind[Event](
            self._write,
            away="the store takes no records; they go to a file",
            back="the store takes records again",
            delays=AWAY_SECONDS,
            batch=BATCH,
            gather_s=GATHER_SECONDS,
            apart_s=APART_SECONDS,
            most=MOST,
            drop_oldest=True,
            backlog=self._spooled,
        )
        self.run = self._queue.run
        waiting = Gauge("voiceai_records_waiting", "Events of calls that are not in the store yet.", registry=registry)
        waiting.set_function(lambda: len(self._queue))
        behind = Gauge("voiceai_records_journal_bytes", "Likewise, in the file for that.", registry=registry)
        behind.set_function(lambda: spool.size)
        self._lost = Counter("voiceai_records_lost", "Events of calls that could not be kept.", registry=registry)

    def take(self, outgoing: OutgoingEvent) -> None:
        if self._queue.put(redacted(outgoing.event, self._settings)) is not None:
            self._lost.inc()

    def catching_up(self) -> bool:
        """Calls of the time when the store was away are not in it yet."""
        return self._spooled.waiting

    async def written(self) -> None:
        """Until the events that were taken are in the store, `LAST_SECONDS` at most."""
        with suppress(TimeoutError):
            async with asyncio.timeout(LAST_SECONDS):
                await self._queue.empty()

    async def finish(self) -> None:
        """What is still in memory goes to the store or, if that takes too long, to the file."""
        if not await self._queue.finish(LAST_SECONDS):
            log.error("records lost: neither the store nor the file took them", events=len(self._queue))

    async def _write(self, events: Sequence[Event]) -> None:
        try:
            await self._repository.put(events)
        except ValueRefused as error:
            await self._write_singly(events, str(error))
        except StoreError:
            raise
        except Exception as error:  # what can't be written must not hold up what comes after it
            await self._write_singly(events, type(error).__name__)  # what it says may quote a number

    async def _write_singly(self, events: Sequence[Event], reason: str) -> None:
        if len(events) == 1:
            self._drop(events[0], f"it can't be written: {reason}")
            return
        for event in events:
            await self._write([event])

    def _drop(self, event: Event, reason: str) -> None:
        log.error("a record was dropped", call=event.data.call, type=event.type, reason=reason)
        self._lost.inc()

    # ------------------------------------------------------------ what nobody else ends

    async def tidy(self, live: Callable[[], Collection[str]]) -> None:
        """Until cancelled. Ends calls of a controller that was killed, once, and deletes what is old, again and again.
        `live`: the calls that there are."""
        began = datetime.now(UTC)
        await asyncio.sleep(ABANDONED_AFTER)
        while True:
            try:
                abandoned = await self._repository.end_abandoned(began, live(), datetime.now(UTC))
                if abandoned:
                    log.warning("calls of a controller that was killed were marked as interrupted", calls=abandoned)
                forgotten = await self._repository.forget_old(self._settings, datetime.now(UTC))
                if forgotten:
                    log.info("old records deleted", calls=forgotten)
            except StoreError as error:
                log.warning("old records can't be deleted at the moment", reason=str(error))
            except Exception:  # the top of the task: no call ends because an old one can't be deleted
                log.exception("old records can't be deleted: internal error")
            await asyncio.sleep(FORGET_EVERY)


class _SpooledEvents:
    """The `Backlog` of the queue: events as lines of a file."""

    def __init__(self, spool: Spool, drop: _Drop) -> None:
        self._spool = spool
        self._drop = drop
        self._refuses = self._unreadable = False
        self._read_to = 0

    @property
    def waiting(self) -> bool:
        return self._spool.size > 0 and not self._unreadable

    async def add(self, events: Sequence[Event]) -> bool:
        try:
            await asyncio.to_thread(self._spool.add, [line for event in events if (line := self._line(event))])
        except OSError as error:
            if not self._refuses:
                log.error("records wait in memory: neither the store nor the file takes them", reason=str(error))
            self._refuses = True
            return False
        self._refuses = False
        return True

    def _line(self, event: Event) -> bytes | None:
        try:
            return event.model_dump_json().encode()
        except ValueError:
            self._drop(event, "it is no JSON")
            return None

    async def first(self, most: int) -> list[Event]:
        try:
            lines, self._read_to = await asyncio.to_thread(self._spool.first, most)
        except OSError as error:
            self._fail(error)
            return []
        return [event for line in lines if (event := _event(line)) is not None]

    async def remove_first(self) -> None:
        try:
            if not self._unreadable:
                await asyncio.to_thread(self._spool.taken, self._read_to)
        except OSError as error:
            self._fail(error)

    def _fail(self, error: OSError) -> None:
        log.error("the file of records can't be read: what is in it waits for the next start", reason=str(error))
        self._unreadable = True


def _event(line: bytes) -> Event | None:
    """A field that is not known is of a newer release, which wrote the line before somebody went back to this one."""
    try:
        return schemas.adapter.validate_json(line, extra="ignore")
    except ValidationError:
        log.warning("a line of the file of records can't be read and is passed over", bytes=len(line))
        return None
