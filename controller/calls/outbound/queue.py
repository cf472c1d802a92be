"""The queue in the store: calls that wait, that are being dialled, that have ended.

Owns the SQL. Each method is one short transaction; what it returns is committed. Raises `store.database.StoreError`. A
call is dialled at most once for each `dial` that returned: it changes the row from `queued` to `dialing` before
anybody is called, and only the end of that attempt changes it back. Each change that observers are told of is marked
`untold` in the same transaction; the outbox removes the mark together with the event. A row that can't be read is
logged and left out, and ended when it is its turn.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import ColumnElement, Row, delete, func, insert, select, update

from controller.calls.machine.outcome import Outcome
from controller.calls.outbound.entry import CANCELLED, EXPIRED, INTERRUPTED, Attempt, CallOrder, QueuedCall, Status
from controller.calls.outbound.retry_policy import Final, RetryAt
from controller.store.database import Database
from controller.store.tables.outbound import outbound_calls as calls, outbound_pauses as pauses

log = structlog.get_logger()

ALL_TRUNKS = ""
_LONGEST_DETAIL = 200
_UNREADABLE = "its row in the store can't be read"
_STOPPED = "the controller stopped during this attempt; whether anybody was reached is not known"


class NotQueued(Exception):
    """The call does not wait (any more): cancelled, expired, or being dialled."""


class QueueFull(Exception):
    """As many calls wait as may."""


class Queue:
    def __init__(self, database: Database) -> None:
        self._database = database

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
                "untold": True,
            }
            number = (await store.execute(insert(calls).values(row))).inserted_primary_key
            assert number is not None
        return QueuedCall(number[0], call, Status.QUEUED, order, now, due_at, expires_at)

    # ------------------------------------------------------------ looking

    async def get(self, call: str) -> QueuedCall | None:
        async with self._database.reading() as store:
            row = (await store.execute(select(calls).where(calls.c.id == call))).one_or_none()
        return _entry(row) if row is not None else None

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

    async def page(self, status: Status | None, *, before: int | None, limit: int) -> list[QueuedCall]:
        """Newest first, those with a `number` below `before`."""
        query = select(calls).order_by(calls.c.number.desc()).limit(limit)
        if status is not None:
            query = query.where(_is(status))
        if before is not None:
            query = query.where(calls.c.number < before)
        async with self._database.reading() as store:
            return _entries(await store.execute(query))

    async def heads(self, now: datetime, *, without: Collection[str], each: int) -> list[QueuedCall]:
        """The next calls: of each trunk and agent the first `each` that are due, all in the order of their turn.

        By trunk and agent, so that calls without room do not delay the others.
        """
        due = [_is(Status.QUEUED), calls.c.due_at <= now, calls.c.expires_at > now, calls.c.id.not_in(without)]
        order = (calls.c.priority.desc(), calls.c.number)
        turn = func.row_number().over(partition_by=(calls.c.trunk, calls.c.agent), order_by=order).label("turn")
        ranked = select(calls.c.number, turn).where(*due).subquery()
        query = select(calls).join(ranked, ranked.c.number == calls.c.number).where(ranked.c.turn <= each)
        async with self._database.reading() as store:
            rows = (await store.execute(query.order_by(*order))).all()
        found = _entries(rows)
        if broken := {row.number for row in rows} - {entry.number for entry in found}:
            await self._set_aside(broken, now)
        return found

    async def _set_aside(self, numbers: Collection[int], now: datetime) -> None:
        """Ends rows that can't be read, so that they are not read again and again."""
        over = _after(Final(Outcome.FAILED, _UNREADABLE), now) | {"attempts": [], "variables": {}, "untold": False}
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
        """Calls with a change before that moment of which no observer was told: the controller was killed in
        between."""
        old = (calls.c.created_at < before, calls.c.ended_at.is_(None) | (calls.c.ended_at < before))
        query = select(calls.c.id).where(calls.c.untold, calls.c.status != Status.DIALING, *old)
        async with self._database.reading() as store:
            return list((await store.execute(query.order_by(calls.c.number))).scalars())

    # ------------------------------------------------------------ on its way

    async def dial(self, call: str, now: datetime) -> None:
        """From now on this attempt counts. Raises NotQueued: the call must not be dialled."""
        async with self._database.writing() as store:
            changed = await store.execute(
                update(calls)
                .where(calls.c.id == call, _is(Status.QUEUED))
                .values(status=Status.DIALING, dialled_at=now)
            )
        if changed.rowcount != 1:
            raise NotQueued

    async def postpone(self, call: str, due_at: datetime) -> None:
        async with self._database.writing() as store:
            await store.execute(update(calls).where(calls.c.id == call, _is(Status.QUEUED)).values(due_at=due_at))

    async def settle(self, call: str, attempt: Attempt, what: RetryAt | Final, now: datetime) -> None:
        """The attempt under way is over. Nothing happens to a row that has ended already."""
        async with self._database.writing() as store:
            found = select(calls.c.attempts).where(calls.c.id == call, calls.c.status != Status.ENDED)
            row = (await store.execute(found)).one_or_none()
            if row is not None:
                values = {"attempts": [*_list(row.attempts), _written(attempt)], **_after(what, now)}
                await store.execute(update(calls).where(calls.c.id == call).values(values))

    async def end(self, call: str, what: Final, now: datetime) -> None:
        """Ends the call without the attempt under way, which can't be written."""
        async with self._database.writing() as store:
            living = (calls.c.id == call, calls.c.status != Status.ENDED)
            await store.execute(update(calls).where(*living).values(_after(what, now)))

    async def put_back(self, call: str, due_at: datetime) -> None:
        """The attempt under way does not count: nobody was reached, and the reason was not the number called."""
        async with self._database.writing() as store:
            values = {"status": Status.QUEUED, "due_at": due_at, "dialled_at": None, "untold": True}
            await store.execute(update(calls).where(calls.c.id == call, _is(Status.DIALING)).values(values))

    async def give_up(self, call: str, what: Final, now: datetime) -> bool:
        """Ends a call that waits; False: it does not wait."""
        async with self._database.writing() as store:
            changed = await store.execute(
                update(calls).where(calls.c.id == call, _is(Status.QUEUED)).values(_after(what, now))
            )
        return changed.rowcount == 1

    async def cancel(self, call: str, by: str, now: datetime) -> bool:
        return await self.give_up(call, Final(CANCELLED, f"by {by}"), now)

    async def expire(self, now: datetime, *, without: Collection[str]) -> list[str]:
        """Gives up what has waited too long; returns the ids."""
        late = (_is(Status.QUEUED), calls.c.expires_at <= now, calls.c.id.not_in(without))
        async with self._database.reading() as store:
            found = list((await store.execute(select(calls.c.id).where(*late).limit(500))).scalars())
        return [call for call in found if await self.give_up(call, Final(EXPIRED), now)]

    async def interrupt(self, now: datetime, *, without: Collection[str] = ()) -> list[str]:
        """At the start: what an earlier controller was dialling when it stopped. Returns the ids."""
        stopped_in = (_is(Status.DIALING), calls.c.id.not_in(list(without)))
        async with self._database.writing() as store:
            rows = (await store.execute(select(calls).where(*stopped_in))).all()
            for row in rows:
                stopped = Attempt(row.dialled_at or now, INTERRUPTED, _STOPPED)
                values = {
                    "attempts": [*_list(row.attempts), _written(stopped)],
                    **_after(Final(INTERRUPTED, _STOPPED), now),
                }
                await store.execute(update(calls).where(calls.c.number == row.number).values(values))
        return [row.id for row in rows]

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
            return {"status": Status.QUEUED, "due_at": due_at, "untold": True}
        case Final(result, detail):
            told = detail[:_LONGEST_DETAIL] if detail else None
            ended = {"status": Status.ENDED, "result": result, "detail": told, "ended_at": now}
            return ended | {"untold": True}


