"""Events over HTTP: streams for those who listen, and the dead letters of webhooks.

Owns the wire format of Server-Sent Events (WHATWG HTML §9.2). A stream is a reader of the hub: it is written to as fast
as its client takes it, and closed when it falls behind. Refuses to decide what is told: that is `controller/events`.
"""

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from aiohttp import hdrs, web

from controller.api.access import Doorkeeper
from controller.api.bodies import Body, Nothing, read
from controller.api.problems import Problem, malformed
from controller.call import view
from controller.call.view import Calls
from controller.events.filters import Wanted, types_of
from controller.events.hub import Reader, TooManyReaders
from controller.events.making import Notice
from controller.events.outbox import DeadLetter
from controller.events.service import Events
from controller.events.shapes import rfc3339
from controller.outbound.orders import Ordering

HEARTBEAT_SECONDS = 15.0
"""A comment so often, that proxies and clients know the stream lives."""
WRITE_SECONDS = 30.0
"""A client that takes nothing for so long is let go."""
RETRY_MS = 2000
LONGEST_ID = 100
PAGE, MOST = 100, 1000

_STREAM = {
    hdrs.CONTENT_TYPE: "text/event-stream; charset=utf-8",
    "X-Accel-Buffering": "no",  # nginx would keep events back until it has a bufferful
}


class Replay(Body):
    """Which dead letters are sent again: all of them, or those of a receiver, a call, or both."""

    receiver: str | None = None
    call: str | None = None


class EventResources:
    def __init__(self, events: Events, calls: Calls, orders: Ordering) -> None:
        self._events = events
        self._calls = calls
        self._orders = orders

    def routes(self, doorkeeper: Doorkeeper) -> list[web.RouteDef]:
        gate, letters = doorkeeper.let_in, "/v1/webhooks/dead-letters"
        return [
            web.get("/v1/events", gate("read", self.all), allow_head=False),
            web.get("/v1/calls/{id}/events", gate("read", self.of_call), allow_head=False),
            web.get(letters, gate("read", self.dead_letters)),
            web.post(f"{letters}/replay", gate("admin", self.replay)),
            web.post(letters + r"/{number:[0-9]{1,18}}/replay", gate("admin", self.replay_one)),
            web.delete(letters + r"/{number:[0-9]{1,18}}", gate("admin", self.discard)),
        ]

    # ------------------------------------------------------------ streams

    async def all(self, request: web.Request) -> web.StreamResponse:
        """What happens in all calls, from now on or from where the client left off."""
        return await self._stream(request, None, _types(request))

    async def of_call(self, request: web.Request) -> web.StreamResponse:
        """What has happened in one call and what happens until its end, with which the stream ends. 204: there is
        nothing more to come, which keeps browsers from asking again."""
        call, types = request.match_info["id"], _types(request)
        if not self._events.hub.knows(call) and (await self._find(call)).ended_at is not None:
            return web.Response(status=HTTPStatus.NO_CONTENT)
        return await self._stream(request, call, types)

    async def _find(self, call: str) -> view.CallView:
        """Raises UnknownCall."""
        try:
            return await self._orders.with_queue(self._calls.get(call))
        except view.UnknownCall:
            return await self._orders.find(call)

    async def _stream(self, request: web.Request, call: str | None, types: frozenset[str]) -> web.StreamResponse:
        """Of a call everything is read, so that its end is seen whatever types are wanted."""
        last_id = request.headers.get("Last-Event-ID") or None
        wanted = Wanted(types) if call is None else Wanted(call=call)
        response = web.StreamResponse(headers=_STREAM)
        try:
            with self._events.hub.reader(wanted, last_id) as reader:
                if last_id and call is not None and not reader.gap and self._events.hub.over(call):
                    if not any(each.type in types for each in reader.missed):
                        return web.Response(status=HTTPStatus.NO_CONTENT)
                await response.prepare(request)
                await _tell(response, reader, types, last_id or "", ends=call is not None)
                await response.write_eof()
        except TooManyReaders:
            headers: dict[str, str] = {hdrs.RETRY_AFTER: "10"}
            title = "Too many streams are open"
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, "too-many-streams", title, headers=headers) from None
        except (TimeoutError, ConnectionError):  # the client is gone, or as good as
            if request.transport is not None:
                request.transport.abort()
        return response

    # ------------------------------------------------------------ dead letters

    async def dead_letters(self, request: web.Request) -> web.Response:
        """By number; `after` is the `next` of the page before."""
        given = _query(request, "receiver", "call", "after", "limit")
        most, after = (
            _whole(given.get("limit", str(PAGE)), "limit", MOST),
            _whole(given.get("after", "0"), "after", 2**53),
        )
        asked = {"receiver": given.get("receiver"), "call": given.get("call")}
        found = await self._events.outbox.dead_letters(**asked, after=after, most=max(1, most))
        more = found[-1].number if len(found) == most else None
        return web.json_response({"dead_letters": [_letter_json(each) for each in found], "next": more})

    async def replay(self, request: web.Request) -> web.Response:
        which = await read(request, Replay)
        return await self._replayed(receiver=which.receiver, call=which.call)

    async def replay_one(self, request: web.Request) -> web.Response:
        await read(request, Nothing)
        return await self._replayed(number=int(request.match_info["number"]))

    async def _replayed(self, **which: Any) -> web.Response:
        count = await self._events.outbox.replay(datetime.now(UTC), **which)
        if "number" in which and not count:
            raise _unknown_letter()
        self._events.replayed()
        return web.json_response({"replayed": count}, status=HTTPStatus.ACCEPTED)

    async def discard(self, request: web.Request) -> web.Response:
        if not await self._events.outbox.discard(number=int(request.match_info["number"])):
            raise _unknown_letter()
        return web.Response(status=HTTPStatus.NO_CONTENT)


