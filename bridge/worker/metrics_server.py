"""GET /metrics of one worker, for Prometheus: off unless an address is given.

Owns the small server and its address. It has no password: on loopback, or a network that is yours. Everything but
`GET /metrics` is 404.
"""

import logging
from collections.abc import Sequence
from http import HTTPStatus
from typing import Self

import structlog
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

PATH = "/metrics"
ANSWER_SECONDS = 5.0
"""For a request to come, and its connection to be closed."""

log = structlog.get_logger()

_silent = logging.getLogger("voiceai.exposition")
_silent.disabled = True  # the library takes each answer for a handshake that was refused


class MetricsServer:
    """`async with MetricsServer(registry, host, ports):` serves on the first port that is free. If none is, that is
    logged and the worker goes on without. `port`: the one it has, or None."""

    def __init__(self, registry: CollectorRegistry, host: str, ports: Sequence[int]) -> None:
        self._registry = registry
        self._host, self._ports = host, ports
        self._server: Server | None = None
        self.port: int | None = None

    async def __aenter__(self) -> Self:
        for port in self._ports:
            try:
                self._server = await serve(
                    _nobody,
                    self._host,
                    port,
                    process_request=self._answer,
                    open_timeout=ANSWER_SECONDS,
                    close_timeout=ANSWER_SECONDS,
                    logger=_silent,
                )
            except OSError as fault:
                reason = str(fault)
                continue
            self.port = next(iter(self._server.sockets)).getsockname()[1]
            log.info("metrics are served", host=self._host, port=self.port)
            return self
        log.warning("no metrics: nowhere to serve them, calls go on", host=self._host, ports=self._ports, reason=reason)
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()

    def _answer(self, connection: ServerConnection, request: Request) -> Response:
        if (request.method, request.path.partition("?")[0]) != ("GET", PATH):
            return connection.respond(HTTPStatus.NOT_FOUND, f"There is GET {PATH}, and nothing else.\n")
        encode, content_type = choose_encoder(request.headers.get("Accept", ""))
        body = encode(self._registry)
        headers = Headers({"Content-Type": content_type, "Content-Length": str(len(body)), "Connection": "close"})
        return Response(HTTPStatus.OK.value, HTTPStatus.OK.phrase, headers, body)


async def _nobody(connection: ServerConnection) -> None:
    """Nobody gets as far as a WebSocket."""
