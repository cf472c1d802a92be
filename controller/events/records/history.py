"""Reads records: pages of past calls, and one call with everything that is kept of it.

Owns the SQL that reads, and that one page is read at a time: a search in all transcripts takes long, and must not take
the store from others. Raises StoreError.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, Row, Table, and_, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from controller.events.records.comparison import VersionTotals, totals
from controller.store.database import Database
from controller.store.tables.records import (
    call_events,
    call_legs,
    call_recordings,
    call_tools,
    call_turns,
    call_usage,
    call_words,
    calls,
)

PAGE = 500
MOST_WAITING = 16
"""Pages that may wait for their turn; more are refused."""


class TooManySearches(Exception):
    """`MOST_WAITING` pages wait already."""


@dataclass(frozen=True, slots=True)
class RecordFilter:
    """Which calls: those for which every field that is not None holds."""

    since: datetime | None = None
    until: datetime | None = None
    direction: str | None = None
    agent: str | None = None
    trunk: str | None = None
    agents: frozenset[str] | None = None
    """One of these."""
    trunks: frozenset[str] | None = None
    outcome: str | None = None
    number: str | None = field(default=None, repr=False)
    """The number of the caller or callee."""
    names: frozenset[str] = field(default=frozenset(), repr=False)
    """Other texts that stand for this number in the records (`number_redaction`)."""
    digits: str | None = field(default=None, repr=False)
    """Such a part of a number is enough."""
    text: str | None = field(default=None, repr=False)
    """Part of what anybody said in the call; upper and lower case are the same."""
    metadata: Sequence[tuple[str, str]] = field(default=(), repr=False)
    """Keys and values: all of these, and perhaps others."""

    least_talked_s: float | None = None
    most_talked_s: float | None = None
    """Seconds from the answer to the end; a call that was not answered has 0, one that goes on has none."""


Sort = Literal["started_at", "talked_s", "cost", "first_frame_ms"]
_SORTED: Mapping[str, ColumnElement[Any]] = {
    "talked_s": calls.c.talked_s,
    "cost": calls.c.cost,
    "first_frame_ms": calls.c.first_frame_p50_ms,
}


@dataclass(frozen=True, slots=True)
class Order:
    """`started_at`: in the order in which they began. By anything else, only ended calls that have a value are listed:
    then no call changes its place between two pages."""

    by: Sort = "started_at"
    ascending: bool = False


NEWEST_FIRST = Order()


@dataclass(frozen=True, slots=True)
class Sums:
    """Of all calls that fit."""

    calls: int
    talked_s: float
    cost: float


@dataclass(frozen=True, slots=True)
class StoredCall:
    """One attempt of a call, as rows of the tables."""

    call: Row[Any]
    attempts: Sequence[int]
    """The numbers of all attempts of this call."""
    parts: Mapping[str, Sequence[Row[Any]]] = field(repr=False)
    """By the name of the table."""


class History:
    """The tables of `store.tables.records`, to be read."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._turn = asyncio.Lock()
        self._waiting = 0

    async def page(
        self,
        filter_: RecordFilter,
        *,
        before: int | None,
        limit: int,
        order: Order = NEWEST_FIRST,
        patient: bool = False,
    ) -> Sequence[Row[Any]]:
        """Those that follow the call with the `number` `before`. Raises TooManySearches, unless `patient`."""
        if self._waiting >= MOST_WAITING and not patient:
            raise TooManySearches
        self._waiting += 1
        try:
            async with self._turn:
                return await self._page(filter_, before, limit, order)
        finally:
            self._waiting -= 1

    async def _page(self, filter_: RecordFilter, before: int | None, limit: int, order: Order) -> Sequence[Row[Any]]:
        value = _SORTED.get(order.by)
        keys = [calls.c.number] if value is None else [value, calls.c.number]
        ordered = [each.asc() if order.ascending else each.desc() for each in keys]
        wanted = select(calls).where(*conditions(filter_)).order_by(*ordered).limit(limit)
        if value is not None:
            wanted = wanted.where(calls.c.ended_at.is_not(None), value.is_not(None))
        if before is not None:
            wanted = wanted.where(_behind(before, value, ascending=order.ascending))
        async with self._database.reading() as connection:
            return (await connection.execute(wanted)).all()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """The store, when it is our turn. Raises TooManySearches."""
        if self._waiting >= MOST_WAITING:
            raise TooManySearches
        self._waiting += 1
        try:
            async with self._turn, self._database.reading() as connection:
                yield connection
        finally:
            self._waiting -= 1

    async def sums(self, filter_: RecordFilter) -> Sums:
        """Raises TooManySearches."""
        wanted = select(func.count(), func.sum(calls.c.talked_s), func.sum(calls.c.cost)).select_from(calls)
        async with self.reading() as connection:
            count, talked_s, cost = (await connection.execute(wanted.where(*conditions(filter_)))).one()
        return Sums(count, talked_s or 0.0, cost or 0.0)

    async def compare(self, agent: str, since: datetime | None, until: datetime | None) -> list[VersionTotals]:
        """The versions of an agent, newest first. Raises TooManySearches."""
        async with self.reading() as connection:
            return await totals(connection, agent, since, until)

    async def everything(self, filter_: RecordFilter) -> AsyncIterator[Row[Any]]:
        """Newest first, however many. Each page is a transaction of its own."""
        before: int | None = None
        while page := await self.page(filter_, before=before, limit=PAGE, patient=True):
            for row in page:
                yield row
            before = page[-1].number

    async def find(self, call: str, attempt: int | None = None) -> StoredCall | None:
        """Without `attempt` the latest one."""
        async with self._database.reading() as connection:
            wanted = select(calls).where(calls.c.call == call).order_by(calls.c.attempt)
            found = (await connection.execute(wanted)).all()
            mine = [row for row in found if attempt in (None, row.attempt)]
            if not mine:
                return None
            parts = {}
            for table, order in _PARTS:
                whose = (table.c.call == call, table.c.attempt == mine[-1].attempt)
                parts[table.name] = (await connection.execute(select(table).where(*whose).order_by(*order))).all()
            return StoredCall(mine[-1], [row.attempt for row in found], parts)


