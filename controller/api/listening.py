"""The sockets that the API listens on: taken before anything else is done, used when all is ready.

Whoever connects in between waits in the kernel's queue and is answered a moment later.
"""

import asyncio
import os
import socket

BACKLOG = 128


async def listen(host: str, port: int) -> list[socket.socket]:
    """One for each address of `host`. Raises OSError where one is taken; then none is kept."""
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
