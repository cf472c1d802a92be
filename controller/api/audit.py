"""The audit log: requests that could change something, reading or hearing what was said in calls, and wrong tokens.

Owns the table, its writer and `GET /v1/audit`. No request waits for it: entries wait in a bounded queue for the writer,
and an entry without room is written to the process's log. Numbers are masked and words of people left out. Repeated
reading of the same thing, as by an open page, gives one entry a minute; wrong tokens give a bounded number of entries.
"""

import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler, Middleware
from pydantic import BaseModel
from sqlalchemy import delete, insert, select

from bridge.common.token_bucket import TokenBucket
from controller.api.auth.authenticator import ELSEWHERE, SESSION
from controller.api.models.audit import AuditEntryAnswer, AuditPage, AuditQuery
from controller.api.operation import AUDIT_DETAILS, AUDITED, OPERATION, ApiRequest, Operation
from controller.api.problems import REQUEST_ID, USER
from controller.store.cells import fields_in, moment_in, text_in, text_or_none_in, whole_in
from controller.store.database import Database, StoreError
from controller.store.tables.api import audit as table
from controller.store.write_behind import WriteBehind

log = structlog.get_logger()

MOST_WAITING = 10_000
AT_ONCE = 500
RETRY_SECONDS = 5.0
LAST_SECONDS = 3.0
"""What stopping waits for the rest to be written."""
FORGET_EVERY = timedelta(hours=1)
SAME_AGAIN = timedelta(minutes=1)
MOST_LATELY = 10_000
WRONG_PER_SECOND, WRONG_AT_ONCE = 1.0, 100
"""Wrong tokens that are written down, from wherever they come."""

NOTED = web.RequestKey("noted", bool)

_PLAIN = frozenset({"trunk", "agent", "receiver", "action", "side", "kind", "mode", "format", "direction", "outcome"})
"""Fields with names of the config, or words of ours."""
_EACH = frozenset({"export_history", "console_sign_in"})
"""Reading it again is written down again."""
_NUMBERS = frozenset({"to", "caller_id", "extension"})


@dataclass(frozen=True, slots=True)
class AuditEntry:
    at: datetime
    by: str
    operation: str
    call: str | None
    asked: Mapping[str, Any]
    status: int
    request_id: str
    source: str | None = None
    """The address that it came from."""


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


def audit_middleware(audit_log: "AuditLog") -> Middleware:
    """Outermost but one, so that it sees the final answer of every request."""

    @web.middleware
    async def note(request: web.Request, handler: Handler) -> web.StreamResponse:
        response = await handler(request)
        _note(audit_log, request, response)
        return response

    return note


def audit_on_prepare(audit_log: "AuditLog") -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    """For `app.on_response_prepare`: a stream is audited when it begins, not when it ends."""

    async def note(request: web.Request, response: web.StreamResponse) -> None:
        _note(audit_log, request, response)

    return note


def _note(audit_log: "AuditLog", request: web.Request, response: web.StreamResponse) -> None:
    by, (operation, asked) = request.get(USER), request.get(AUDITED, ("", None))
    if request.get(ELSEWHERE):
        operation = operation or request.get(OPERATION) or _path(request)
    if by is None:
        if SESSION in request or "invalid_token" not in response.headers.get(hdrs.WWW_AUTHENTICATE, ""):
            return  # an old cookie, or nothing at all was shown
        operation = operation or request.get(OPERATION) or _path(request)
    if not operation or request.get(NOTED):
        return
    request[NOTED] = True
    details = request.get(AUDIT_DETAILS)
    call = request.match_info.get("id", "")[:64] or None if details is None else None
    more = call, shown(asked) | (details or {}), response.status, request[REQUEST_ID], request.remote
    read = by is not None and request.method == "GET" and operation not in _EACH
    audit_log.note(AuditEntry(datetime.now(UTC), by or "", operation, *more), once=read)


def _path(request: web.Request) -> str:
    resource = request.match_info.route.resource
    return resource.canonical[:64] if resource is not None else ""


