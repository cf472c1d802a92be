"""Who did what: a record of all that was asked and could change something, whatever became of it.

Owns the table, its writer and `GET /v1/audit`. Nothing waits for it: what is to be written stands in a bounded row for
the writer, and what finds no room is told in the log. Numbers are masked, words of people left out.
"""

import asyncio
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware
from pydantic import BaseModel, Field
from sqlalchemy import delete, insert, select

from controller.api.answers import Answer, Moment
from controller.api.bodies import Body
from controller.api.operations import DEED, Asked, Operation
from controller.api.problems import REQUEST_ID, USER
from controller.store.database import Database, StoreError
from controller.store.tables_api import audit as table

log = structlog.get_logger()

MOST_WAITING = 10_000
AT_ONCE = 500
RETRY_SECONDS = 5.0
LAST_SECONDS = 3.0
"""What stopping waits for the rest to be written."""
FORGET_EVERY = timedelta(hours=1)

_PLAIN = frozenset({"trunk", "agent", "receiver", "action", "side", "kind", "mode"})
"""Fields with names of the config, or words of ours."""
_NUMBERS = frozenset({"to", "caller_id", "extension"})


@dataclass(frozen=True, slots=True)
class Deed:
    at: datetime
    by: str
    operation: str
    call: str | None
    asked: Mapping[str, Any]
    status: int
    request_id: str


def shown(body: BaseModel | None) -> dict[str, Any]:
    """What of a body may be kept: switches and amounts, names of the config, numbers without their digits."""
    kept: dict[str, Any] = {}
    for name in body.model_fields_set if body is not None else ():
        value = getattr(body, name)
        if isinstance(value, bool | int | float) or (name in _PLAIN and isinstance(value, str)):
            kept[name] = value
        elif isinstance(value, datetime):
            kept[name] = value.isoformat()
        elif name in _NUMBERS and isinstance(value, str):
            kept[name] = masked(value)
    return dict(sorted(kept.items()))


def masked(number: str) -> str:
    """The last two signs of a number that has at least seven; of others none."""
    return "…" + (number[-2:] if len(number) >= 7 and number[-2:].isdigit() else "")


def noting(trail: "Trail") -> Middleware:
    """Outside of all others: what it sees has become an answer already."""

    @web.middleware
    async def note(request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await handler(request)
        deed, by = request.get(DEED), request.get(USER)
        if deed is not None and by is not None:
            operation, body = deed
            call = request.match_info.get("id", "")[:64] or None
            now = datetime.now(UTC)
            trail.note(Deed(now, by, operation, call, shown(body), response.status, request[REQUEST_ID]))
        return response

    return note


class Trail:
    """`run()` writes until it is cancelled; `drain()` writes the rest."""

    def __init__(self, database: Database, keep_days: float) -> None:
        self._database = database
        self._keep = timedelta(days=keep_days)
        self._waiting: deque[Deed] = deque()
        self._news = asyncio.Event()
        self._one = asyncio.Lock()
        """`drain` comes while `run` may be writing: each line once."""

    def note(self, deed: Deed) -> None:
        if len(self._waiting) >= MOST_WAITING:
            told = {"by": deed.by, "operation": deed.operation, "status": deed.status, "request": deed.request_id}
            log.error("the audit log has no room: the store is away or too slow", **told)
            return
        self._waiting.append(deed)
        self._news.set()

    async def run(self) -> None:
        forgotten = datetime.min.replace(tzinfo=UTC)
        while True:
            await self._news.wait()
            self._news.clear()
            try:
                await self._write()
                now = datetime.now(UTC)
                if now - forgotten > FORGET_EVERY:
                    await self._forget(now - self._keep)
                    forgotten = now
            except StoreError as error:
                log.warning("the audit log waits for the store", waiting=len(self._waiting), reason=str(error))
                await asyncio.sleep(RETRY_SECONDS)
                self._news.set()

    async def drain(self) -> None:
        try:
            async with asyncio.timeout(LAST_SECONDS):
                await self._write()
        except (StoreError, TimeoutError):
            log.error("a part of the audit log is lost: the store is away", lost=len(self._waiting))

    async def _write(self) -> None:
        async with self._one:
            while self._waiting:
                some = [self._waiting[at] for at in range(min(AT_ONCE, len(self._waiting)))]
                async with self._database.writing() as store:
                    await store.execute(insert(table), [asdict(each) | {"asked": dict(each.asked)} for each in some])
                for _ in some:
                    self._waiting.popleft()

    async def _forget(self, before: datetime) -> None:
        async with self._database.writing() as store:
            await store.execute(delete(table).where(table.c.at < before))

    async def page(self, query: "AuditQuery") -> list[Any]:
        """Newest first."""
        wanted = select(table).order_by(table.c.number.desc()).limit(query.limit)
        for column in ("by", "operation", "call"):
            value = getattr(query, column)
            wanted = wanted.where(table.c[column] == value) if value is not None else wanted
        if query.before is not None:
            wanted = wanted.where(table.c.number < query.before)
        async with self._database.reading() as store:
            return list((await store.execute(wanted)).all())


class AuditQuery(Body):
    by: str | None = Field(None, max_length=64)
    """A token's name."""
    operation: str | None = Field(None, max_length=64)
    """Its operationId."""
    call: str | None = Field(None, max_length=64)
    limit: int = Field(100, ge=1, le=1000)
    before: int | None = Field(None, ge=1, le=2**53)
    """The `next` of the page before this one."""


class DeedAnswer(Answer):
    number: int
    at: Moment
    by: str
    operation: str
    call: str | None
    asked: dict[str, Any]
    """What of the body may be kept. Numbers are masked, words left out."""
    status: int
    """Of the answer."""
    request_id: str


class AuditPage(Answer):
    deeds: tuple[DeedAnswer, ...]
    next: int | None
    """For the query's `before`: the page that follows; null on the last one."""


class AuditResources:
    def __init__(self, trail: Trail) -> None:
        self._trail = trail

    def operations(self) -> tuple[Operation, ...]:
        return (
            Operation(
                *("list_audit", "GET", "/v1/audit", "Who did what, newest first", self.list, AuditPage),
                scopes=("admin",),
                query=AuditQuery,
                problems=("store-away",),
                tag="audit",
            ),
        )

    async def list(self, asked: Asked) -> AuditPage:
        rows = await self._trail.page(asked.query)
        more = rows[-1].number if len(rows) == asked.query.limit else None
        return AuditPage(deeds=tuple(map(DeedAnswer.model_validate, rows)), next=more)
