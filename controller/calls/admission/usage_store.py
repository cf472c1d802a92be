"""What was dialled and spent, in the store: read at the start, written while calls go on.

Owns the SQL. No call waits for it, and what the store did not take is written with the next page. A controller that is
killed loses at most the legs of the last half second, and the last PAGE_SECONDS of each leg that is up.

Each node writes its own figures, as they are in all and not as differences, so that a repeated write harms nobody. What
the other nodes of the store have dialled and spent is read every PAGE_SECONDS, and counts for the same caps.
"""

import math
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import Row, delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from controller.calls.admission.control import AdmissionControl, today
from controller.calls.admission.usage import Use
from controller.store.database import Database
from controller.store.tables.usage import dialled_legs as legs, node_spending as spent
from controller.store.write_behind import WriteBehind

log = structlog.get_logger()

PAGE_SECONDS = 10.0
GATHER_SECONDS = 0.5
"""Seconds. All changes of this time are written in one transaction."""
LAST_SECONDS = 3.0
HOUR, KEPT = timedelta(hours=1), timedelta(days=3)
OVERLAP = timedelta(minutes=1)
"""Legs of other nodes are read again for so long: a node writes them later than it dials, and clocks differ."""


class UsageStore:
    """`read()` before the first call, then `run()` until cancelled, then `finish()`."""

    def __init__(self, database: Database, room: AdmissionControl) -> None:
        self._database = database
        self._room = room
        self._dollars = 0.0
        self._day: date | None = None
        self._others_at: datetime | None = None
        """When the figures of other nodes were last read."""
        self._known: frozenset[str] = frozenset()
        """Legs of other nodes that count for the hour, and that may be read again."""
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
        of_us = or_(legs.c.node.is_(None), legs.c.node == self._us)
        wanted = select(legs).where(of_us, (legs.c.day == day.isoformat()) | (legs.c.dialled_at > now - HOUR))
        own = select(spent.c.dollars).where(spent.c.day == day.isoformat(), spent.c.node == self._us)
        async with self._database.reading() as store:
            rows = (await store.execute(wanted)).all()
            dollars = (await store.execute(own)).scalar()
        uses = [use for row in rows if (use := _use(row)) is not None]
        self._day, self._dollars = day, _amount(dollars, day)
        self._room.remember(uses, self._dollars, now)
        if uses or self._dollars:
            log.info("caps go on where they were", legs=len(uses), dollars=round(self._dollars, 2))
        await self._read_others(now, day)
        async with self._database.writing() as store:
            await store.execute(delete(legs).where(legs.c.dialled_at < now - KEPT))
            await store.execute(delete(spent).where(spent.c.day < (day - KEPT).isoformat()))

    @property
    def _us(self) -> str:
        return self._database.node.name

    async def _read_others(self, now: datetime, day: date) -> None:
        since = self._others_at - OVERLAP if self._others_at is not None else now - HOUR
        theirs, of_day = legs.c.node != self._us, legs.c.day == day.isoformat()
        sums = select(legs.c.trunk, func.sum(legs.c.seconds)).where(theirs, of_day).group_by(legs.c.trunk)
        new = select(legs.c.id, legs.c.trunk, legs.c.dialled_at).where(theirs, legs.c.dialled_at > since)
        dollars = select(spent.c.dollars).where(spent.c.day == day.isoformat(), spent.c.node != self._us)
        async with self._database.reading() as store:
            seconds = {str(row[0]): float(row[1] or 0.0) for row in await store.execute(sums)}
            rows = (await store.execute(new)).all()
            amounts = (await store.execute(dollars)).scalars().all()
        dialled = [(row.trunk, (now - row.dialled_at).total_seconds()) for row in rows if row.id not in self._known]
        self._room.others(day, sum(_amount(each, day) for each in amounts), seconds, dialled)
        self._others_at, self._known = now, frozenset(row.id for row in rows)

    async def finish(self) -> None:
        if not await self._queue.finish(LAST_SECONDS):
            log.error("the last calls are missing in what was dialled today: the store is away")

    async def _write(self, _: Sequence[object]) -> None:
        """All that has changed since it was last written, as call control has it."""
        now, day = datetime.now(UTC), today()
        page, dollars = self._room.usage.unwritten(now), self._room.dollars(day)
        news = (day, dollars) != (self._day, self._dollars) and dollars > 0
        if page or news:
            async with self._database.writing() as store:
                await self._write_legs(store, page)
                if news:
                    await self._write_dollars(store, day, dollars)
            self._room.usage.written(page)
            self._day, self._dollars = day, dollars
        since = self._others_at
        if self._database.shared and (since is None or now - since >= timedelta(seconds=PAGE_SECONDS)):
            await self._read_others(now, day)

    async def _write_legs(self, store: AsyncConnection, page: Sequence[Use]) -> None:
        for each in page:
            row = {"trunk": each.trunk, "day": each.day.isoformat(), "dialled_at": each.dialled_at, "node": self._us}
            changed = await store.execute(update(legs).where(legs.c.id == each.id).values(seconds=each.seconds))
            if changed.rowcount == 0:
                await store.execute(insert(legs).values(id=each.id, seconds=each.seconds, **row))

    async def _write_dollars(self, store: AsyncConnection, day: date, dollars: float) -> None:
        ours = (spent.c.day == day.isoformat(), spent.c.node == self._us)
        changed = await store.execute(update(spent).where(*ours).values(dollars=dollars))
        if changed.rowcount == 0:
            await store.execute(insert(spent).values(day=day.isoformat(), node=self._us, dollars=dollars))


def _amount(found: object, day: date) -> float:
    """US dollars; 0 for none, and for what can't be read."""
    if found is not None and not _is_amount(found):
        log.error("what was spent today can't be read from the store; it counts from zero", day=day.isoformat())
    return float(found) if isinstance(found, int | float) and _is_amount(found) else 0.0


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
