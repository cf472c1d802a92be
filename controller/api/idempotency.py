"""Requests that may be sent twice: with an `Idempotency-Key`, what was asked is done once.

Owns the keys and the answers that go with them, per token, for a day, in the store. Without the header nothing here is
asked, so that call control never waits for the store. What was refused was not done: its key is free again. What was
begun and whose end nobody wrote down (the controller stopped in between) is not done again either.

Source: draft-ietf-httpapi-idempotency-key-header-07.
"""

import hashlib
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from aiohttp import hdrs, web
from sqlalchemy import Row, and_, delete, insert, select, update

from controller.api.problems import Problem, malformed, refusal_of
from controller.store.database import Database, StoreError
from controller.store.tables_api import idempotency as kept

log = structlog.get_logger()

HEADER, REPLAYED = "Idempotency-Key", "Idempotency-Replayed"
KEPT = timedelta(hours=24)

_KEY = re.compile(r'[!#-~]{1,128}|"[ !#-\[\]-~]{1,126}"', re.ASCII)
"""A structured field's string (RFC 9651), or the same without quotes."""

Do = Callable[[], Awaitable[web.StreamResponse]]


class Idempotency:
    def __init__(self, database: Database) -> None:
        self._database = database
        self._under_way: set[tuple[str, str]] = set()

    async def once(self, request: web.Request, by: str, do: Do) -> web.StreamResponse:
        """The answer of `do`, or the one that it gave before. Raises what `do` raises, and Problem 400, 409, 422."""
        given = request.headers.getall(HEADER, [])
        if not given:
            return await do()
        if len(given) > 1 or not _KEY.fullmatch(given[0]):
            raise malformed(f"`{HEADER}` must stand there once, with 1 to 128 visible ASCII characters.")
        name = by, given[0].strip('"')
        if name in self._under_way:
            raise Problem("key-in-use", headers={hdrs.RETRY_AFTER: "1"})
        self._under_way.add(name)
        try:
            earlier = await self._claim(name, _fingerprint(request, await request.read()), datetime.now(UTC))
            return _again(earlier) if earlier is not None else await self._first(name, do)
        finally:
            self._under_way.discard(name)

    async def _first(self, name: tuple[str, str], do: Do) -> web.StreamResponse:
        try:
            response = await do()
        except Exception as error:
            if refusal_of(error) is not None and not isinstance(error, StoreError):
                await self._release(name)
            raise
        if isinstance(response, web.Response):
            values = {"status": response.status, "body": response.text, "location": response.headers.get(hdrs.LOCATION)}
            try:
                async with self._database.writing() as store:
                    await store.execute(update(kept).where(_is(name)).values(values))
            except StoreError as error:  # it is done, and the answer is true
                log.error("an answer could not be kept for its idempotency key", reason=str(error))
        return response

    async def _claim(self, name: tuple[str, str], fingerprint: str, now: datetime) -> Row[Any] | None:
        """None: the key is new, and ours. Raises Problem, StoreError."""
        async with self._database.writing() as store:
            await store.execute(delete(kept).where(kept.c.at < now - KEPT))
            found = (await store.execute(select(kept).where(_is(name)))).one_or_none()
            if found is None:
                fresh = {"by": name[0], "key": name[1], "fingerprint": fingerprint, "at": now}
                await store.execute(insert(kept).values(fresh))
                return None
        if found.fingerprint != fingerprint:
            raise Problem("key-reused")
        if found.status is None:
            raise Problem("outcome-unknown", "Look whether it was done before you ask again with another key.")
        return found

    async def _release(self, name: tuple[str, str]) -> None:
        try:
            async with self._database.writing() as store:
                await store.execute(delete(kept).where(_is(name)))
        except StoreError as error:
            log.error("an idempotency key could not be freed", reason=str(error))


def _is(name: tuple[str, str]) -> Any:
    return and_(kept.c.by == name[0], kept.c.key == name[1])


def _fingerprint(request: web.Request, body: bytes) -> str:
    """Of what was sent, byte by byte: whoever sends it again sends the same."""
    return hashlib.sha256(f"{request.method} {request.path}\n".encode("utf-8", "surrogatepass") + body).hexdigest()


def _again(earlier: Row[Any]) -> web.Response:
    headers = {REPLAYED: "true", hdrs.CONTENT_TYPE: "application/json"}
    if earlier.location:
        headers[hdrs.LOCATION] = earlier.location
    return web.Response(text=earlier.body, status=earlier.status, headers=headers)
