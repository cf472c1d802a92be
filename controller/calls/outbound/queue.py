"""The queue in the store: calls that wait, that are being dialled, that have ended.

Owns the SQL. Each method is one short transaction; what it returns is committed. Raises `store.database.StoreError`. A
call is dialled at most once for each `dial` that returned: it changes the row from `queued` to `dialing` before
anybody is called, and only the end of that attempt changes it back. Each change that observers are told of is marked
`untold` in the same transaction, with the node that tells of it (`teller`); the outbox removes the mark together with
the event. A row that can't be read is logged and left out, and ended when it is its turn.

All nodes of a store work on it at once. A node claims a call before it prepares it: the row is still `queued`, and
names the node. Only that node dials it then; a node that was taken for dead has lost its claims, and its `dial` is
refused. On SQLite there is one node, and no claim is written.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from controller.calls.machine.outcome import Outcome
from controller.calls.metadata import Metadata
from controller.calls.outbound.entry import (
    ALL_TRUNKS,
    CANCELLED,
    EXPIRED,
    INTERRUPTED,
    NODE_LOST,
    Attempt,
    CallOrder,
    QueuedCall,
    QueueFilter,
    Status,
)
from controller.calls.outbound.queue_rows import LONGEST_DETAIL, entries_of, entry_of, fitting, list_in, written
from controller.calls.outbound.retry_policy import Final, RetryAt
from controller.cluster.node import LostCall, NodeId
from controller.store.database import Database
from controller.store.owners import NOBODY, free_or_of, left_to, owned_by, owned_up_to, owner
from controller.store.tables.outbound import outbound_calls as calls, outbound_pauses as pauses

_UNREADABLE = "its row in the store can't be read"
_STOPPED = "the controller stopped during this attempt; whether anybody was reached is not known"
_INTERRUPTED = Final(INTERRUPTED, _STOPPED)
_NODE_LOST = "the node that had the call is gone"
_UNCLAIMED = {**NOBODY, "claimed_at": None}
AT_ONCE = 500
"""Rows that one statement changes."""
TELL_FIRST = timedelta(seconds=2)
"""For so long a call that was queued on one node waits for that node to tell of it, before another node may dial it."""


class NotQueued(Exception):
    """The call does not wait (any more): cancelled, expired, or being dialled."""


class QueueFull(Exception):
    """As many calls wait as may."""


class WrongCount(Exception):
    """Not as many calls fit as was expected."""

    def __init__(self, found: int) -> None:
        super().__init__(f"{found} calls fit")
        self.found = found


class Queue:
    def __init__(self, database: Database) -> None:
        self._database = database

    @property
    def shared(self) -> bool:
        """Other nodes may use it, too."""
        return self._database.shared

    @property
    def _us(self) -> NodeId:
        return self._database.node

    @property
    def _untold(self) -> dict[str, Any]:
        """Of a row that changes: we tell of it."""
        return {"untold": True, "teller": self._us.name}

    # ------------------------------------------------------------ in

    async def add(
        self, call: str, order: CallOrder, *, now: datetime, due_at: datetime, expires_at: datetime, most: int
    ) -> QueuedCall:
        """Raises QueueFull if `most` calls wait already."""
        async with self._database.writing() as store:
            waiting = (await store.execute(select(func.count()).where(_is(Status.QUEUED)))).scalar_one()
            if waiting >= most:
                raise QueueFull
            row = {
                **asdict(order),
                "id": call,
                "status": Status.QUEUED,
                "created_at": now,
                "due_at": due_at,
                "expires_at": expires_at,
                "attempts": [],
                **self._untold,
            }
            number = (await store.execute(insert(calls).values(row))).inserted_primary_key
            assert number is not None
        return QueuedCall(number[0], call, Status.QUEUED, order, now, due_at, expires_at)

    # ------------------------------------------------------------ looking

    async def get(self, call: str) -> QueuedCall | None:
        async with self._database.reading() as store:
            row = (await store.execute(select(calls).where(calls.c.id == call))).one_or_none()
        return entry_of(row) if row is not None else None

    async def place(self, entry: QueuedCall, now: datetime) -> int | None:
        """Its place among the calls that are due over the same trunk; 1 is next. None: it is not due."""
        if entry.status is not Status.QUEUED or entry.due_at > now:
            return None
        order = entry.order
        earlier = (calls.c.priority == order.priority) & (calls.c.number <= entry.number)
        before = [_is(Status.QUEUED), calls.c.due_at <= now, calls.c.trunk == order.trunk]
        query = select(func.count()).where(*before, (calls.c.priority > order.priority) | earlier)
        async with self._database.reading() as store:
            found: int = (await store.execute(query)).scalar_one()
        return found or None

    async def page(self, wanted: QueueFilter, *, before: int | None, limit: int) -> list[QueuedCall]:
        """Newest first, those with a `number` below `before`."""
        query = select(calls).where(*fitting(wanted)).order_by(calls.c.number.desc()).limit(limit)
        if before is not None:
            query = query.where(calls.c.number < before)
        async with self._database.reading() as store:
            return entries_of(await store.execute(query))

    async def count(self, wanted: QueueFilter) -> int:
        async with self._database.reading() as store:
            counted = select(func.count()).select_from(calls).where(*fitting(wanted))
            return (await store.execute(counted)).scalar_one()

    async def heads(self, now: datetime, *, without: Collection[str], each: int) -> list[QueuedCall]:
        """The next calls: of each trunk and agent the first `each` that are due, all in the order of their turn,
        without those that a node has claimed.

        By trunk and agent, so that calls without room do not delay the others. Of a call that was queued on another
        node, the event goes first.
        """
        told = or_(~calls.c.untold, calls.c.teller.is_(None), calls.c.teller == self._us.name)
        free = calls.c.node.is_(None) & (told | (calls.c.due_at <= now - TELL_FIRST))
        due = [_is(Status.QUEUED), calls.c.due_at <= now, calls.c.expires_at > now, calls.c.id.not_in(without), free]
        order = (calls.c.priority.desc(), calls.c.number)
        turn = func.row_number().over(partition_by=(calls.c.trunk, calls.c.agent), order_by=order).label("turn")
        ranked = select(calls.c.number, turn).where(*due).subquery()
        query = select(calls).join(ranked, ranked.c.number == calls.c.number).where(ranked.c.turn <= each)
        async with self._database.reading() as store:
            rows = (await store.execute(query.order_by(*order))).all()
        found = entries_of(rows)
        if broken := {row.number for row in rows} - {entry.number for entry in found}:
            await self._set_aside(broken, now)
        return found

    async def _set_aside(self, numbers: Collection[int], now: datetime) -> None:
        """Ends rows that can't be read, so that they are not read again and again."""
        over = self._after(Final(Outcome.FAILED, _UNREADABLE), now)
        over |= {"attempts": [], "variables": {}, "untold": False}
        async with self._database.writing() as store:
            await store.execute(update(calls).where(calls.c.number.in_(numbers), _is(Status.QUEUED)).values(over))

    async def next_moment(self, now: datetime) -> datetime | None:
        """The next time after `now` at which a waiting call is due or has expired."""
        async with self._database.reading() as store:
            moments = [
                (await store.execute(select(func.min(column)).where(_is(Status.QUEUED), column > now))).scalar_one()
                for column in (calls.c.due_at, calls.c.expires_at)
            ]
        return min((moment for moment in moments if moment is not None), default=None)

    async def counts(self) -> dict[Status, int]:
        async with self._database.reading() as store:
            found = {row[0]: row[1] for row in await store.execute(_BY_STATUS)}
        return {status: found.get(status, 0) for status in Status}

    async def untold(self, before: datetime) -> list[str]:
        """Calls with a change before that moment of which this node has to tell and no observer was told: the
        controller was killed in between."""
        old = (calls.c.created_at < before, calls.c.ended_at.is_(None) | (calls.c.ended_at < before))
        ours = calls.c.teller.is_(None) | (calls.c.teller == self._us.name)
        query = select(calls.c.id).where(calls.c.untold, ours, calls.c.status != Status.DIALING, *old)
        async with self._database.reading() as store:
            return list((await store.execute(query.order_by(calls.c.number))).scalars())

    # ------------------------------------------------------------ on its way

    async def claim(self, entries: Sequence[QueuedCall], now: datetime) -> list[QueuedCall]:
        """Those that are this node's from now on, as they are in the store. Another node may have been faster."""
        if not self._database.shared:
            return list(entries)
        wanted = (calls.c.id.in_([each.id for each in entries]), _is(Status.QUEUED), calls.c.node.is_(None))
        locked = select(calls).where(*wanted, calls.c.due_at <= now).with_for_update(skip_locked=True)
        async with self._database.writing() as store:
            found = {row.id: entry for row in await store.execute(locked) if (entry := entry_of(row)) is not None}
            values = {**owner(self._us), "claimed_at": now}
            await store.execute(update(calls).where(calls.c.id.in_(found)).values(values))
        return [found[each.id] for each in entries if each.id in found]

    async def release(self, *, without: Collection[str]) -> None:
        """Claims of this node, but those, are free again."""
        if self._database.shared:
            mine = (_is(Status.QUEUED), owned_by(calls, self._us), calls.c.id.not_in(list(without)))
            async with self._database.writing() as store:
                await store.execute(update(calls).where(*mine).values(_UNCLAIMED))

    async def dial(self, call: str, now: datetime) -> None:
        """From now on this attempt counts. Raises NotQueued: the call must not be dialled."""
        async with self._database.writing() as store:
            changed = await store.execute(
                update(calls)
                .where(calls.c.id == call, _is(Status.QUEUED), self._ours)
                .values(status=Status.DIALING, dialled_at=now, **owner(self._us))
            )
        if changed.rowcount != 1:
            raise NotQueued

    @property
    def _ours(self) -> ColumnElement[bool]:
        """No other node has claimed or dialled it."""
        return free_or_of(calls, self._us)

    async def go_on(self, call: str) -> QueuedCall | None:
        """A call that an earlier run of this node was dialling is this run's. None: there is none, or it has ended."""
        async with self._database.writing() as store:
            left = (calls.c.id == call, _is(Status.DIALING), left_to(calls, self._us))
            await store.execute(update(calls).where(*left).values(owner(self._us)))
            ours = (calls.c.id == call, _is(Status.DIALING), owned_by(calls, self._us))
            row = (await store.execute(select(calls).where(*ours))).one_or_none()
        return entry_of(row) if row is not None else None

    async def postpone(self, call: str, due_at: datetime) -> None:
        async with self._database.writing() as store:
            waits = (calls.c.id == call, _is(Status.QUEUED), self._ours)
            await store.execute(update(calls).where(*waits).values(due_at=due_at, **_UNCLAIMED))

    async def settle(self, call: str, attempt: Attempt, what: RetryAt | Final, now: datetime) -> None:
        """The attempt under way is over. Nothing happens to a row that has ended already, or is another node's."""
        living = (calls.c.id == call, calls.c.status != Status.ENDED, self._ours)
        async with self._database.writing() as store:
            row = (await store.execute(select(calls.c.attempts).where(*living).with_for_update())).one_or_none()
            if row is not None:
                values = {"attempts": [*list_in(row.attempts), written(attempt)], **self._after(what, now)}
                await store.execute(update(calls).where(*living).values(values))

    async def end(self, call: str, what: Final, now: datetime) -> None:
        """Ends the call without the attempt under way, which can't be written."""
        async with self._database.writing() as store:
            living = (calls.c.id == call, calls.c.status != Status.ENDED, self._ours)
            await store.execute(update(calls).where(*living).values(self._after(what, now)))

    async def put_back(self, call: str, due_at: datetime) -> None:
        """The attempt under way does not count: nobody was reached, and the reason was not the number called."""
        async with self._database.writing() as store:
            values = {"status": Status.QUEUED, "due_at": due_at, "dialled_at": None, **_UNCLAIMED, **self._untold}
            dialled = (calls.c.id == call, _is(Status.DIALING), self._ours)
            await store.execute(update(calls).where(*dialled).values(values))

    async def give_up(self, call: str, what: Final, now: datetime) -> bool:
        """Ends a call that waits, whoever has claimed it; False: it does not wait."""
        async with self._database.writing() as store:
            changed = await store.execute(
                update(calls).where(calls.c.id == call, _is(Status.QUEUED)).values(self._after(what, now))
            )
        return changed.rowcount == 1

    async def cancel(self, call: str, by: str, now: datetime) -> bool:
        return await self.give_up(call, Final(CANCELLED, f"by {by}"), now)

    async def cancel_all(
        self, wanted: QueueFilter, by: str, now: datetime, *, expected: int | None
    ) -> list[QueuedCall]:
        """Cancels all that wait and fit, whoever has claimed them. Raises WrongCount, and cancels none, if they are not
        as many as `expected`. Returns them as they were."""
        waiting = select(calls).where(_is(Status.QUEUED), *fitting(wanted)).order_by(calls.c.number)
        async with self._database.writing() as store:
            rows = (await store.execute(waiting.with_for_update())).all()
            if expected is not None and len(rows) != expected:
                raise WrongCount(len(rows))
            over = self._after(Final(CANCELLED, f"by {by}"), now)
            for at in range(0, len(rows), AT_ONCE):
                some = [row.number for row in rows[at : at + AT_ONCE]]
                await store.execute(update(calls).where(calls.c.number.in_(some)).values(over))
        return entries_of(rows)

    async def set_metadata(self, call: str, changed: Callable[[Metadata], Metadata]) -> QueuedCall | None:
        """None: there is no such call. One that has ended is returned as it is. Raises what `changed` raises."""
        async with self._database.writing() as store:
            row = (await store.execute(select(calls).where(calls.c.id == call).with_for_update())).one_or_none()
            entry = entry_of(row) if row is not None else None
            if entry is None or entry.status is Status.ENDED:
                return entry
            order = replace(entry.order, metadata=changed(entry.order.metadata))
            await store.execute(update(calls).where(calls.c.id == call).values(metadata=dict(order.metadata)))
        return replace(entry, order=order)

    async def expire(self, now: datetime, *, without: Collection[str]) -> list[str]:
        """Gives up what has waited too long and is claimed by no node; returns the ids."""
        late = (_is(Status.QUEUED), calls.c.expires_at <= now, calls.c.node.is_(None), calls.c.id.not_in(without))
        async with self._database.reading() as store:
            found = list((await store.execute(select(calls.c.id).where(*late).limit(500))).scalars())
        return [call for call in found if await self.give_up(call, Final(EXPIRED), now)]

    def _after(self, what: RetryAt | Final, now: datetime) -> dict[str, Any]:
        return _after(what, now) | self._untold

    # ------------------------------------------------------------ what a run of a node leaves behind

    async def interrupt(self, now: datetime, *, without: Collection[str] = ()) -> list[str]:
        """At the start: ends what an earlier run of this node was dialling when it stopped, and returns the ids. What
        that run had claimed waits again."""
        left = left_to(calls, self._us)
        async with self._database.writing() as store:
            await _unclaim(store, left)
            stopped_in = and_(left, calls.c.id.not_in(list(without)))
            return await _interrupt(store, stopped_in, self._us, now, {})

    async def release_claims(self, store: AsyncConnection, gone: NodeId) -> None:
        """`cluster.departures`: a node has left, or is dead."""
        await _unclaim(store, owned_up_to(calls, gone))

    async def end_calls(
        self, store: AsyncConnection, dead: NodeId, lost: Collection[LostCall], now: datetime
    ) -> list[str]:
        """`cluster.departures`: what the node was dialling is interrupted, and never dialled again; of what had been
        answered, it is known how it ended. Returns the calls that this node has to tell of: those, and what the other
        one has not told."""
        answered = {each.call: Final(NODE_LOST, _NODE_LOST) for each in lost if each.answered}
        ended = await _interrupt(store, owned_up_to(calls, dead), self._us, now, answered)
        theirs = and_(calls.c.untold, calls.c.teller == dead.name, calls.c.status != Status.DIALING)
        untold = list((await store.execute(select(calls.c.id).where(theirs))).scalars())
        await store.execute(update(calls).where(theirs).values(teller=self._us.name))
        return ended + untold

    async def forget(self, before: datetime) -> int:
        """Deletes what ended before that moment; returns how many."""
        async with self._database.writing() as store:
            gone = await store.execute(delete(calls).where(_is(Status.ENDED), calls.c.ended_at < before))
        return gone.rowcount

    # ------------------------------------------------------------ pauses

    async def pauses(self) -> frozenset[str]:
        """Trunks over which nobody is called at present; ALL_TRUNKS stands for all."""
        async with self._database.reading() as store:
            return frozenset((await store.execute(select(pauses.c.trunk))).scalars())

    async def pause(self, trunk: str, by: str, now: datetime) -> None:
        async with self._database.writing() as store:
            await store.execute(delete(pauses).where(pauses.c.trunk == trunk))
            await store.execute(insert(pauses).values(trunk=trunk, asked_by=by, since=now))

    async def resume(self, trunk: str) -> None:
        """ALL_TRUNKS ends the pauses of single trunks, too."""
        async with self._database.writing() as store:
            query = delete(pauses)
            await store.execute(query if trunk == ALL_TRUNKS else query.where(pauses.c.trunk == trunk))