_PARTS: Sequence[tuple[Table, Sequence[ColumnElement[Any]]]] = (
    (call_words, (func.coalesce(call_words.c.started_at, call_words.c.at), call_words.c.event)),
    *(
        (table, (table.c.at, table.c.event))
        for table in (call_turns, call_tools, call_usage, call_recordings, call_events)
    ),
    (call_legs, (call_legs.c.began_at, call_legs.c.leg)),
)


def _behind(before: int, value: ColumnElement[Any] | None, *, ascending: bool) -> ColumnElement[bool]:
    """Behind the call with this number, which may be deleted meanwhile where only numbers are compared."""
    number = calls.c.number
    by_number = number > before if ascending else number < before
    if value is None:
        return by_number
    last = select(value).where(number == before).scalar_subquery()
    return or_(value > last if ascending else value < last, and_(value == last, by_number))


def conditions(filter_: RecordFilter) -> list[ColumnElement[bool]]:
    """Of rows of `calls`."""
    same = {name: getattr(filter_, name) for name in ("direction", "agent", "trunk", "outcome")}
    found = [calls.c[name] == value for name, value in same.items() if value is not None]
    for name in ("agent", "trunk"):
        if (among := getattr(filter_, f"{name}s")) is not None:
            found.append(calls.c[name].in_(among))
    found += [calls.c.metadata[key].as_string() == value for key, value in filter_.metadata]
    if filter_.since is not None:
        found.append(calls.c.started_at >= filter_.since)
    if filter_.until is not None:
        found.append(calls.c.started_at < filter_.until)
    if filter_.least_talked_s is not None:
        found.append(calls.c.talked_s >= filter_.least_talked_s)
    if filter_.most_talked_s is not None:
        found.append(calls.c.talked_s <= filter_.most_talked_s)
    if filter_.number is not None:
        names = {filter_.number, *filter_.names}
        sides: list[ColumnElement[bool]] = [each.in_(names) for each in (calls.c.caller, calls.c.callee)]
        if filter_.digits is not None:
            sides += [each.contains(filter_.digits, autoescape=True) for each in (calls.c.caller, calls.c.callee)]
        found.append(or_(*sides))
    if filter_.text is not None:
        has = func.lower(call_words.c.text).contains(filter_.text.lower(), autoescape=True)
        found.append(
            exists().where(call_words.c.call == calls.c.call, call_words.c.attempt == calls.c.attempt).where(has)
        )
    return found
