"""The HTTP server: the API's application, and the socket it listens on.

Owns limits of size and time of every connection. Refuses what comes too slowly, or is too large.
"""

import logging
import socket
import ssl
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any

import structlog
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError

from controller.api.audit import AuditLog, AuditResources, audit_middleware, audit_on_prepare
from controller.api.auth.authenticator import Authenticator, mark_begun
from controller.api.carrying import ApiNode
from controller.api.connections import ConnectionCaps
from controller.api.idempotency import Idempotency
from controller.api.listening import BACKLOG, listen, serve
from controller.api.operation import Operation, carried_routes, routes
from controller.api.ports import Calls, OutboundPort
from controller.api.problems import answer_problems, mark
from controller.api.request_body import LARGEST
from controller.api.resources import documents
from controller.api.resources.calls import Resources
from controller.api.resources.live_calls import LiveResources
from controller.api.resources.queue import QueueResources
from controller.config.models.api import Connections
from controller.store.database import Database

log = structlog.get_logger()

IDLE_SECONDS = 30.0
"""A connection may stand idle as long; also the longest that the headers of a request may take."""
HANDSHAKE_SECONDS = 10.0
MOST_HEADERS = 64
CLOSING_SECONDS = 3.0
"""What answers under way are given when the server closes."""


@dataclass(frozen=True, slots=True)
class ApiStorage:
    """What the API stores. Without it there are no idempotency keys and no audit log."""

    database: Database
    audit_log: AuditLog


def operations_of(
    calls: Calls, orders: OutboundPort, warnings: Callable[[], list[str]] = list
) -> tuple[Operation, ...]:
    """All of them, in the order in which they are documented."""
    return _operations(Resources(calls, orders, warnings), LiveResources(calls, orders), QueueResources(orders))


def _operations(*parts: Resources | LiveResources | QueueResources) -> tuple[Operation, ...]:
    return tuple(operation for part in parts for operation in part.operations())


def make_app(
    calls: Calls,
    orders: OutboundPort,
    authenticator: Authenticator,
    more: Iterable[Operation] = (),
    extra_routes: Iterable[web.AbstractRouteDef] = (),
    storage: ApiStorage | None = None,
    warnings: Callable[[], list[str]] = list,
    node: ApiNode | None = None,
) -> web.Application:
    """The API over `calls` and the queue, and `more`. `extra_routes` see to authentication themselves. `warnings`: what
    `/readyz` tells besides. `node`: this one, among others; None: it is alone."""
    middlewares = [*([audit_middleware(storage.audit_log)] if storage else []), answer_problems]
    app = web.Application(middlewares=middlewares, client_max_size=LARGEST)
    app.on_response_prepare.extend([mark, mark_begun, *([audit_on_prepare(storage.audit_log)] if storage else [])])
    name, carrier = (node.name, node.carrier) if node is not None else ("node1", None)
    resources = Resources(calls, orders, warnings, name, carrier)
    operations = (
        *_operations(resources, LiveResources(calls, orders, name), QueueResources(orders)),
        *more,
        *(AuditResources(storage.audit_log).operations() if storage else ()),
    )
    keys = Idempotency(storage.database) if storage else None
    served = routes(operations, authenticator, keys, carrier)
    if node is not None:
        app.on_cleanup.append(node.close)
        own = [resources.cluster.operation()] if resources.cluster is not None else []
        if carrier is not None:
            own += [replace(each, handle=each.own or each.handle) for each in operations if each.of_call or each.own]
        served += carried_routes(own, node.gate, keys)
    app.router.add_routes([*served, *documents.routes(operations), *extra_routes])
    return app


class _MalformedHttp(logging.Filter):
    """For aiohttp's log: one line instead of a traceback for bytes that are not HTTP. Those may hold a token."""

    def filter(self, record: logging.LogRecord) -> bool:
        fault = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
        if not isinstance(fault, HttpProcessingError):
            return True
        log.info("what is not HTTP was refused", kind=type(fault).__name__)
        return False


_HTTP_LOG = logging.getLogger("voiceai.http")
_HTTP_LOG.addFilter(_MalformedHttp())


class _Site(web.BaseSite):
    """As aiohttp's SockSite, with a time limit for the TLS handshake."""

    def __init__(self, runner: web.AppRunner, bound: socket.socket, tls: ssl.SSLContext | None) -> None:
        super().__init__(runner, ssl_context=tls, backlog=BACKLOG)
        self._bound = bound

    @property
    def name(self) -> str:
        return str(self._bound.getsockname())

    async def start(self) -> None:
        await super().start()
        server = self._runner.server
        assert server is not None
        more: dict[str, Any] = {"ssl_handshake_timeout": HANDSHAKE_SECONDS} if self._ssl_context else {}
        self._server = await serve(self._bound, server, self._ssl_context, **more)


class ApiServer:
    """`async with ApiServer(app, host, port) as server` listens; `server.port` is the real one if `port` was 0.

    `tls`: for https. `sockets`: those that listen there already (`listening`). Raises OSError where the address is
    taken.
    """

    def __init__(
        self,
        app: web.Application,
        host: str,
        port: int,
        tls: ssl.SSLContext | None = None,
        sockets: Sequence[socket.socket] = (),
        caps: Connections | None = None,
    ) -> None:
        self.connections = ConnectionCaps(caps or Connections())
        app.middlewares.insert(0, self.connections.gate)
        self._runner = web.AppRunner(
            app,
            access_log=None,
            logger=_HTTP_LOG,
            handle_signals=False,
            keepalive_timeout=IDLE_SECONDS,
            lingering_time=CLOSING_SECONDS,
            shutdown_timeout=CLOSING_SECONDS,
            auto_decompress=False,
            max_headers=MOST_HEADERS,
        )
        self._host = host
        self._sockets = sockets
        self._tls = tls
        self.port = port

    async def __aenter__(self) -> "ApiServer":
        await self._runner.setup()
        assert self._runner.server is not None
        self.connections.watch(self._runner.server)
        try:
            for each in self._sockets or await listen(self._host, self.port):
                await _Site(self._runner, each, self._tls).start()
        except BaseException:
            await self._runner.cleanup()
            raise
        self.port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._runner.cleanup()
