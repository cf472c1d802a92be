"""Writes and deletes records. Each method is one transaction, or a few short ones.

Owns the SQL that writes. Raises StoreError.
"""

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from sqlalchemy import Insert, Table, and_, bindparam, delete, func, or_, select, tuple_, union, update
from sqlalchemy.dialects import sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from controller.cluster.node import LostCall, NodeId
from controller.config.models.records import Records as Settings
from controller.events.envelope import Event
from controller.events.records.mapping import RowWrite, rows
from controller.store.database import Database
from controller.store.owners import owned_up_to, owner
from controller.store.tables.api import idempotency
from controller.store.tables.base import metadata
from controller.store.tables.events import webhook_outbox
from controller.store.tables.outbound import outbound_calls
from controller.store.tables.records import PARTS, call_legs, call_recordings, call_words, calls

AT_ONCE = 500
INTERRUPTED, NODE_LOST = "interrupted", "node_lost"
"""Outcomes of calls whose end nobody saw: their controller was killed, their node was lost."""


@dataclass(frozen=True, slots=True)
class _Form:
    """What rows that one statement writes have in common: the names of their columns."""

    table: str
    key: tuple[str, ...]
    values: tuple[str, ...]
    once: tuple[str, ...]


class RecordRepository:
    """The tables of `store.tables.records`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def put(self, events: Iterable[Event]) -> None:
        """All or nothing, in order."""
        begun = owner(self._database.node)
        puts = [_with_owner(put, begun) for event in events for put in rows(event)]
        if not puts:
            return
        async with self._database.writing() as connection:
            for form, written in _batches(puts):
                table = metadata.tables[form.table]
                made = _upsert(connection.dialect.name, form)
                await connection.execute(
                    made, [_fitting(table, {**put.once, **put.key, **put.values}) for put in written]
                )

    async def end_abandoned(self, before: datetime, live: Collection[str], now: datetime) -> int:
        """Ends calls of this node that began before `before`, are not `live` and have no end: their controller was
        killed. Returns how many they were."""
        ours = or_(calls.c.node.is_(None), calls.c.node == self._database.node.name)
        open_ = and_(calls.c.ended_at.is_(None), calls.c.started_at < before, ours)
        async with self._database.writing() as connection:
            found = (await connection.execute(select(calls.c.number, calls.c.call).where(open_))).all()
            gone = [row.number for row in found if row.call not in live]
            ended = {"outcome": INTERRUPTED, "ended_at": now}
            for some in _chunks(gone):
                await connection.execute(update(calls).where(calls.c.number.in_(some)).values(ended))
        return len(gone)

    async def end_calls(
        self, store: AsyncConnection, dead: NodeId, lost: Collection[LostCall], now: datetime
    ) -> list[str]:
        """`cluster.departures`: the calls of a node that is gone, and those that it had taken over. Nobody has to be
        told of a record."""
        theirs = or_(owned_up_to(calls, dead), calls.c.call.in_([each.call for each in lost]))
        ended = {"outcome": NODE_LOST, "ended_at": now}
        await store.execute(update(calls).where(calls.c.ended_at.is_(None), theirs).values(ended))
        return []

    async def forget_old(self, settings: Settings, now: datetime) -> int:
        """Deletes what is older than the config allows. Returns how many calls that were."""
        if settings.transcript_days is not None:
            before = now - timedelta(days=settings.transcript_days)
            async with self._database.writing() as connection:
                await connection.execute(delete(call_words).where(call_words.c.at < before))
        forgotten = 0
        while settings.keep_days is not None:
            old = and_(calls.c.started_at < now - timedelta(days=settings.keep_days), calls.c.ended_at.is_not(None))
            found = await self._forget(select(calls.c.call, calls.c.attempt).where(old).limit(AT_ONCE))
            forgotten += len(found)
            if len(found) < AT_ONCE:
                break
        return forgotten

    async def forget_number(
        self, number: str, names: Collection[str] = (), forgotten_calls: set[str] | None = None
    ) -> tuple[int, list[str]]:
        """Deletes everything that is kept of calls from and to this number: records, events for webhooks, and entries
        of the queue that are done. Elsewhere it is replaced by null: in legs of other calls, in events that wait for
        webhooks, and in stored answers of the API (`idempotency`). `names`: other texts that stand for the number in
        the records. Returns how many calls there were, and the paths of their recordings, which are not deleted; the
        calls' ids are added to `forgotten_calls`."""
        paths: list[str] = []
        forgotten = 0
        all_names = {number, *names}
        whose = and_(or_(calls.c.caller.in_(all_names), calls.c.callee.in_(all_names)), calls.c.ended_at.is_not(None))
        while True:
            found = await self._forget(select(calls.c.call, calls.c.attempt).where(whose).limit(AT_ONCE), paths)
            forgotten += len(found)
            if forgotten_calls is not None:
                forgotten_calls.update(row.call for row in found)
            if len(found) < AT_ONCE:
                break
        done = and_(outbound_calls.c.callee == number, outbound_calls.c.status == "ended")
        async with self._database.writing() as connection:
            await connection.execute(delete(outbound_calls).where(done))
            await connection.execute(update(call_legs).where(call_legs.c.party.in_(all_names)).values(party=None))
            await _forget_metadata(connection, number)
            await _redact(connection, number)
        await self._database.truncate_write_ahead_log()
        return forgotten, paths

    async def _forget(self, wanted: Any, paths: list[str] | None = None) -> Sequence[Any]:
        async with self._database.writing() as connection:
            found = (await connection.execute(wanted)).all()
            keys = [(row.call, row.attempt) for row in found]
            if keys:
                await _delete(connection, keys, paths)
        return found