def _written(attempt: Attempt) -> dict[str, str | int | None]:
    told = attempt.detail[:_LONGEST_DETAIL] if attempt.detail else None
    written: dict[str, str | int | None] = {"at": attempt.at.isoformat(), "result": attempt.result, "detail": told}
    by_network = {"cause": attempt.cause, "sip_status": attempt.sip_status}
    return written | {"trunk": attempt.trunk, "passed_to": attempt.passed_to} | by_network


def _list(found: Any) -> list[Any]:
    return found if isinstance(found, list) else []


def _read(attempts: list[dict[str, Any]]) -> tuple[Attempt, ...]:
    return tuple(
        Attempt(
            datetime.fromisoformat(each["at"]),
            each["result"],
            each["detail"],
            each.get("trunk"),
            each.get("passed_to"),
            each.get("cause"),
            each.get("sip_status"),
        )
        for each in attempts
    )


def _entries(rows: Iterable[Row[Any]]) -> list[QueuedCall]:
    return [entry for row in rows if (entry := _entry(row)) is not None]


def _entry(row: Row[Any]) -> QueuedCall | None:
    """None: it can't be read."""
    try:
        return _made(row)
    except (TypeError, ValueError, KeyError, AttributeError):
        log.error("a call of the queue can't be read in the store; it is left out", call=str(row.id), row=row.number)
        return None


def _made(row: Row[Any]) -> QueuedCall:
    """Raises TypeError, ValueError, KeyError and AttributeError."""
    asked = {name: getattr(row, name) for name in CallOrder.__dataclass_fields__}
    texts = (row.id, row.callee, row.trunk, row.agent, row.asked_by)
    if not isinstance(row.variables, Mapping) or not all(isinstance(each, str) for each in texts):
        raise TypeError("not of the form that was written")
    if None in (row.created_at, row.due_at, row.expires_at) or not isinstance(row.timeout, float | int | None):
        raise TypeError("no moment, or no number")
    if not isinstance(row.priority, int):
        raise TypeError("no priority")
    return QueuedCall(
        number=row.number,
        id=row.id,
        status=Status(row.status),
        order=CallOrder(**asked),
        created_at=row.created_at,
        due_at=row.due_at,
        expires_at=row.expires_at,
        attempts=_read(row.attempts),
        dialled_at=row.dialled_at,
        ended_at=row.ended_at,
        result=row.result,
        detail=row.detail,
    )
