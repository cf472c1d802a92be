"""Requests that may be sent twice: with an `Idempotency-Key`, they are carried out once.

Owns the keys and their answers, per token, for a day, in the store. A request without the header does not touch the
store. A request that was refused or failed frees its key. If the controller was killed before it wrote the answer, a
`repeatable` operation is carried out again under the same id; any other answers 409. While another node carries it out
the key is in use.

Source: draft-ietf-httpapi-idempotency-key-header-07.
"""

import hashlib
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import structlog
from aiohttp import hdrs, web
from sqlalchemy import ColumnElement, Row, and_, delete, exists, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from controller.api.carrying import CARRIED_PATH
from controller.api.problems import Problem, malformed, refusal_of
from controller.cluster.node import NodeId
from controller.store.database import Database, StoreError
from controller.store.owners import free_or_of, owner
from controller.store.tables.api import idempotency as table
from controller.store.tables.nodes import nodes

log = structlog.get_logger()

HEADER, REPLAYED = "Idempotency-Key", "Idempotency-Replayed"
KEEP = timedelta(hours=24)
SILENT = timedelta(seconds=30)
"""A node that has not beaten for so long carries nothing out."""

_KEY = re.compile(r'[!#-~]{1,128}|"[ !#-\[\]-~]{1,126}"', re.ASCII)
"""A structured field's string (RFC 9651), or the same without quotes."""

_IDS = UUID("6f0d3f6e-8a55-4b1c-9d0e-2f6f6f2f6c11")
"""The namespace of ids that are made of keys."""

Do = Callable[[str | None], Awaitable[web.StreamResponse]]
"""Gets the id of what it makes; None: any."""