_BY_STATUS = select(calls.c.status, func.count()).group_by(calls.c.status)


def _is(status: Status) -> ColumnElement[bool]:
    return calls.c.status == status


def _after(what: RetryAt | Final, now: datetime) -> dict[str, Any]:
    match what:
        case RetryAt(due_at):
            return {"status": Status.QUEUED, "due_at": due_at, **_UNCLAIMED}
        case Final(result, detail):
            told = detail[:LONGEST_DETAIL] if detail else None
            return {"status": Status.ENDED, "result": result, "detail": told, "ended_at": now}


async def _unclaim(store: AsyncConnection, whose: ColumnElement[bool]) -> None:
    claimed = (_is(Status.QUEUED), calls.c.node.is_not(None), whose)
    await store.execute(update(calls).where(*claimed).values(_UNCLAIMED))


async def _interrupt(
    store: AsyncConnection, whose: ColumnElement[bool], teller: NodeId, now: datetime, known: Mapping[str, Final]
) -> list[str]:
    """Ends what is being dialled, as interrupted unless it is `known` how. Returns the ids."""
    rows = (await store.execute(select(calls).where(_is(Status.DIALING), whose).with_for_update())).all()
    for row in rows:
        what = known.get(row.id, _INTERRUPTED)
        stopped = Attempt(row.dialled_at or now, what.result, what.detail)
        ended = {"attempts": [*list_in(row.attempts), written(stopped)], "untold": True, "teller": teller.name}
        await store.execute(update(calls).where(calls.c.number == row.number).values(ended | _after(what, now)))
    return [row.id for row in rows]