async def _tell(
    response: web.StreamResponse, reader: Reader, types: frozenset[str], last_id: str, *, ends: bool
) -> None:
    """Until the call has ended (if it is the stream's end), the client falls behind or goes, or the process stops."""
    opening = f"retry: {RETRY_MS}\n\n".encode()
    if reader.gap:
        oldest = reader.missed[0].event.id if reader.missed else None
        opening += _special("gap", {"asked": last_id[:LONGEST_ID], "oldest": oldest})
    await _write(response, opening)
    news: Sequence[Notice] = reader.missed
    while True:
        for notice in news:
            if notice.type in types:
                await _write(response, b"id: %b\nevent: %b\ndata: %b\n\n" % _parts(notice))
        if ends and any(notice.final for notice in news):
            return
        if not news and reader.closed:
            if reader.overflowed:
                await _write(response, _special("overflow", {}))
            return
        news = await reader.read(HEARTBEAT_SECONDS)
        if not news and not reader.closed:
            await _write(response, b": still here\n\n")


def _parts(notice: Notice) -> tuple[bytes, bytes, bytes]:
    """None of them can hold a line end: JSON escapes it."""
    return notice.event.id.encode(), notice.type.encode(), notice.full


def _special(name: str, data: dict[str, Any]) -> bytes:
    """Has no id: it is no place to read on from."""
    return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()


async def _write(response: web.StreamResponse, frame: bytes) -> None:
    async with asyncio.timeout(WRITE_SECONDS):
        await response.write(frame)


def _types(request: web.Request) -> frozenset[str]:
    """Of the query's `type`, which may come more than once. Raises Problem 400."""
    if set(request.query) - {"type"}:
        raise malformed("The query has an unknown parameter; there is only `type`.")
    try:
        return types_of(request.query.getall("type", []))
    except ValueError as error:
        raise malformed(f"`type`: {error}.", {"parameter": "type", "detail": str(error)}) from None


def _query(request: web.Request, *known: str) -> dict[str, str]:
    """Raises Problem 400."""
    if set(request.query) - set(known) or len(request.query) != len(set(request.query)):
        raise malformed("The query has an unknown or repeated parameter; there are: " + ", ".join(known) + ".")
    return dict(request.query)


def _whole(text: str, name: str, most: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 17) or int(text) > most:
        said = f"must be a whole number up to {most}"
        raise malformed(f"`{name}` {said}.", {"parameter": name, "detail": said})
    return int(text)


def _unknown_letter() -> Problem:
    return Problem(HTTPStatus.NOT_FOUND, "unknown-dead-letter", "There is no such dead letter")


def _letter_json(letter: DeadLetter) -> dict[str, Any]:
    return {
        "number": letter.number,
        "event": letter.event,
        "type": letter.type,
        "call": letter.call,
        "receiver": letter.receiver,
        "accepted_at": rfc3339(letter.accepted_at),
        "dead_at": rfc3339(letter.dead_at),
        "attempts": letter.attempts,
        "reason": letter.reason,
    }