class Idempotency:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._under_way: set[tuple[str, str]] = set()
        self._failed: set[tuple[str, str]] = set()
        """Keys that are free, while the store still has them as claimed."""

    async def once(self, request: web.Request, by: str, do: Do, *, repeatable: bool = False) -> web.StreamResponse:
        """The answer of `do`, or the one that it gave before. Raises what `do` raises, and Problem 400, 409, 422."""
        given = request.headers.getall(HEADER, [])
        if not given:
            return await do(None)
        if len(given) > 1 or not _KEY.fullmatch(given[0]):
            raise malformed(f"`{HEADER}` must stand there once, with 1 to 128 visible ASCII characters.")
        name = by, given[0].strip('"')
        if name in self._under_way:
            raise Problem("key-in-use", headers={hdrs.RETRY_AFTER: "1"})
        self._under_way.add(name)
        try:
            fingerprint = _fingerprint(request, await request.read())
            claimed = await self._claim(name, fingerprint, datetime.now(UTC), repeatable)
            if not isinstance(claimed, datetime):
                return _again(claimed)
            id_ = str(uuid5(_IDS, "\n".join((*name, fingerprint, claimed.isoformat()))))
            return await self._first(name, lambda: do(id_), repeatable)
        finally:
            self._under_way.discard(name)

    async def _first(
        self, name: tuple[str, str], do: Callable[[], Awaitable[web.StreamResponse]], repeatable: bool
    ) -> web.StreamResponse:
        try:
            response = await do()
        except BaseException as error:
            # What is repeatable may have been done before the store went away: its key and its id stay together.
            if not repeatable or (isinstance(error, Exception) and _was_refused(error)):
                await self._release(name)
            raise
        if isinstance(response, web.Response):
            values = {"status": response.status, "body": response.text, "location": response.headers.get(hdrs.LOCATION)}
            try:
                async with self._database.writing() as store:
                    await store.execute(update(table).where(_is(name)).values(values))
            except StoreError as error:  # it is done, and the answer is true
                log.error("an answer could not be kept for its idempotency key", reason=str(error))
        return response

    async def _claim(
        self, name: tuple[str, str], fingerprint: str, now: datetime, repeatable: bool
    ) -> Row[Any] | datetime:
        """When it was claimed first: it is ours. Otherwise the answer. Raises Problem, StoreError."""
        us = self._database.node
        fresh = {"by": name[0], "key": name[1], "fingerprint": fingerprint, "at": now, **owner(us)}
        try:
            async with self._database.writing() as store:
                await store.execute(delete(table).where(table.c.at < now - KEEP))
                if name in self._failed:
                    ours = _is(name), table.c.status.is_(None), free_or_of(table, us)
                    await store.execute(delete(table).where(*ours))
                found = (await store.execute(select(table).where(_is(name)))).one_or_none()
                if found is None:
                    self._failed.add(name)  # unless we hear that it was written
                    await store.execute(insert(table).values(fresh))
                elif found.status is None and self._database.shared:
                    await self._take_over(store, name)
        except IntegrityError:  # another controller was faster
            self._failed.discard(name)
            raise Problem("key-in-use", headers={hdrs.RETRY_AFTER: "1"}) from None
        self._failed.discard(name)
        if found is None:
            return now
        if found.fingerprint != fingerprint:
            raise Problem("key-reused")
        if not _is_sound(found):
            log.error("an answer kept for an idempotency key can't be read in the store")
            raise Problem("outcome-unknown", "Look whether it was done before you ask again with another key.")
        if found.status is None and repeatable:
            claimed: datetime = found.at
            return claimed
        if found.status is None:
            raise Problem("outcome-unknown", "Look whether it was done before you ask again with another key.")
        return found

    async def _take_over(self, store: AsyncConnection, name: tuple[str, str]) -> None:
        """Of a request that was begun and has no answer yet. Raises Problem if another node may still answer it."""
        left = _is(name), table.c.status.is_(None), ~exists().where(_elsewhere(self._database.node))
        taken = await store.execute(update(table).where(*left).values(owner(self._database.node)))
        if taken.rowcount == 0:
            raise Problem("key-in-use", headers={hdrs.RETRY_AFTER: "1"})

    async def _release(self, name: tuple[str, str]) -> None:
        try:
            async with self._database.writing() as store:
                await store.execute(delete(table).where(_is(name)))
        except StoreError as error:
            self._failed.add(name)
            log.warning("an idempotency key is free, and the store does not know it yet", reason=str(error))


def _was_refused(error: Exception) -> bool:
    return refusal_of(error) is not None and not isinstance(error, StoreError)


def _elsewhere(us: NodeId) -> ColumnElement[bool]:
    """The node that carries it out is another one, and there."""
    there = and_(nodes.c.stopped_at.is_(None), nodes.c.lost_at.is_(None), nodes.c.beat_at > func.now() - SILENT)
    return and_(nodes.c.name == table.c.node, nodes.c.epoch == table.c.epoch, nodes.c.name != us.name, there)


def _is(name: tuple[str, str]) -> Any:
    return and_(table.c.by == name[0], table.c.key == name[1])


def _fingerprint(request: web.Request, body: bytes) -> str:
    """Of what was sent, byte by byte: whoever sends it again, to whichever node, sends the same."""
    path = request.get(CARRIED_PATH, request.path)
    return hashlib.sha256(f"{request.method} {path}\n".encode("utf-8", "surrogatepass") + body).hexdigest()


def _is_sound(found: Row[Any]) -> bool:
    """As it was written. A row that is not is that key's own trouble."""
    told = found.status is None or (isinstance(found.status, int) and 200 <= found.status <= 599)
    texts = isinstance(found.body, str | None) and isinstance(found.location, str | None)
    return isinstance(found.at, datetime) and told and texts and (found.location or "").isprintable()


def _again(earlier: Row[Any]) -> web.Response:
    headers = {REPLAYED: "true", hdrs.CONTENT_TYPE: "application/json"}
    if earlier.location:
        headers[hdrs.LOCATION] = earlier.location
    return web.Response(text=earlier.body, status=earlier.status, headers=headers)
