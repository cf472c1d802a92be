"""The sockets that the API listens on: taken before anything else is done, used when all is ready.

Whoever connects in between waits in the kernel's queue and is answered a moment later. So does who connects while this
process can open no more files: the log tells it now and then, and not for each attempt.
"""

import asyncio
import logging
import os
import socket
import ssl
from collections.abc import Callable
from time import monotonic
from typing import Any

import structlog

log = structlog.get_logger()

BACKLOG = 128
AT_ONCE = 32
"""Connections that are accepted before the loop does something else. Without files asyncio tries so often in a row."""
TOLD_EVERY = 30.0  # seconds


class CantListen(OSError):
    """The address is taken, not ours, or unknown."""


class _OutOfFiles(logging.Filter):
    """For asyncio's log: it tells of each attempt to accept a connection without a file for it."""

    def __init__(self) -> None:
        super().__init__()
        self._told: float | None = None

    def filter(self, record: logging.LogRecord) -> bool:
        if not record.getMessage().startswith("socket.accept() out of system resource"):
            return True
        if self._told is None or monotonic() - self._told > TOLD_EVERY:
            self._told = monotonic()
            why = record.exc_info[1] if isinstance(record.exc_info, tuple) else None
            reason = why.strerror if isinstance(why, OSError) else None
            log.error("no connection can be accepted; raise the limit of open files (LimitNOFILE)", reason=reason)
        return False


logging.getLogger("asyncio").addFilter(_OutOfFiles())


async def serve(
    bound: socket.socket, factory: Callable[[], asyncio.BaseProtocol], tls: ssl.SSLContext | None, **more: Any
) -> asyncio.Server:
    """`factory` for each connection to `bound`, which listens."""
    server = await asyncio.get_running_loop().create_server(factory, sock=bound, backlog=AT_ONCE, ssl=tls, **more)
    bound.listen(BACKLOG)  # what create_server took for the kernel's queue, too
    return server


async def listen(host: str, port: int) -> list[socket.socket]:
    """One for each address of `host`. Raises CantListen where one is taken; then none is kept."""
    try:
        return await _listen(host, port)
    except OSError as error:
        raise CantListen(error.errno, error.strerror or str(error)) from error


async def _listen(host: str, port: int) -> list[socket.socket]:
    loop = asyncio.get_running_loop()
    found = await loop.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    sockets: list[socket.socket] = []
    try:
        for family, kind, protocol, _, address in dict.fromkeys(found):
            each = socket.socket(family, kind, protocol)
            sockets.append(each)
            each.setblocking(False)
            if os.name == "posix":  # elsewhere it lets two listen at once
                each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                each.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            each.bind(address)
            each.listen(BACKLOG)
            if port == 0:
                break
    except BaseException:
        for each in sockets:
            each.close()
        raise
    return sockets
