"""Owns the watch over Asterisk's process: while there is no event link, its port is tried every `TRY_S`.

What follows from the answers: `process_signs`.
"""

import asyncio
import errno
import socket
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from controller.ari.process_signs import Media, Port, ProcessSigns

TRY_S = 1.0
TRY_TIMEOUT_S = 1.0
_NOT_OURS = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
"""This machine has no such addresses (IPv6 is off): says nothing about Asterisk."""
_NO_SUCH_NAME = (socket.EAI_NONAME, socket.EAI_NODATA, socket.EAI_AGAIN)
_REQUEST = b"HEAD / HTTP/1.0\r\n\r\n"
"""Whatever it is answered with, somebody is there."""


class AsteriskProcess:
    """`url`: ARI's. `media`: what workers tell of media legs; moments are the loop's time. `ended` is called when the
    process has ended while the link is down, with the moment in which the link was lost."""

    def __init__(self, url: str, media: Callable[[], Media], ended: Callable[[datetime], None]) -> None:
        parsed = urlsplit(url)
        self._tls = parsed.scheme == "https"
        self._host = parsed.hostname or ""
        self._port = parsed.port or (443 if self._tls else 80)
        self._media, self._ended = media, ended
        self._signs = ProcessSigns()
        self._since = datetime.now(UTC)
        self._down = asyncio.Event()
        self._down.set()

    def link_up(self) -> None:
        self._down.clear()
        self._signs.link_up()

    def link_lost(self, *, closed: bool) -> None:
        self._since = datetime.now(UTC)
        self._down.set()
        self._signs.link_lost(closed=closed, now=_now())

    async def run(self) -> None:
        while True:
            await self._down.wait()
            found = await port_state(self._host, self._port, ask=not self._tls)
            if self._down.is_set() and self._signs.tried(found, self._media(), _now()):
                self._ended(self._since)
            await asyncio.sleep(TRY_S)


async def port_state(host: str, port: int, *, ask: bool = True) -> Port:
    """Of all addresses of this name. `ask` False: a connection that is taken is enough."""
    seen: set[Port] = set()
    try:
        async with asyncio.timeout(TRY_TIMEOUT_S):
            for family, kind, protocol, _, address in await asyncio.get_running_loop().getaddrinfo(
                host, port, type=socket.SOCK_STREAM
            ):
                with socket.socket(family, kind, protocol) as connection:
                    connection.setblocking(False)
                    seen.add(await _state(connection, address, ask=ask))
    except socket.gaierror as error:
        return Port.NO_HOST if error.errno in _NO_SUCH_NAME else Port.IN_USE
    except OSError as error:  # TimeoutError, too; no socket is free
        if error.errno == errno.EHOSTUNREACH:
            return Port.NO_HOST
        if error.errno not in _NOT_OURS:
            return Port.IN_USE
    return next((each for each in (Port.IN_USE, Port.CLOSED, Port.REFUSED) if each in seen), Port.IN_USE)


async def _state(connection: socket.socket, address: Any, *, ask: bool) -> Port:
    """Raises OSError."""
    loop = asyncio.get_running_loop()
    try:
        await loop.sock_connect(connection, address)
    except ConnectionRefusedError:
        return Port.REFUSED
    if not ask:
        return Port.IN_USE
    try:
        await loop.sock_sendall(connection, _REQUEST)
        return Port.IN_USE if await loop.sock_recv(connection, 1) else Port.CLOSED
    except ConnectionError:
        return Port.CLOSED


def _now() -> float:
    return asyncio.get_running_loop().time()
