"""The resources of events: streams, and the dead letters of webhooks.

Owns the wire format of Server-Sent Events (WHATWG HTML §9.2). A stream is one subscriber of `EventStream`; it is closed
when its client reads too slowly.
"""

import asyncio
import json
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from aiohttp import hdrs, web

from controller.api.auth.limits import Limits
from controller.api.models.base import Nothing
from controller.api.models.events import LetterAnswer, LetterPage, LetterQuery, Replay, Replayed, StreamQuery
from controller.api.operation import STREAM, ApiRequest, Operation
from controller.api.ports import Calls, OutboundPort
from controller.api.problems import Problem, malformed
from controller.calls import errors
from controller.calls.reporting import view
from controller.config.models.event_filters import types_of
from controller.events.factory import SentEvent
from controller.events.pipeline import Events
from controller.events.stream import EventFilter, Subscriber, TooManySubscribers

HEARTBEAT_SECONDS = 15.0
"""Between comments that show proxies and clients that the stream is alive."""
WRITE_SECONDS = 30.0
"""A client that reads nothing for this time is disconnected."""
RETRY_MS = 2000
PIECE = 50
"""Past events that are written at once; the event loop runs other tasks between two pieces."""
LONGEST_ID = 100

STREAM_HEADERS = {
    hdrs.CONTENT_TYPE: "text/event-stream; charset=utf-8",
    "X-Accel-Buffering": "no",  # nginx would buffer events
}


Form = Callable[[SentEvent], bytes]
"""Makes the JSON that a subscriber may see."""
Wanted = Callable[[SentEvent], bool]
"""Whether a subscriber asked for an event and may see it."""


class EventResources:
    def __init__(self, events: Events, calls: Calls, orders: OutboundPort) -> None:
        self._events = events
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
                *("stream_events", "GET", "/v1/events", "What happens in all calls, as it happens", self.all),
                problems=("too-many-streams",),
                **stream,
            ),
            Operation(
                *("stream_call_events", "GET", "/v1/calls/{id}/events", "What happens in one call, until it ends"),
                self.of_call,
                problems=("unknown-call", "too-many-streams", "store-away"),
                also={HTTPStatus.NO_CONTENT: None},
                **stream,
            ),
        )

    def _letters(self) -> tuple[Operation, ...]:
        path, one = "/v1/webhooks/dead-letters", "/v1/webhooks/dead-letters/{number:[0-9]{1,18}}"
        away = ("store-away",)
        return (
            Operation(
                *("list_dead_letters", "GET", path, "Messages that no receiver took", self.dead_letters, LetterPage),
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
                *("discard_dead_letter", "DELETE", one, "Forget one", self.discard, None),
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
        filter_ = EventFilter(types) if call is None else EventFilter(call=call)
        response = web.StreamResponse(headers=STREAM_HEADERS)
        try:
            with self._events.stream.subscribe(filter_, last_id) as subscriber:
                if last_id and call is not None and not subscriber.gap and self._events.stream.has_end_of(call):
                    if not any(map(wanted, subscriber.missed)):
                        return web.Response(status=HTTPStatus.NO_CONTENT)
                await response.prepare(request)
                await _open(response, subscriber, last_id or "")
                if not await self._missed(response, subscriber, wanted, form, ends=call is not None):
                    await _send_live(response, subscriber, wanted, form, ends=call is not None)
                await response.write_eof()
        except TooManySubscribers:
            headers: dict[str, str] = {hdrs.RETRY_AFTER: "10"}
            raise Problem("too-many-streams", headers=headers) from None
        except (TimeoutError, ConnectionError):  # the client has disconnected or hangs
            if request.transport is not None:
                request.transport.abort()
        return response

    async def _missed(
        self, response: web.StreamResponse, subscriber: Subscriber, wanted: Wanted, form: Form, *, ends: bool
    ) -> bool:
        """Writes past events. All clients together get one PIECE in each round of the event loop. True: the last
        event of the call was written."""
        missed, turn = subscriber.missed, self._events.stream.turn
        for start in range(0, len(missed), PIECE):
            async with turn:
                piece = missed[start : start + PIECE]
                text = b"".join(_line(sent, form) for sent in piece if wanted(sent))
                await asyncio.sleep(0)
            if text:
                await _write(response, text)
            if ends and any(sent.final for sent in piece):
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

    async def discard(self, asked: ApiRequest) -> web.Response:
        if not await self._events.outbox.discard(number=int(asked.part("number"))):
            raise Problem("unknown-dead-letter")
        return web.Response(status=HTTPStatus.NO_CONTENT)


async def _open(response: web.StreamResponse, subscriber: Subscriber, last_id: str) -> None:
    opening = f"retry: {RETRY_MS}\n\n".encode()
    if subscriber.gap:
        oldest = subscriber.missed[0].id if subscriber.missed else None
        opening += _special("gap", {"asked": last_id[:LONGEST_ID], "oldest": oldest})
    await _write(response, opening)


async def _send_live(
    response: web.StreamResponse, subscriber: Subscriber, wanted: Wanted, form: Form, *, ends: bool
) -> None:
    """Writes new events until the call ends (if `ends`), the client falls behind, or the process stops."""
    while True:
        news: Sequence[SentEvent] = await subscriber.read(HEARTBEAT_SECONDS)
        for sent in news:
            if wanted(sent):
                await _write(response, _line(sent, form))
        if ends and any(sent.final for sent in news):
            return
        if not news and subscriber.closed:
            if subscriber.overflowed:
                await _write(response, _special("overflow", {}))
            return
        if not news:
            await _write(response, b": still here\n\n")


def _line(sent: SentEvent, form: Form) -> bytes:
    """No part can hold a line end: JSON escapes it."""
    return b"id: %b\nevent: %b\ndata: %b\n\n" % (sent.id.encode(), sent.type.encode(), form(sent))


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
