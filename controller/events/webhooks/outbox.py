"""Events on their way to webhooks, in the store: accepted, due, delivered, dead, replayed.

Owns the order within a lane (one receiver, one call): only the first entry of a lane is ever due. The transaction that
deletes it as delivered, or gives it up, makes the next one due. So the order, and that each entry is sent at least
once, hold over any crash. Each method is one short transaction, and raises StoreError.

All nodes of a store send from it: a node claims an entry before it sends it. On PostgreSQL whoever writes locks the
lanes first, since two transactions that each see only their own change of a lane could leave its next entry not due. On
SQLite there is one node, and no claim is written.
"""

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from zlib import crc32

from sqlalchemy import ColumnElement, Row, and_, case, delete, func, insert, select, text, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from controller.cluster.node import NodeId
from controller.events.webhooks.receivers import OF_CALL
from controller.events.webhooks.retry_policy import Delivered, GiveUp, Retry, Verdict
from controller.store.cells import moment_in, text_in, text_or_none_in, whole_in
from controller.store.database import Database
from controller.store.owners import NOBODY, free_or_of, lost_to, owned_up_to, owner
from controller.store.tables.call_snapshots import live_calls
from controller.store.tables.events import webhook_outbox as table
from controller.store.tables.outbound import outbound_calls

Lane = tuple[str, str]
"""Receiver and call."""

LONGEST_REASON = 200
_UNCLAIMED = {**NOBODY, "claimed_at": None}
_SPACE, _LOCKS = 0x766F6963, 64
"""The advisory locks of lanes: "voic", and how many there are. Each stands for many lanes."""
_LOCK = text("SELECT pg_advisory_xact_lock(:space, key) FROM unnest(CAST(:keys AS integer[])) AS key")
EPOCH = datetime.fromtimestamp(0, UTC)
"""In place of a moment that can't be read."""


@dataclass(frozen=True, slots=True)
class Draft:
    """An event for one receiver that is not in the store yet."""

    event: str
    type: str
    call: str
    receiver: str
    url: str | None = field(repr=False)
    body: bytes = field(repr=False)
    at: datetime


@dataclass(frozen=True, slots=True)
class Entry:
    """A row: an event that one receiver has not got yet. `since`: when it was first sent, or sent again by a replay."""

    number: int
    event: str
    call: str
    receiver: str
    url: str | None = field(repr=False)
    body: bytes = field(repr=False)
    since: datetime
    attempts: int
    damaged: bool = False
    """Its row can't be read as it was written."""

    @property
    def lane(self) -> Lane:
        return self.receiver, self.call


@dataclass(frozen=True, slots=True)
class AttemptResult:
    """One more attempt to deliver an entry, and what follows from it."""

    entry: Entry
    verdict: Verdict
    at: datetime
    reason: str = ""


@dataclass(frozen=True, slots=True)
class MarkTold:
    """All events of a change in the queue of calls were put before this: the change is marked as told (`untold`)."""

    call: str
    due_at: datetime | None
    """When the call is to be placed; None: it will not be placed again."""


@dataclass(frozen=True, slots=True)
class LostCallTold:
    """`call.ended` of a call that ended with its node, for each receiver. It is written if this node has to tell of it,
    and nobody has: in the same transaction the mark of that is removed (`cluster.departures`)."""

    call: str
    drafts: tuple[Draft, ...]


