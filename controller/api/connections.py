"""How many connections the API's server has: in total, and by address.

Owns the caps. Where there is no room, a connection without a request under way makes room: of the same address if that
one has too many, otherwise of the address that has the most. Where all are at work, the new one gets 503 at most. So
nobody is kept out by connections that ask nothing, or never finish asking. Whoever does not take an answer is let go by
the kernel. A few places more are for the links of workers: calls need them, and they come from where proxies are, too.
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
"""How long an answer may lie in the client's way without anything of it being taken."""
TELL_EVERY = 60.0
SPARE = 32
"""Places besides, in which nothing but the link of a worker may be asked for."""


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
        self._told_at = -TELL_EVERY

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
        """aiohttp has no other place where a connection is told of before it asks."""
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
        _let_go_of_who_takes_nothing(transport)
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
        """Has one that asks nothing made room? `network`: it must be of that one."""
        idle = [each for each in self._known if not _at_work(each) and network in (None, self._known[each].network)]
        found = max(idle, key=lambda each: self._count[self._known[each].network], default=None)  # the oldest of equals
        self._tell(refused=found is None)
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

    def _tell(self, *, refused: bool) -> None:
        now = time.monotonic()
        if now - self._told_at < TELL_EVERY:
            return
        self._told_at = now
        network, count = self._count.most_common(1)[0]
        done = "a new one was refused" if refused else "one that asked nothing was closed"
        told = {"connections": len(self._known), "most_from": network, "of_these": count}
        log.warning("the API has as many connections as it may (api.connections)", done=done, **told)


def _at_work(handler: web.RequestHandler) -> bool:
    """From the end of a request's head to the end of its answer."""
    return bool(getattr(handler, "_request_in_progress", True))


def _let_go_of_who_takes_nothing(transport: asyncio.Transport) -> None:
    """tcp(7), TCP_USER_TIMEOUT. Elsewhere than on Linux there is none."""
    opened = transport.get_extra_info("socket")
    if opened is not None and hasattr(socket, "TCP_USER_TIMEOUT"):
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(UNTAKEN_SECONDS * 1000))
