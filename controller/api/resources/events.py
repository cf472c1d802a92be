"""The resources of events: streams, and the dead letters of webhooks.

Owns the wire format of Server-Sent Events (WHATWG HTML §9.2). A stream is one subscriber of `EventStream`; it is closed
when its client reads too slowly.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from aiohttp import hdrs, web

from controller.api.auth.limits import Limits
from controller.api.carrying import Carrier
from controller.api.models.base import Nothing
from controller.api.models.events import (
    Discard,
    Discarded,
    LetterAnswer,
    LetterPage,
    LetterQuery,
    Replay,
    Replayed,
    StreamQuery,
)
from controller.api.operation import STREAM, ApiRequest, Operation
from controller.api.ports import Calls, OutboundPort
from controller.api.problems import Problem, malformed
from controller.calls import errors
from controller.calls.reporting import view
from controller.config.models.event_filters import types_of
from controller.events.factory import SentEvent
from controller.events.pipeline import Events
from controller.events.stream import EventFilter, Subscriber, Told, TooManySubscribers

HEARTBEAT_SECONDS = 15.0
"""Between comments that show proxies and clients that the stream is alive."""
WRITE_SECONDS = 30.0
"""A client that reads nothing for this time is disconnected."""
MOVED_SECONDS = 5.0
"""After which it is looked whether another node has the call."""
RETRY_MS = 2000
LONGEST_ID = 100

STREAM_HEADERS = {
    hdrs.CONTENT_TYPE: "text/event-stream; charset=utf-8",
    "X-Accel-Buffering": "no",  # nginx would buffer events
}


Form = Callable[[SentEvent], bytes]
"""Makes the JSON that a subscriber may see."""
Moved = Callable[[str], Awaitable[bool]]
Wanted = Callable[[SentEvent], bool]
"""Whether a subscriber asked for an event and may see it."""


class EventResources:
    """`carrier`: to other nodes; None: there are none."""

    def __init__(self, events: Events, calls: Calls, orders: OutboundPort, carrier: Carrier | None = None) -> None:
        self._events, self._carrier = events, carrier
        self._calls = calls
        self._orders = orders

    def operations(self) -> tuple[Operation, ...]:
        return (*self._streams(), *self._letters())

    def _streams(self) -> tuple[Operation, ...]:
        read_on = {"Last-Event-ID": "The id of the last event that was received: the stream continues after it."}
        stream: dict[str, Any] = {
            "scopes": ("read",),
            "query": StreamQuery,
            "media": STREAM,
            "limited": True,
            "audited": "with words",
            "request_headers": read_on,
            "tag": "events",
        }
        return (
            Operation(
                *("stream_events", "GET", "/v1/events", "Stream the events of all calls", self.all),
                problems=("too-many-streams",),
                **stream,
            ),
            Operation(
                *("stream_call_events", "GET", "/v1/calls/{id}/events", "Stream the events of one call"),
                self.of_call,
                problems=("unknown-call", "too-many-streams", "store-away"),
                also={HTTPStatus.NO_CONTENT: None},
                of_call="path",
                **stream,
            ),
        )

    def _letters(self) -> tuple[Operation, ...]:
        path, one = "/v1/webhooks/dead-letters", "/v1/webhooks/dead-letters/{number:[0-9]{1,18}}"
        away = ("store-away",)
        return (
            Operation(
                *("list_dead_letters", "GET", path, "List dead letters", self.dead_letters, LetterPage),
                *(("read",), None, LetterQuery),
                problems=away,
                tag="webhooks",
            ),
            Operation(
                *("replay_dead_letters", "POST", f"{path}/replay", "Send them again", self.replay, Replayed),
                *(("admin",), Replay, None, HTTPStatus.ACCEPTED, away),
                repeatable=True,
                tag="webhooks",
            ),
            Operation(
                *("replay_dead_letter", "POST", f"{one}/replay", "Send one again", self.replay_one, Replayed),
                *(("admin",), Nothing, None, HTTPStatus.ACCEPTED, ("unknown-dead-letter", "not-found", *away)),
                repeatable=True,
                tag="webhooks",
            ),
            Operation(
                *("discard_dead_letters", "POST", f"{path}/discard", "Delete several", self.discard_several, Discarded),
                *(("admin",), Discard, None, HTTPStatus.OK, away),
                repeatable=True,
                tag="webhooks",
            ),
            Operation(
                *("discard_dead_letter", "DELETE", one, "Delete one", self.discard, None),
                *(("admin",), None, None, HTTPStatus.NO_CONTENT, ("unknown-dead-letter", "not-found", *away)),
                tag="webhooks",
            ),
        )

    # ------------------------------------------------------------ streams

    async def all(self, asked: ApiRequest) -> web.StreamResponse:
        """The events of all calls, from now on or after the client's Last-Event-ID."""
        return await self._stream(asked, None, _types(asked.query))

    async def of_call(self, asked: ApiRequest) -> web.StreamResponse:
        """The past and further events of one call, until it ends. 204: there are no more, and browsers do not
        reconnect."""
        call, types = asked.part("id"), _types(asked.query)
        if asked.limits.of_calls:
            asked.reached(await self._find(call))
        if not self._events.stream.has_events_of(call) and (await self._find(call)).ended_at is not None:
            return web.Response(status=HTTPStatus.NO_CONTENT)
        return await self._stream(asked, call, types)

    async def _find(self, call: str) -> view.CallView:
        """Raises UnknownCall."""
        try:
            return await self._orders.with_queue(self._calls.get(call))
        except errors.UnknownCall:
            return await self._orders.find(call)

    async def _stream(self, asked: ApiRequest, call: str | None, types: frozenset[str]) -> web.StreamResponse:
        """Subscribes to all types of one call, to see its end."""
        request, form = asked.request, _full if asked.may("recordings") else _wordless
        wanted = _wanted(types, asked.limits)
        last_id = request.headers.get("Last-Event-ID") or None
        response = web.StreamResponse(headers=STREAM_HEADERS)
        try:
            async with self._subscribed(types, call, last_id) as subscriber:
                if last_id and call is not None and not subscriber.gap and self._events.stream.has_end_of(call):
                    if not any(map(wanted, subscriber.missed)):
                        return web.Response(status=HTTPStatus.NO_CONTENT)
                await response.prepare(request)
                text = _Text(wanted, form, last_id or "")
                await _open(response, subscriber, text)
                if not await self._missed(response, subscriber, text, ends=call is not None):
                    moved = self._carrier.owners.has_moved if call is not None and self._carrier is not None else None
                    await _send_live(response, subscriber, text, call, moved)
                await response.write_eof()
        except TooManySubscribers:
            headers: dict[str, str] = {hdrs.RETRY_AFTER: "10"}
            raise Problem("too-many-streams", headers=headers) from None
        except (TimeoutError, ConnectionError):  # the client has disconnected or hangs
            if request.transport is not None:
                request.transport.abort()
        return response

    @asynccontextmanager
    async def _subscribed(
        self, types: frozenset[str], call: str | None, last_id: str | None
    ) -> AsyncIterator[Subscriber]:
        """Raises TooManySubscribers."""
        if call is None and self._events.cluster is not None:
            async with self._events.cluster.subscribe(EventFilter(types), last_id) as subscriber:
                yield subscriber
            return
        filter_ = EventFilter(types) if call is None else EventFilter(call=call)
        with self._events.stream.subscribe(filter_, last_id) as subscriber:
            yield subscriber

    async def _missed(self, response: web.StreamResponse, subscriber: Subscriber, text: "_Text", *, ends: bool) -> bool:
        """Writes past events. All clients together get one piece in each round of the event loop. True: the last
        event of the call was written."""
        turn = self._events.stream.turn
        async for piece in subscriber.past():
            async with turn:
                told = text.of(piece)
                await asyncio.sleep(0)
            if told:
                await _write(response, told)
            if ends and _has_end(piece):
                return True
        return False

    # ------------------------------------------------------------ dead letters

    async def dead_letters(self, asked: ApiRequest) -> LetterPage:
        """By number; `after` is the `next` of the page before."""
        query: LetterQuery = asked.query
        selection = {"receiver": query.receiver, "call": query.call}
        found = await self._events.outbox.dead_letters(**selection, after=query.after, most=query.limit)
        next_ = found[-1].number if len(found) == query.limit else None
        return LetterPage(dead_letters=tuple(map(LetterAnswer.model_validate, found)), next=next_)

    async def replay(self, asked: ApiRequest) -> Replayed:
        return await self._replayed(receiver=asked.body.receiver, call=asked.body.call)

    async def replay_one(self, asked: ApiRequest) -> Replayed:
        return await self._replayed(number=int(asked.part("number")))

    async def _replayed(self, **selection: Any) -> Replayed:
        count = await self._events.outbox.replay(datetime.now(UTC), **selection)
        if "number" in selection and not count:
            raise Problem("unknown-dead-letter")
        self._events.replayed()
        return Replayed(replayed=count)

    async def discard_several(self, asked: ApiRequest) -> Discarded:
        body: Discard = asked.body
        return Discarded(discarded=await self._events.outbox.discard(receiver=body.receiver, call=body.call))

    async def discard(self, asked: ApiRequest) -> web.Response:
        if not await self._events.outbox.discard(number=int(asked.part("number"))):
            raise Problem("unknown-dead-letter")
        return web.Response(status=HTTPStatus.NO_CONTENT)