@dataclass(frozen=True, slots=True)
class Due:
    """Entries to be sent now. `later`: when the next one is due after that; None: none is."""

    entries: list[Entry]
    later: datetime | None


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A row that was given up. `reason`: why the last attempt failed."""

    number: int
    event: str
    type: str
    call: str
    receiver: str
    accepted_at: datetime
    dead_at: datetime
    attempts: int
    reason: str


class Outbox:
    """The table `webhook_outbox`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def shared(self) -> bool:
        """Other nodes may use it, too."""
        return self._database.shared

    async def write(self, ops: Sequence[Draft | AttemptResult | MarkTold | LostCallTold], now: datetime) -> None:
        """All of it or nothing, in order. `now`: when the next entries of the lanes become due."""
        drafts = [each for each in ops if isinstance(each, Draft)]
        lost = [each for each in ops if isinstance(each, LostCallTold)]
        results = [each for each in ops if isinstance(each, AttemptResult)]
        done = [each.entry.number for each in results if isinstance(each.verdict, Delivered)]
        free = {(each.receiver, each.call) for each in (*drafts, *(draft for end in lost for draft in end.drafts))}
        free |= {each.entry.lane for each in results if not isinstance(each.verdict, Retry)}
        async with self._database.writing() as connection:
            damaged = any(each.entry.damaged for each in results)  # nobody knows what waits behind it
            await _lock(connection, None if damaged else free)
            for end in lost:
                ours = (live_calls.c.call == end.call, lost_to(live_calls, self._database.node))
                if (await connection.execute(delete(live_calls).where(*ours))).rowcount:
                    drafts += end.drafts
            if drafts:
                await connection.execute(insert(table), [_row(each) for each in drafts])
            if done:
                await connection.execute(delete(table).where(table.c.number.in_(done)))
            for each in results:
                await _write_result(connection, each, free_or_of(table, self._database.node))
            if free:
                await _promote(connection, None if damaged else free, now)
            for told in (each for each in ops if isinstance(each, MarkTold)):
                await _mark_told(connection, told)

    async def due(self, now: datetime, busy: Collection[int], most: int, most_of_calls: int) -> Due:
        """What is to be sent now, without the numbers in `busy` and without what a node has claimed: up to `most` for
        each receiver of the config, and `most_of_calls` for the receivers of all calls together, so that none of them
        keeps another one waiting."""
        own = table.c.receiver.startswith(OF_CALL, autoescape=True)
        order = (table.c.due_at, table.c.number)
        pool = case((own, OF_CALL), else_=table.c.receiver)
        place = func.row_number().over(partition_by=pool, order_by=order).label("place")
        ready = and_(table.c.due_at <= now, table.c.number.not_in(list(busy)), table.c.node.is_(None))
        ranked = select(table.c.number, place).where(ready).subquery()
        fits = ranked.c.place <= case((own, most_of_calls), else_=most)
        chosen = select(table).join(ranked, table.c.number == ranked.c.number).where(fits).order_by(*order)
        async with self._database.reading() as connection:
            entries = [_entry(row) for row in await connection.execute(chosen)]
            later = await connection.scalar(select(func.min(table.c.due_at)).where(table.c.due_at > now))
        return Due(entries, later)

    async def claim(self, entries: Sequence[Entry], now: datetime) -> list[Entry]:
        """Those that are this node's to send from now on, as they are in the store. Another node may have been
        faster."""
        if not self._database.shared or not entries:
            return list(entries)
        wanted = table.c.number.in_([each.number for each in entries])
        free = and_(wanted, table.c.due_at <= now, table.c.node.is_(None))
        async with self._database.writing() as connection:
            rows = await connection.execute(select(table).where(free).with_for_update(skip_locked=True))
            found = [_entry(row) for row in rows]
            values = {**owner(self._database.node), "claimed_at": now}
            await connection.execute(
                update(table).where(table.c.number.in_([each.number for each in found])).values(values)
            )
        return sorted(found, key=lambda each: each.number)

    async def release(self, *, without: Collection[int]) -> None:
        """Claims of earlier runs of this node, and of this one but those, are free again."""
        if self._database.shared:
            mine = and_(owned_up_to(table, self._database.node), table.c.number.not_in(list(without)))
            async with self._database.writing() as connection:
                await connection.execute(update(table).where(mine).values(_UNCLAIMED))

    async def release_claims(self, connection: AsyncConnection, gone: NodeId) -> None:
        """`cluster.departures`: a node has left, or is dead."""
        await connection.execute(update(table).where(owned_up_to(table, gone)).values(_UNCLAIMED))

    async def sizes(self) -> tuple[int, int]:
        """How many are pending, and how many dead."""
        counted = select(func.count(), func.count(table.c.dead_at)).select_from(table)
        async with self._database.reading() as connection:
            everything, dead = (await connection.execute(counted)).one()
            return everything - dead, dead

    # ------------------------------------------------------------ dead letters

    async def dead_letters(self, *, receiver: str | None, call: str | None, after: int, most: int) -> list[DeadLetter]:
        """By number, from the first one greater than `after`."""
        wanted = select(table).where(_dead(receiver, call), table.c.number > after).order_by(table.c.number).limit(most)
        async with self._database.reading() as connection:
            return [_letter(row) for row in await connection.execute(wanted)]

    async def replay(
        self, now: datetime, *, receiver: str | None = None, call: str | None = None, number: int | None = None
    ) -> int:
        """Sends dead letters again, in order within each lane; how many."""
        wanted = _dead(receiver, call, number)
        async with self._database.writing() as connection:
            found = await connection.execute(select(table.c.receiver, table.c.call).where(wanted).distinct())
            lanes = {(row.receiver, row.call) for row in found}
            await _lock(connection, lanes)
            fresh = {"dead_at": None, "attempts": 0, "since": now, "due_at": None}
            done = await connection.execute(update(table).where(wanted).values(**fresh))
            if lanes:
                await _promote(connection, lanes, now)
            return done.rowcount

    async def discard(self, *, receiver: str | None = None, call: str | None = None, number: int | None = None) -> int:
        """Deletes dead letters; how many."""
        async with self._database.writing() as connection:
            return (await connection.execute(delete(table).where(_dead(receiver, call, number)))).rowcount

    async def purge(self, before: datetime) -> int:
        """Deletes those that have been dead since then; how many."""
        async with self._database.writing() as connection:
            return (await connection.execute(delete(table).where(table.c.dead_at < before))).rowcount


