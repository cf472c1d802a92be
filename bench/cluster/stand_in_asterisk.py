"""A stand-in for Asterisk: as much of ARI as inbound calls need, without SIP and sound.

Owns its channels and bridges. Callers are made by `call` and hung up by `hang_up`; what the controller asks for is done
at once. A media leg connects nowhere: the worker's stand-in is told its id instead.
"""

import asyncio
import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http import HTTPStatus
from itertools import count
from time import monotonic
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

from aiohttp import WSMsgType, web

APP = "voiceai"
Answer = tuple[int, Any]
NOTHING: Answer = HTTPStatus.NO_CONTENT, None
NOT_FOUND: Answer = HTTPStatus.NOT_FOUND, {"message": "Not found"}


@dataclass
class StandInAsterisk:
    """`async with`; then `url` is for `asterisk.ari`. `connect_media`: told the media id of each media leg."""

    name: str
    connect_media: Callable[[str], None]
    channels: dict[str, dict[str, Any]] = field(default_factory=dict)
    answer_s: list[float] = field(default_factory=list)
    """How long each caller who was answered had waited."""
    refused: int = 0
    """Callers who were hung up without an answer."""
    _ringing: dict[str, float] = field(default_factory=dict)
    """Since when (monotonic)."""
    _globals: dict[str, str] = field(default_factory=dict)
    _sockets: dict[str, web.WebSocketResponse] = field(default_factory=dict)
    _numbers: Any = field(default_factory=lambda: count(1))
    _sending: asyncio.Queue[dict[str, Any]] = field(default_factory=asyncio.Queue)

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/ari/events", self._events)
        app.router.add_route("*", "/ari/{path:.*}", self._request)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/ari"
        self._sender = asyncio.create_task(self._send(), name=f"events of {self.name}")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._sender.cancel()
        await asyncio.gather(self._sender, return_exceptions=True)
        await self._runner.cleanup()

    # ------------------------------------------------------------ callers

    def call(self, number: str = "5001") -> str:
        """Somebody calls; returns the channel's id."""
        id_ = f"{self.name}-{next(self._numbers)}.0"
        self._ringing[id_] = monotonic()
        self._enter(id_, f"PJSIP/trunk-{id_}", "Ring", number)
        return id_

    def hang_up(self, id_: str) -> None:
        """By the caller, or as the controller wants it."""
        channel = self.channels.pop(id_, None)
        if channel is None:
            return
        self.refused += self._ringing.pop(id_, None) is not None
        self._tell("ChannelHangupRequest", channel=channel, cause=16)
        self._tell("StasisEnd", channel=channel)
        self._tell("ChannelDestroyed", channel=channel, cause=16, cause_txt="Normal Clearing")

    def _enter(self, id_: str, name: str, state: str, extension: str = "s") -> dict[str, Any]:
        channel = self.channels[id_] = {
            "id": id_,
            "name": name,
            "state": state,
            "caller": {"name": "", "number": ""},
            "connected": {"name": "", "number": ""},
            "dialplan": {"context": "trunk", "exten": extension, "priority": 1, "app_name": "Stasis", "app_data": APP},
            "language": "en",
        }
        self._tell("StasisStart", args=[], channel=channel)
        return channel

    # ------------------------------------------------------------ events

    def _tell(self, kind: str, **more: Any) -> None:
        moment = datetime.now(UTC).isoformat(timespec="milliseconds")
        self._sending.put_nowait({"type": kind, "application": APP, "timestamp": moment, "asterisk_id": "x", **more})

    async def _send(self) -> None:
        while True:
            event = await self._sending.get()
            socket = self._sockets.get(APP)
            if socket is not None and not socket.closed:
                with suppress(ConnectionError):  # the controller is gone
                    await socket.send_str(json.dumps(event))

    async def _events(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        self._sockets[request.query["app"]] = socket
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                await self._answer(socket, json.loads(message.data))
        return socket

    async def _answer(self, socket: web.WebSocketResponse, asked: dict[str, Any]) -> None:
        """A request over the websocket (`RESTRequest`)."""
        path = urlsplit(asked["uri"])
        given = dict(parse_qsl(path.query)) | json.loads(asked.get("message_body") or "{}")
        status, body = self._do(asked["method"], path.path.split("/"), given)
        answer = {key: asked[key] for key in ("transaction_id", "request_id", "uri")}
        answer |= {"type": "RESTResponse", "status_code": int(status), "reason_phrase": HTTPStatus(status).phrase}
        if body is not None:
            answer |= {"content_type": "application/json", "message_body": json.dumps(body)}
        await socket.send_str(json.dumps(answer))

    # ------------------------------------------------------------ requests

    async def _request(self, request: web.Request) -> web.Response:
        given = dict(request.query)
        if request.can_read_body:
            given |= await request.json()
        status, body = self._do(request.method, request.match_info["path"].split("/"), given)
        return web.Response(status=status) if body is None else web.json_response(body, status=status)

    def _do(self, method: str, path: list[str], given: dict[str, Any]) -> Answer:
        match method, path:
            case "GET", ["asterisk", "variable"]:
                return 200, {"value": self._globals.get(given["variable"], "")}
            case "POST", ["asterisk", "variable"]:
                self._globals[given["variable"]] = given["value"]
                return NOTHING
            case "GET", ["asterisk", "ping"]:
                return 200, {"asterisk_id": "x", "ping": "pong", "timestamp": "2026-11-30T00:00:00.000+0000"}
            case "GET", ["asterisk", "info"]:
                return 200, {"system": {"version": "22.10.1", "entity_id": "x"}}
            case (("GET" | "POST"), ["applications", app, *_]):
                return 200, {"name": app, "channel_ids": [], "bridge_ids": [], "endpoint_ids": [], "device_names": []}
            case "GET", ["channels"]:
                return 200, list(self.channels.values())
            case "GET", ["bridges"] | ["endpoints", *_]:
                return 200, []
            case "POST", ["bridges"]:
                return 200, {"id": given["bridgeId"], "channels": [], "name": given.get("name", "")}
            case _, ["bridges", *_]:
                return NOTHING
            case "POST", ["channels", "externalMedia"]:
                self.connect_media(given["data"])
                return 200, self._enter(given["channelId"], f"AudioSocket/{given['external_host']}", "Up")
            case _, ["channels", id_, *what]:
                return self._of_channel(method, id_, what) if id_ in self.channels else NOT_FOUND
        return NOT_FOUND

    def _of_channel(self, method: str, id_: str, what: list[str]) -> Answer:
        match method, what:
            case "GET", []:
                return 200, self.channels[id_]
            case "GET", ["variable"]:
                return 200, {"value": ""}
            case "DELETE", []:
                self.hang_up(id_)
            case "POST", ["answer"]:
                self.channels[id_]["state"] = "Up"
                self._tell("ChannelStateChange", channel=self.channels[id_])
                self.answer_s.append(monotonic() - self._ringing.pop(id_, monotonic()))
        return NOTHING