class _Text:
    """What one client is sent. `place`: the id that it has seen last."""

    def __init__(self, wanted: Wanted, form: Form, place: str) -> None:
        self._wanted, self._form, self._place = wanted, form, place

    def of(self, told: Sequence[Told]) -> bytes:
        return b"".join(map(self._one, told))

    def gap(self, oldest: str | None) -> bytes:
        return _special("gap", {"asked": self._place[:LONGEST_ID], "oldest": oldest})

    def nothing(self, place: str | None) -> bytes:
        """So that the connection stays open, and that who wants few events does not come back to an old place."""
        self._place = place or self._place
        return b": still here\n\n" if place is None else b": still here\nid: %b\n\n" % place.encode()

    def _one(self, sent: Told) -> bytes:
        """No part can hold a line end: JSON escapes it."""
        if not isinstance(sent, SentEvent):
            return self.gap(None)
        self._place = sent.id or self._place
        if not self._wanted(sent):
            return b""
        id_ = b"id: %b\n" % sent.id.encode() if sent.id else b""
        return b"%bevent: %b\ndata: %b\n\n" % (id_, sent.type.encode(), self._form(sent))


async def _open(response: web.StreamResponse, subscriber: Subscriber, text: _Text) -> None:
    opening = f"retry: {RETRY_MS}\n\n".encode()
    await _write(response, opening + (text.gap(subscriber.oldest) if subscriber.gap else b""))


