"""Statistics of ended calls, by day, agent or trunk. Owns the SQL. Raises StoreError. Damaged rows count as far as they
can be read.

Each day of the period is read in a transaction of its own: SQLite has one connection, and whoever else needs it waits
for one day at most. Calls are found by `ix_calls_started_at`, their turns and interruptions by `call` and `attempt`.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import date, datetime
from typing import Any, Literal
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, Float, Integer, Select, and_, cast, func, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from controller.events.records.figures import RESPONSE_STEP_MS, TALK_STEP_S, CallFigures, days_of
from controller.events.records.history import RecordFilter, conditions
from controller.store.cells import text_or_none_in
from controller.store.tables.records import call_events, call_turns, calls

Group = Literal["day", "agent", "trunk"]
Key = date | str | None
"""A day, the name of an agent or a trunk, or None: calls without a trunk."""

LONGEST_SECONDS = 30.0
"""What one request for statistics may take."""

Reading = Callable[[], AbstractAsyncContextManager[AsyncConnection]]


class TooMuchToRead(Exception):
    """The statistics of that period take longer than `LONGEST_SECONDS`."""


async def statistics(
    reading: Reading, filter_: RecordFilter, since: datetime, until: datetime, group: Group, zone: ZoneInfo
) -> dict[Key, CallFigures]:
    """Of the calls that started in the period. All its days; of agents and trunks those that had calls. Raises
    TooMuchToRead."""
    found: dict[Key, CallFigures] = {}
    try:
        async with asyncio.timeout(LONGEST_SECONDS):
            for day, begin, end in days_of(since, until, zone):
                async with reading() as connection:
                    part = await _figures(connection, replace(filter_, since=begin, until=end), group)
                if group == "day":
                    part = {day: part.get("", CallFigures())}
                for key, figures in part.items():
                    found.setdefault(key, CallFigures()).merge(figures)
    except TimeoutError:
        raise TooMuchToRead from None
    return found


async def _figures(connection: AsyncConnection, filter_: RecordFilter, group: Group) -> dict[Key, CallFigures]:
    key: ColumnElement[Any] = literal("") if group == "day" else calls.c[group]
    key = key.label("key")
    those = [*conditions(filter_), calls.c.ended_at.is_not(None)]
    found: defaultdict[Key, CallFigures] = defaultdict(CallFigures)
    for row in await connection.execute(_ended(key, those)):
        figures = found[text_or_none_in(row.key)]
        figures.calls += row.calls
        figures.answered += row.answered
        figures.outcomes[text_or_none_in(row.outcome) or "failed"] += row.calls
        figures.turns += int(row.turns or 0)
        figures.cost += float(row.cost or 0.0)
    if not found:
        return found
    for row in await connection.execute(_talked(key, those)):
        found[text_or_none_in(row.key)].talked.add(row.step, row.many, float(row.total))
    for row in await connection.execute(_response(key, those)):
        found[text_or_none_in(row.key)].response.add(row.step, row.many, float(row.total))
    for row in await connection.execute(_interruptions(key, those)):
        found[text_or_none_in(row.key)].interruptions += row.many
    return found


def _ended(key: ColumnElement[Any], those: Sequence[ColumnElement[bool]]) -> Select[Any]:
    sums = (
        func.count().label("calls"),
        func.count(calls.c.answered_at).label("answered"),
        func.sum(calls.c.turns).label("turns"),
        func.sum(calls.c.cost).label("cost"),
    )
    return select(key, calls.c.outcome, *sums).where(*those).group_by("key", calls.c.outcome)


def _talked(key: ColumnElement[Any], those: Sequence[ColumnElement[bool]]) -> Select[Any]:
    talked = (calls.c.talked_s.is_not(None), calls.c.answered_at.is_not(None))
    return _steps(key, calls.c.talked_s, TALK_STEP_S).where(*those, *talked).group_by("key", "step")


def _response(key: ColumnElement[Any], those: Sequence[ColumnElement[bool]]) -> Select[Any]:
    same = and_(call_turns.c.call == calls.c.call, call_turns.c.attempt == calls.c.attempt)
    value = call_turns.c.first_frame_ms
    wanted = _steps(key, value, RESPONSE_STEP_MS).select_from(calls.join(call_turns, same))
    return wanted.where(*those, value.is_not(None)).group_by("key", "step")


def _steps(key: ColumnElement[Any], value: ColumnElement[Any], step: float) -> Select[Any]:
    rounded = cast(func.round(cast(value / step, Float)), Integer).label("step")
    return select(key, rounded, func.count().label("many"), func.sum(value).label("total"))


def _interruptions(key: ColumnElement[Any], those: Sequence[ColumnElement[bool]]) -> Select[Any]:
    same = and_(
        call_events.c.call == calls.c.call,
        call_events.c.attempt == calls.c.attempt,
        call_events.c.type == "call.barge_in",
    )
    wanted = select(key, func.count().label("many")).select_from(calls.join(call_events, same))
    return wanted.where(*those).group_by("key")
