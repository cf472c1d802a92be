"""How many connections the API's server has: in total, and by address.

Owns the caps. Where a cap is reached, a connection without a request under way is closed: one of the same address if
that address has too many, otherwise one of the address with the most. If all are busy, the new connection is answered
503 or closed. So idle connections, and requests that never end, keep nobody out. The kernel closes a connection whose
client acknowledges nothing. A few more places are reserved for the control links of workers, which calls need and
which may come from the address of a proxy.
"""

import asyncio
import socket
import time
from collections import Counter
from dataclasses import dataclass

import structlog
from aiohttp import hdrs, web
from aiohttp.typedefs import Handler

from bridge import contract
from bridge.common.auth_throttle import network_of
from bridge.common.token_bucket import RETRY_AFTER
from controller.config.models.api import Connections

log = structlog.get_logger()

UNTAKEN_SECONDS = 30.0
"""How long an answer may stay unacknowledged by the client."""
WARN_EVERY = 60.0
SPARE = 32
"""Additional connections, on which only the control link of a worker may be requested."""


@dataclass(frozen=True, slots=True)
class _Known:
    network: str
    transport: asyncio.Transport


class ConnectionCaps:
    """`watch` a server before it listens."""

    def __init__(self, caps: Connections) -> None:
        self._caps = caps
        self._known: dict[web.RequestHandler, _Known] = {}
        self._count: Counter[str] = Counter()
        self._spare: dict[web.RequestHandler, asyncio.Transport] = {}
        self._warned_at = -WARN_EVERY

    def __len__(self) -> int:
        return len(self._known) + len(self._spare)

    @web.middleware
    async def gate(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """The outermost middleware."""
        if request.protocol not in self._spare or request.path == contract.LINK_PATH:
            return await handler(request)
        response = web.Response(status=503, headers={RETRY_AFTER: "5", hdrs.CONNECTION: "close"})
        response.force_close()
        return response

    def watch(self, server: web.Server) -> None:
        """Wraps two methods of aiohttp's server: it has no hook for a connection before its first request."""
        made, lost = server.connection_made, server.connection_lost

        def connection_made(handler: web.RequestHandler, transport: asyncio.Transport) -> None:
            made(handler, transport)
            self._made(handler, transport)

        def connection_lost(handler: web.RequestHandler, exc: BaseException | None = None) -> None:
            self._forget(handler)
            lost(handler, exc)

        server.connection_made = connection_made  # type: ignore[method-assign]
        server.connection_lost = connection_lost  # type: ignore[method-assign]

    def _made(self, handler: web.RequestHandler, transport: asyncio.Transport) -> None:
        _limit_unacknowledged(transport)
        peer = transport.get_extra_info("peername")
        network = network_of(str(peer[0]) if peer else "")
        if self._count[network] >= self._caps.per_address:
            room = self._closed(network)
        elif len(self._known) >= self._caps.total:
            room = self._closed(None)
        else:
            room = True
        if room:
            self._known[handler] = _Known(network, transport)
            self._count[network] += 1
        elif len(self._spare) < SPARE or self._closed_spare():
            self._spare[handler] = transport
        else:
            transport.abort()

    def _closed_spare(self) -> bool:
        found = next((each for each in self._spare if not _at_work(each)), None)
        if found is not None:
            self._spare.pop(found).abort()
        return found is not None

    def _closed(self, network: str | None) -> bool:
        """Closes an idle connection (of `network`, if given). False: there is none."""
        idle = [each for each in self._known if not _at_work(each) and network in (None, self._known[each].network)]
        found = max(idle, key=lambda each: self._count[self._known[each].network], default=None)  # the oldest of equals
        self._warn(refused=found is None)
        if found is None:
            return False
        transport = self._known[found].transport
        self._forget(found)
        transport.abort()
        return True

    def _forget(self, handler: web.RequestHandler) -> None:
        self._spare.pop(handler, None)
        known = self._known.pop(handler, None)
        if known is None:
            return
        self._count[known.network] -= 1
        if not self._count[known.network]:
            del self._count[known.network]

    def _warn(self, *, refused: bool) -> None:
        now = time.monotonic()
        if now - self._warned_at < WARN_EVERY:
            return
        self._warned_at = now
        network, count = self._count.most_common(1)[0]
        done = "a new one was refused" if refused else "one that asked nothing was closed"
        told = {"connections": len(self._known), "most_from": network, "of_these": count}
        log.warning("the API has as many connections as it may (api.connections)", done=done, **told)


def _at_work(handler: web.RequestHandler) -> bool:
    """Between the end of a request's headers and the end of its answer."""
    return bool(getattr(handler, "_request_in_progress", True))


def _limit_unacknowledged(transport: asyncio.Transport) -> None:
    """TCP_USER_TIMEOUT, tcp(7); Linux only."""
    opened = transport.get_extra_info("socket")
    if opened is not None and hasattr(socket, "TCP_USER_TIMEOUT"):
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(UNTAKEN_SECONDS * 1000))