def _with_owner(put: RowWrite, begun: Mapping[str, Any]) -> RowWrite:
    """The row of a call names the node on which it began."""
    return replace(put, once={**put.once, **begun}) if put.table == calls.name else put


def _batches(puts: Iterable[RowWrite]) -> list[tuple[_Form, list[RowWrite]]]:
    """Rows of one form together, since a statement costs more than a row. Rows that are named by their event are
    independent of each other; what several events write into one row keeps its order."""
    batches: list[tuple[_Form, list[RowWrite]]] = []
    last: dict[str, _Form] = {}
    found: dict[_Form, list[RowWrite]] = {}
    for put in puts:
        form = _Form(put.table, tuple(put.key), tuple(put.values), tuple(put.once))
        if form not in found or (last[put.table] != form and "event" not in put.key):
            found[form] = []
            batches.append((form, found[form]))
        last[put.table] = form
        found[form].append(put)
    return batches


@cache
def _upsert(dialect: str, form: _Form) -> Insert:
    insert: Callable[[Table], Any] = sqlite.insert
    if dialect == "postgresql":
        from sqlalchemy.dialects import postgresql  # loaded only where it is used: 2 MB

        insert = postgresql.insert
    table = metadata.tables[form.table]
    made = insert(table).values({name: bindparam(name) for name in (*form.once, *form.key, *form.values)})
    update = {name: made.excluded[name] for name in form.values}
    done: Insert = (
        made.on_conflict_do_update(index_elements=form.key, set_=update)
        if update
        else made.on_conflict_do_nothing(index_elements=form.key)
    )
    return done


async def _delete(connection: AsyncConnection, keys: list[tuple[str, int]], paths: list[str] | None) -> None:
    if paths is not None:
        sounds = select(call_recordings.c.path).where(_among(call_recordings, keys))
        paths += (await connection.execute(sounds)).scalars().all()
        waiting = webhook_outbox.c.call.in_([call for call, _ in keys])
        await connection.execute(delete(webhook_outbox).where(waiting))
    for table in (*PARTS, calls):
        await connection.execute(delete(table).where(_among(table, keys)))


async def _redact(connection: AsyncConnection, number: str) -> None:
    """Replaces the number by null in JSON texts, but not in those of calls that are not over."""
    quoted = json.dumps(number, ensure_ascii=False)
    open_ = union(
        select(calls.c.call).where(calls.c.ended_at.is_(None)),
        select(outbound_calls.c.id).where(outbound_calls.c.status != "ended"),
    )
    for table, others in ((webhook_outbox, webhook_outbox.c.call.not_in(open_)), (idempotency, None)):
        has = table.c.body.contains(quoted, autoescape=True)
        which = has if others is None else and_(has, others)
        await connection.execute(update(table).where(which).values(body=func.replace(table.c.body, quoted, "null")))


async def _forget_metadata(connection: AsyncConnection, number: str) -> None:
    """In stored answers of the API about calls of this number."""
    has = idempotency.c.body.contains(json.dumps(number, ensure_ascii=False), autoescape=True)
    for row in (await connection.execute(select(idempotency).where(has))).all():
        which = and_(idempotency.c.by == row.by, idempotency.c.key == row.key)
        try:
            told = json.loads(row.body)
        except ValueError:  # damaged: it is never answered with
            continue
        if isinstance(told, dict) and told.get("metadata"):
            body = json.dumps(told | {"metadata": {}}, ensure_ascii=False, separators=(",", ":"))
            await connection.execute(update(idempotency).where(which).values(body=body))


def _among(table: Table, keys: list[tuple[str, int]]) -> Any:
    return tuple_(table.c.call, table.c.attempt).in_(keys)


def _chunks(numbers: list[int]) -> Iterable[list[int]]:
    return (numbers[at : at + AT_ONCE] for at in range(0, len(numbers), AT_ONCE))


def _fitting(table: Table, values: Mapping[str, Any]) -> dict[str, Any]:
    """Texts that every database takes: cut to the length of the column, without NUL, which PostgreSQL refuses, and
    without half of a surrogate pair. What a carrier or a model sends must not stop what is written after it."""
    return {name: _fit(table, name, value) if isinstance(value, str) else value for name, value in values.items()}


def _fit(table: Table, name: str, text: str) -> str:
    length: int | None = getattr(table.c[name].type, "length", None)
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode()[:length]