async def _send_live(
    response: web.StreamResponse, subscriber: Subscriber, text: _Text, call: str | None, moved: Moved | None
) -> None:
    """Writes new events until the call ends (of one call), the client falls behind, or the process stops. If another
    node has the call by now (from the queue), the stream ends: whoever comes back is told by that node."""
    while True:
        news = await subscriber.read(HEARTBEAT_SECONDS if moved is None else MOVED_SECONDS)
        for each in news:
            if told := text.of((each,)):
                await _write(response, told)
        if call is not None and (_has_end(news) or (not news and moved is not None and await moved(call))):
            return
        if not news and subscriber.closed:
            if subscriber.overflowed:
                await _write(response, _special("overflow", {}))
            return
        if not news:
            await _write(response, text.nothing(subscriber.place))


def _has_end(told: Sequence[Told]) -> bool:
    return any(isinstance(each, SentEvent) and each.final for each in told)


def _full(sent: SentEvent) -> bytes:
    return sent.full


def _wordless(sent: SentEvent) -> bytes:
    return sent.without_words


def _special(name: str, data: dict[str, Any]) -> bytes:
    """Has no id, since a stream can't continue after it."""
    return f"event: {name}\ndata: {json.dumps(data)}\n\n".encode()


async def _write(response: web.StreamResponse, frame: bytes) -> None:
    async with asyncio.timeout(WRITE_SECONDS):
        await response.write(frame)


def _wanted(types: frozenset[str], limits: Limits) -> Wanted:
    if not limits.of_calls:
        return lambda sent: sent.type in types
    return lambda sent: sent.type in types and limits.reaches(sent.agent, sent.trunk)


def _types(query: StreamQuery) -> frozenset[str]:
    """Raises Problem 400."""
    try:
        return types_of(query.type)
    except ValueError as error:
        raise malformed(f"`type`: {error}.", {"parameter": "type", "detail": str(error)}) from None