async def _lock(connection: AsyncConnection, lanes: Collection[Lane] | None) -> None:
    """Until the transaction ends no other node changes these lanes; None: all. In the order of the keys, so that nobody
    waits for somebody who waits for them."""
    if connection.dialect.name != "postgresql" or (lanes is not None and not lanes):
        return
    some = range(_LOCKS) if lanes is None else set(map(_lock_of, lanes))
    await connection.execute(_LOCK, {"space": _SPACE, "keys": sorted(some)})


def _lock_of(lane: Lane) -> int:
    return crc32("\n".join(lane).encode("utf-8", "replace")) % _LOCKS


async def _write_result(connection: AsyncConnection, result: AttemptResult, ours: ColumnElement[bool]) -> None:
    """Of an entry that was not delivered. Not if another node sends it meanwhile: that one's result counts."""
    mine = and_(table.c.number == result.entry.number, ours)
    tried: dict[str, Any] = {"attempts": result.entry.attempts + 1, "reason": result.reason[:LONGEST_REASON]}
    match result.verdict:
        case Retry(seconds):
            due = result.at + timedelta(seconds=seconds)
            await connection.execute(update(table).where(mine).values(due_at=due, **tried, **_UNCLAIMED))
        case GiveUp(reason):
            tried["reason"] = reason[:LONGEST_REASON]
            dead = {"due_at": None, "dead_at": result.at, **_UNCLAIMED}
            await connection.execute(update(table).where(mine).values(**dead, **tried))


async def _mark_told(connection: AsyncConnection, told: MarkTold) -> None:
    """Not if the queue has changed again: that change has events of its own."""
    over = outbound_calls.c.status == "ended"
    same = over if told.due_at is None else and_(~over, outbound_calls.c.due_at == told.due_at)
    await connection.execute(update(outbound_calls).where(outbound_calls.c.id == told.call, same).values(untold=False))


async def _promote(connection: AsyncConnection, lanes: Collection[Lane] | None, now: datetime) -> None:
    """The first entry of each lane that is not dead becomes due, if it is not yet. `lanes` None: of all lanes."""
    alive = select(func.min(table.c.number)).where(table.c.dead_at.is_(None))
    if lanes is not None:
        alive = alive.where(tuple_(table.c.receiver, table.c.call).in_(list(lanes)))
    first = table.c.number.in_(alive.group_by(table.c.receiver, table.c.call))
    await connection.execute(update(table).where(first, table.c.due_at.is_(None)).values(due_at=now))


def _dead(receiver: str | None, call: str | None, number: int | None = None) -> ColumnElement[bool]:
    asked = {"receiver": receiver, "call": call, "number": number}
    same: Iterable[ColumnElement[bool]] = (table.c[name] == value for name, value in asked.items() if value is not None)
    return and_(table.c.dead_at.is_not(None), *same)


def _row(draft: Draft) -> dict[str, Any]:
    return {
        "event": draft.event,
        "type": draft.type,
        "call": draft.call,
        "receiver": draft.receiver,
        "url": draft.url,
        "body": draft.body.decode(),
        "accepted_at": draft.at,
        "since": draft.at,
        "attempts": 0,
    }


def _entry(row: Row[Any]) -> Entry:
    """Of a damaged row too: it is given up, and those behind it are sent."""
    body, attempts, since = text_in(row.body).encode(errors="replace"), whole_in(row.attempts), moment_in(row.since)
    names = text_in(row.event), text_in(row.call), text_in(row.receiver), text_or_none_in(row.url)
    as_written = since is not None and attempts == row.attempts and body.startswith(b"{") and _is_json(body)
    sound = as_written and names == (row.event, row.call, row.receiver, row.url) and names[0].isprintable()
    return Entry(row.number, *names, body, since or EPOCH, attempts, damaged=not sound)


def _is_json(body: bytes) -> bool:
    try:
        json.loads(body)
    except (ValueError, RecursionError):
        return False
    return True


def _letter(row: Row[Any]) -> DeadLetter:
    """Of a damaged row too, as far as it can be read, so that it can be discarded."""
    return DeadLetter(
        row.number,
        text_in(row.event),
        text_in(row.type),
        text_in(row.call),
        text_in(row.receiver),
        moment_in(row.accepted_at, row.since, row.dead_at) or EPOCH,
        moment_in(row.dead_at, row.since, row.accepted_at) or EPOCH,
        whole_in(row.attempts),
        text_in(row.reason),
    )
