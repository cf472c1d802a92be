"""ARI requests over the event websocket (`RESTRequest` and `RESTResponse`, Asterisk's res_ari), else over HTTP.

Owns the choice between both, and the pending requests on the websocket. Over HTTP a request costs us three times the
CPU. Asterisk answers the requests of one websocket one after another: one that waits for a locked channel would delay
all later ones. So the pending requests on the websocket are all for one channel (or bridge); requests for others go
over HTTP meanwhile, where Asterisk has a thread for each; so do all while a request that was given up has no answer.
It may never get one (its sending may have been given up, too): a ping after it, once answered, shows that it is over.
Requests that make Asterisk open a connection, and lists that can be long, always go over HTTP. If Asterisk does not
answer the first request on a websocket, it does not support them, and all go over HTTP.
"""

import asyncio
import itertools
import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Protocol

import httpx
from websockets.exceptions import ConnectionClosed

from bridge.common.strict_json import well_formed

RESPONSE = b'"RESTResponse"'
HEAD = 200
"""Bytes of a frame that are searched for its type."""
PING = "asterisk/ping"
RESOURCES = ("channels", "bridges", "playbacks")
"""Requests for one of these go over the websocket. Requests about apps and Asterisk itself go over HTTP: they show
whether our password is still valid, which a websocket checks only at its start."""
NEVER = ("", "externalMedia", "create")
"""A list; requests that make Asterisk open a connection."""


class Websocket(Protocol):
    """The used part of websockets' ClientConnection."""

    async def send(self, message: str) -> None: ...


class WebSocketTransport(httpx.AsyncBaseTransport):
    """For httpx.AsyncClient. `http`: the transport over HTTP; it is closed with this one."""

    def __init__(self, http: httpx.AsyncBaseTransport, base: str) -> None:
        """`base`: the path of ARI's URL with a slash at its end, such as /ari/."""
        self._http = http
        self._base = base
        self._ids = itertools.count(1)
        self._socket: Websocket | None = None
        self._usable = False
        self._pending: dict[str, asyncio.Future[httpx.Response]] = {}
        self._resource = ""
        """The object of all pending requests, such as channels/ID."""
        self._given_up: set[str] = set()
        """Requests that nobody waits for any more and that Asterisk has not answered: it may still be busy with one."""
        self._ping: str | None = None
        """One sent after those."""

    async def opened(self, socket: Websocket) -> None:
        """The event link is up. A first request shows whether Asterisk supports requests on it."""
        self._socket, self._usable, self._ping = socket, False, None
        self._given_up.clear()
        with suppress(ConnectionClosed):  # the reader of the link notices
            await socket.send(_frame("0", "GET", PING, b""))

    def closed(self) -> None:
        """The event link is down: Asterisk may or may not have carried the pending requests out."""
        self._socket, self._usable = None, False
        for answer in self._pending.values():
            if not answer.done():
                answer.set_exception(httpx.ReadError("the event websocket was lost before the answer"))

    def take(self, frame: bytes) -> bool:
        """Whether this frame is an answer and no event. An answer to a request that was given up is dropped."""
        if RESPONSE not in frame[:HEAD]:
            return False
        try:
            answer = json.loads(frame)
            number, response = str(answer["request_id"]), _response(answer)
        except (ValueError, RecursionError, KeyError, TypeError, AttributeError):
            return False  # the link logs that it can't be read
        self._usable = self._socket is not None
        self._given_up.discard(number)
        if number == self._ping:
            self._ping = None
            self._given_up = {each for each in self._given_up if int(each) > int(number)}
        waiting = self._pending.get(number)
        if waiting is not None and not waiting.done():
            waiting.set_result(response)
        return True

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """httpx's hook. Raises httpx.TransportError."""
        socket = self._socket
        resource = self._resource_of(request)
        if self._given_up and self._ping is None and socket is not None:
            await self._send_ping(socket)
        taken = self._given_up or (self._pending and resource != self._resource)
        if socket is None or not self._usable or resource is None or taken:
            return await self._http.handle_async_request(request)
        number, self._resource = str(next(self._ids)), resource
        answer: asyncio.Future[httpx.Response] = asyncio.get_running_loop().create_future()
        self._pending[number] = answer
        try:
            await socket.send(_frame(number, request.method, self._uri(request), request.content))
            return await answer
        except (OSError, ConnectionClosed) as error:
            raise httpx.WriteError("the event websocket was lost") from error
        finally:
            if not answer.done() or answer.cancelled():
                self._given_up.add(number)
            del self._pending[number]

    async def aclose(self) -> None:
        """httpx's hook."""
        await self._http.aclose()

    async def _send_ping(self, socket: Websocket) -> None:
        self._ping = number = str(next(self._ids))
        try:
            await socket.send(_frame(number, "GET", PING, b""))
        except (OSError, ConnectionClosed):  # the reader of the link notices
            return
        except asyncio.CancelledError:
            self._ping = None  # perhaps it was not sent
            raise

    def _uri(self, request: httpx.Request) -> str:
        """Path and query below ARI's base, percent-encoded."""
        return request.url.raw_path.decode().removeprefix(self._base)

    def _resource_of(self, request: httpx.Request) -> str | None:
        """None: not over the websocket."""
        kind, _, rest = request.url.path.removeprefix(self._base).partition("/")
        return f"{kind}/{rest.partition('/')[0]}" if kind in RESOURCES and rest not in NEVER else None


def _frame(number: str, method: str, uri: str, body: bytes) -> str:
    """One RESTRequest."""
    request = {"type": "RESTRequest", "transaction_id": number, "request_id": number, "method": method, "uri": uri}
    if body:
        request |= {"content_type": "application/json", "message_body": body.decode()}
    return json.dumps(request)


def _response(answer: Mapping[str, object]) -> httpx.Response:
    """Raises KeyError, TypeError or ValueError for an answer of another form."""
    status, body = answer["status_code"], answer.get("message_body", "")
    if not isinstance(status, int) or not isinstance(body, str) or not 200 <= status < 600:
        raise ValueError("no status and body")
    return httpx.Response(status, stream=httpx.ByteStream(well_formed(body).encode()))
