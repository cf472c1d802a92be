"""The simulated Realtime server: ws://127.0.0.1:PORT/v1/realtime?model=…

Owns the listening socket, the upgrade and the list of sessions. Refuses at the upgrade what OpenAI refuses there
(path, key, model), and turns beta clients away with close 4000.

Source: OpenAI Realtime guide, WebSocket; the beta's removal of 2026-05-12.
"""

import asyncio
import weakref
from collections.abc import Callable, Mapping
from http import HTTPStatus
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO
from urllib.parse import parse_qs, urlsplit

import structlog
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

from simulator.realtime.faults import Drop, Faults, Refuse, Script
from simulator.realtime.model import Model, ToneModel
from simulator.realtime.session import Session
from simulator.realtime.wire import Record

log = structlog.get_logger()

PATH = "/v1/realtime"
MESSAGE_LIMIT = 32 * 1024 * 1024
BETA_TEXT = "The Realtime Beta API is no longer supported. Please use /v1/realtime for the GA API."


class RealtimeServer:
    """`async with RealtimeServer(model=…) as server:` and connect to `server.url`.

    `model` answers in all sessions; a function makes one for each. `api_key` None: any key will do.
    `faults` for every session, or by the number of the attempt to connect, from 0. `keep` False: sessions do not
    remember their events, for a server that runs for days. `record`: a file of one JSON line per event.
    """

    def __init__(
        self,
        model: Model | Callable[[], Model] | None = None,
        *,
        faults: Faults = (),
        api_key: str | None = "sk-test",
        host: str = "127.0.0.1",
        port: int = 0,
        record: Path | None = None,
        keep: bool = True,
    ) -> None:
        self.model = model if model is not None else ToneModel()
        self.faults = faults
        self.sessions: list[Session] = []
        self.attempts = 0
        self.api_key, self.host, self.port = api_key, host, port
        self._record_path, self._keep = record, keep
        self._file: TextIO | None = None
        self._server: Server | None = None
        self._numbers: weakref.WeakKeyDictionary[ServerConnection, int] = weakref.WeakKeyDictionary()
        self._arrived = asyncio.Condition()

    @property
    def url(self) -> str:
        """Without `?model=`."""
        return f"ws://{self.host}:{self.port}{PATH}"

    async def __aenter__(self) -> Self:
        if self._record_path is not None:
            self._file = self._record_path.open("a", encoding="utf-8")
        await self.listen()
        return self

    async def vanish(self) -> None:
        """As if the process were killed: all connections are reset, and nobody listens until `listen`."""
        assert self._server is not None
        self._server.close(close_connections=False)
        for session in [each for each in self.sessions if not each.closed]:
            await session.act(Drop())
        await self._server.wait_closed()

    async def listen(self) -> None:
        """At the start, and after `vanish` on the same port."""
        self._server = await serve(
            self._session,
            self.host,
            self.port,
            process_request=self._upgrade,
            compression=None,
            max_size=MESSAGE_LIMIT,
            max_queue=None,
        )
        self.port = next(iter(self._server.sockets)).getsockname()[1]

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        for session in self.sessions:
            await session.thaw()
        self._server.close()
        await self._server.wait_closed()
        if self._file is not None:
            self._file.close()

    async def session(self, number: int = 0, timeout: float = 5.0) -> Session:
        """The session of so many accepted connections, from 0, as soon as it is there."""
        async with asyncio.timeout(timeout), self._arrived:
            await self._arrived.wait_for(lambda: len(self.sessions) > number)
            return self.sessions[number]

    def _script(self, number: int) -> tuple[Script, ...]:
        if isinstance(self.faults, Mapping):
            return tuple(self.faults.get(number, ()))
        return tuple(self.faults)

    def _upgrade(self, connection: ServerConnection, request: Request) -> Response | None:
        """An HTTP refusal, or None to go on."""
        number, self.attempts = self.attempts, self.attempts + 1
        self._numbers[connection] = number
        refusal = next((each for each in self._script(number) if isinstance(each, Refuse)), None)
        if refusal is not None:
            return connection.respond(HTTPStatus(refusal.status), refusal.body)
        url = urlsplit(request.path)
        if url.path != PATH:
            return connection.respond(HTTPStatus.NOT_FOUND, "Invalid URL\n")
        kind, _, key = request.headers.get("Authorization", "").partition(" ")
        if kind != "Bearer" or not key or self.api_key not in (None, key):
            return connection.respond(HTTPStatus.UNAUTHORIZED, "Incorrect API key provided\n")
        if not parse_qs(url.query).get("model"):
            return connection.respond(HTTPStatus.BAD_REQUEST, "You must provide a model parameter\n")
        return None

    async def _session(self, connection: ServerConnection) -> None:
        request = connection.request
        assert request is not None  # an accepted upgrade has one
        number = self._numbers[connection]
        name = parse_qs(urlsplit(request.path).query)["model"][0]
        model = self.model() if callable(self.model) else self.model
        script = self._script(number)
        session = Session(number, connection, name, model, script, Record(self._file), keep=self._keep)
        async with self._arrived:
            self.sessions.append(session)
            self._arrived.notify_all()
        if "OpenAI-Beta" in request.headers:
            await session.turn_away("beta_api_shape_disabled", BETA_TEXT)
        elif not name.startswith(("gpt-realtime", "gpt-4o")):
            await session.turn_away("model_not_found", f"The model '{name}' does not exist.")
        else:
            log.info("session opened", session=number, model=name)
            await session.run()
            log.info("session closed", session=number, code=connection.close_code)
        if not self._keep:
            self.sessions.remove(session)
