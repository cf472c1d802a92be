"""What was dialled and spent, in the store: read at the start, written while calls go on.

Owns the SQL. No call waits for it, and what the store did not take is written with the next page. A controller that is
killed loses at most the legs of the last half second, and the last PAGE_SECONDS of each leg that is up.
"""

import math
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Row, delete, insert, select, update

from controller.calls.admission.control import AdmissionControl, today
from controller.calls.admission.usage import Use
from controller.store.database import Database
from controller.store.tables.usage import dialled_legs as legs, spent_days as spent
from controller.store.write_behind import WriteBehind

log = structlog.get_logger()

PAGE_SECONDS = 10.0
GATHER_SECONDS = 0.5
"""Seconds. All changes of this time are written in one transaction."""
LAST_SECONDS = 3.0
HOUR, KEPT = timedelta(hours=1), timedelta(days=3)


class UsageStore:
    """`read()` before the first call, then `run()` until cancelled, then `finish()`."""

    def __init__(self, database: Database, room: AdmissionControl) -> None:
        self._database = database
        self._room = room
        self._dollars = 0.0
        self._day: date | None = None
        self._queue = WriteBehind[object](
            self._write,
            away="what was dialled can't be written down yet",
            back="what was dialled is written down again",
            delays=(PAGE_SECONDS,),
            batch=1,
            gather_s=GATHER_SECONDS,
            every_s=PAGE_SECONDS,
            news=room.news,
        )
        self.run = self._queue.run

    async def read(self) -> None:
        """Raises StoreError."""
        now, day = datetime.now(UTC), today()
        wanted = select(legs).where((legs.c.day == day.isoformat()) | (legs.c.dialled_at > now - HOUR))
        async with self._database.reading() as store:
            rows = (await store.execute(wanted)).all()
            dollars = (await store.execute(select(spent.c.dollars).where(spent.c.day == day.isoformat()))).scalar()
        uses = [use for row in rows if (use := _use(row)) is not None]
        if dollars is not None and not _is_amount(dollars):
            log.error("what was spent today can't be read from the store; it counts from zero", day=day.isoformat())
            dollars = None
        self._day, self._dollars = day, dollars or 0.0
        self._room.remember(uses, self._dollars, now)
        if uses or dollars:
            log.info("caps go on where they were", legs=len(uses), dollars=round(self._dollars, 2))
        async with self._database.writing() as store:
            await store.execute(delete(legs).where(legs.c.dialled_at < now - KEPT))
            await store.execute(delete(spent).where(spent.c.day < (day - KEPT).isoformat()))

    async def finish(self) -> None:
        if not await self._queue.finish(LAST_SECONDS):
            log.error("the last calls are missing in what was dialled today: the store is away")

    async def _write(self, _: Sequence[object]) -> None:
        """All that has changed since it was last written, as call control has it."""
        page, day = self._room.usage.unwritten(datetime.now(UTC)), today()
        dollars = self._room.dollars(day)
        news = (day, dollars) != (self._day, self._dollars) and dollars > 0
        if not page and not news:
            return
        async with self._database.writing() as store:
            for each in page:
                row = {"trunk": each.trunk, "day": each.day.isoformat(), "dialled_at": each.dialled_at}
                changed = await store.execute(update(legs).where(legs.c.id == each.id).values(seconds=each.seconds))
                if changed.rowcount == 0:
                    await store.execute(insert(legs).values(id=each.id, seconds=each.seconds, **row))
            if news:
                changed = await store.execute(
                    update(spent).where(spent.c.day == day.isoformat()).values(dollars=dollars)
                )
                if changed.rowcount == 0:
                    await store.execute(insert(spent).values(day=day.isoformat(), dollars=dollars))
        self._room.usage.written(page)
        self._day, self._dollars = day, dollars


def _use(row: Row[Any]) -> Use | None:
    """None: the row is damaged."""
    try:
        day = date.fromisoformat(row.day)
    except (TypeError, ValueError):
        day = None
    if day is None or row.dialled_at is None or not _is_amount(row.seconds):
        log.error("a dialled leg in the store can't be read; it counts for no cap", leg=str(row.id))
        return None
    return Use(row.id, row.trunk, day, row.dialled_at, row.seconds)


def _is_amount(found: object) -> bool:
    return isinstance(found, int | float) and math.isfinite(found) and found >= 0