class AuditLog:
    """`run()` writes until it is cancelled; `drain()` writes the rest."""

    def __init__(self, database: Database, keep_days: float) -> None:
        self._database = database
        self._keep = timedelta(days=keep_days)
        self._forgotten = datetime.min.replace(tzinfo=UTC)
        """When old lines were last deleted."""
        self._queue = WriteBehind[AuditEntry](
            self._write,
            away="the audit log waits for the store",
            back="the audit log is written again",
            delays=(RETRY_SECONDS,),
            batch=AT_ONCE,
            most=MOST_WAITING,
        )
        self.run = self._queue.run
        self._wrong = TokenBucket(WRONG_PER_SECOND, WRONG_AT_ONCE)
        self._lately: OrderedDict[tuple[object, ...], datetime] = OrderedDict()

    def note(self, entry: AuditEntry, *, once: bool = False) -> None:
        """`once`: the same within `SAME_AGAIN` is left out."""
        if once and self._was_noted(entry):
            return
        if not entry.by and self._wrong.take(time.monotonic()):
            log.warning("too many wrong tokens to write each into the audit log", source=entry.source)
            return
        if self._queue.put(entry) is not None:
            told = {"by": entry.by, "operation": entry.operation, "status": entry.status, "request": entry.request_id}
            log.error("the audit log has no room: the store is away or too slow", **told)

    def _was_noted(self, entry: AuditEntry) -> bool:
        same = entry.by, entry.operation, entry.call, tuple(entry.asked.items()), entry.status, entry.source
        before = self._lately.get(same)
        if before is not None and entry.at - before < SAME_AGAIN:
            return True
        self._lately[same] = entry.at
        self._lately.move_to_end(same)
        if len(self._lately) > MOST_LATELY:
            self._lately.popitem(last=False)
        return False

    async def drain(self) -> None:
        if not await self._queue.finish(LAST_SECONDS):
            log.error("a part of the audit log is lost: the store is away", lost=len(self._queue))

    async def _write(self, entries: Sequence[AuditEntry]) -> None:
        async with self._database.writing() as store:
            await store.execute(insert(table), [asdict(each) | {"asked": dict(each.asked)} for each in entries])
        now = datetime.now(UTC)
        if now - self._forgotten > FORGET_EVERY:
            try:
                async with self._database.writing() as store:
                    await store.execute(delete(table).where(table.c.at < now - self._keep))
                self._forgotten = now
            except StoreError as error:
                log.warning("old lines of the audit log can't be deleted at the moment", reason=str(error))

    async def page(self, query: "AuditQuery") -> list[Any]:
        """Newest first."""
        wanted = select(table).order_by(table.c.number.desc()).limit(query.limit)
        for column in ("by", "operation", "call"):
            value = getattr(query, column)
            wanted = wanted.where(table.c[column] == value) if value is not None else wanted
        if query.since is not None:
            wanted = wanted.where(table.c.at >= query.since)
        if query.until is not None:
            wanted = wanted.where(table.c.at < query.until)
        if query.before is not None:
            wanted = wanted.where(table.c.number < query.before)
        async with self._database.reading() as store:
            return list((await store.execute(wanted)).all())


class AuditResources:
    def __init__(self, audit_log: AuditLog) -> None:
        self._audit_log = audit_log

    def operations(self) -> tuple[Operation, ...]:
        return (
            Operation(
                *("list_audit", "GET", "/v1/audit", "List the audit log, newest first", self.list, AuditPage),
                scopes=("admin",),
                query=AuditQuery,
                problems=("store-away",),
                tag="audit",
            ),
        )

    async def list(self, asked: ApiRequest) -> AuditPage:
        rows = await self._audit_log.page(asked.query)
        more = rows[-1].number if len(rows) == asked.query.limit else None
        return AuditPage(entries=tuple(map(_told, rows)), next=more)


def _told(row: Any) -> AuditEntryAnswer:
    """A damaged line, too, as far as it can be read."""
    return AuditEntryAnswer(
        number=row.number,
        at=moment_in(row.at) or datetime.fromtimestamp(0, UTC),
        by=text_in(row.by),
        operation=text_in(row.operation),
        call=text_or_none_in(row.call),
        asked=fields_in(row.asked),
        status=whole_in(row.status),
        request_id=text_in(row.request_id),
        source=text_or_none_in(row.source),
    )
