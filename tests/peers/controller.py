"""The controller's side of the control link, for tests: a small server that records what it receives."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from types import TracebackType
from typing import Self, TypeVar

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from bridge import contract

PATIENCE = 10.0
TOKEN = "link-token"

E = TypeVar("E", bound=contract.StrictModel)


@dataclass
class ControllerPeer:
    """Accepts one worker at a time. Use it with `async with`; `url` then says where it is."""

    port: int = 0
    welcome: contract.StrictModel | None = field(default_factory=contract.Welcome)
    """None: no `Welcome` is ever sent."""
    subprotocols: tuple[str, ...] = contract.SUBPROTOCOLS
    """Versions of the link that it takes; none: it is older than their negotiation."""
    hellos: list[contract.Hello] = field(default_factory=list)
    events: list[contract.CallEvent] = field(default_factory=list)
    numbers: list[int] = field(default_factory=list)
    """The events of calls, in the order of their arrival."""
    beats: list[contract.Heartbeat] = field(default_factory=list)
    scenes: list[contract.LiveReport] = field(default_factory=list)
    not_understood: list[contract.NotUnderstood] = field(default_factory=list)
    refused: int = 0
    connected: asyncio.Event = field(default_factory=asyncio.Event)
    _socket: ServerConnection | None = None
    _server: Server | None = None
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}{contract.LINK_PATH}"

    async def __aenter__(self) -> Self:
        self._server = await serve(
            self._accept,
            "127.0.0.1",
            self.port,
            process_request=self._check,
            subprotocols=[Subprotocol(each) for each in self.subprotocols] or None,
            compression=None,
            max_size=None,
        )
        self.port = next(iter(self._server.sockets)).getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    async def say(self, command: contract.StrictModel | str) -> None:
        assert self._socket is not None
        await self._socket.send(command if isinstance(command, str) else contract.encode(command))

    def drop(self) -> None:
        """Abort the link without a closing handshake."""
        assert self._socket is not None
        self.connected.clear()
        self._socket.transport.abort()

    async def until(self, true: Callable[[], object]) -> None:
        """Wait until this is true; it is evaluated after each message of a worker. Raises TimeoutError."""
        async with asyncio.timeout(PATIENCE):
            while not true():
                self._news.clear()
                await self._news.wait()

    async def event(self, kind: type[E], call: str) -> E:
        """The first event of this type and call. Raises TimeoutError."""
        await self.until(lambda: self.of(kind, call))
        return self.of(kind, call)[0]

    def of(self, kind: type[E], call: str) -> list[E]:
        return [event for event in self.events if isinstance(event, kind) and event.call == call]

    def _check(self, socket: ServerConnection, request: Request) -> Response | None:
        if request.headers.get("Authorization") == f"Bearer {TOKEN}":
            return None
        self.refused += 1
        self._news.set()
        return socket.respond(HTTPStatus.UNAUTHORIZED, "wrong link token\n")

    async def _accept(self, socket: ServerConnection) -> None:
        try:
            hello = contract.decode_event(await socket.recv())
            assert isinstance(hello, contract.Hello)
            self.hellos.append(hello)
            self._news.set()
            if self.welcome is not None:
                await socket.send(contract.encode(self.welcome))
                self._socket = socket
                self.connected.set()
            while True:
                number, event = contract.decode_numbered(await socket.recv())
                self.numbers += [number] * (number > 0)
                self._take(event)
        except ConnectionClosed:
            self._news.set()

    def _take(self, event: contract.Event) -> None:
        if isinstance(event, contract.Heartbeat):
            self.beats.append(event)
        elif isinstance(event, contract.LiveReport):
            self.scenes.append(event)
        elif isinstance(event, contract.NotUnderstood):
            self.not_understood.append(event)
        elif not isinstance(event, contract.Hello):
            self.events.append(event)
        self._news.set()
