"""A proxy for tests: HTTP CONNECT, or SOCKS 5 (RFC 1928, 1929), 4 and 4A. Whatever server is asked for, it leads to
`target`, or to the one of `targets` that has its name.
"""

import asyncio
import base64
import socket
import ssl
import struct
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field


@dataclass
class Proxy:
    """`status`: of the answers to CONNECT; 0: no answer. `user`: the only user, as `name:password`."""

    target: int
    status: int = 200
    user: str | None = None
    asked: list[str] = field(default_factory=list)
    port: int = 0
    reply: int = 0
    """SOCKS: the code of the answers, if it is not success."""
    method: int | None = None
    """SOCKS 5: the authentication method that it chooses, whatever clients offer."""
    gone_after: int | None = None
    """SOCKS: number of the answer instead of which it closes the connection (0: the first)."""
    targets: dict[str, int] = field(default_factory=dict)
    """Ports by host name, where it is not `target`."""
    carried: set[asyncio.StreamWriter] = field(default_factory=set)
    _said: Counter[asyncio.StreamWriter] = field(default_factory=Counter)
    """Number of answers sent, by connection."""

    def cut(self) -> None:
        """Resets all connections that it carries."""
        for writer in self.carried:
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = await reader.readexactly(1)
        if first == b"\x16":  # TLS
            writer.write(b"HTTP/1.1 400 Told\r\n\r\n")
            return
        serve = {b"\x05": self._socks5, b"\x04": self._socks4}.get(first, self._http)
        if (asked := await serve(reader, writer)) is not None:
            await self._carry(asked, reader, writer)

    async def _http(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str | None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        self.asked.append(head.split()[1])
        wanted = "" if self.user is None else base64.b64encode(self.user.encode()).decode()
        status = self.status if wanted in head else 407
        if status == 0:
            await reader.read()
            return None
        writer.write(f"HTTP/1.1 {status} Told\r\n\r\n".encode())
        return self.asked[-1].rpartition(":")[0] if status == 200 else None

    async def _say(self, writer: asyncio.StreamWriter, answer: bytes) -> None:
        """Send the bytes one by one."""
        self._said[writer] += 1
        if self.gone_after is not None and self._said[writer] > self.gone_after:
            raise EOFError
        for each in answer:
            writer.write(bytes((each,)))
            await writer.drain()
            await asyncio.sleep(0.002)

    async def _socks5(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str | None:
        (count,) = await reader.readexactly(1)
        offered = await reader.readexactly(count)
        if self.status == 0:
            await reader.read()
        if self.method is not None or (self.user is not None and 2 not in offered):
            await self._say(writer, bytes((5, 0xFF if self.method is None else self.method)))
            return None
        await self._say(writer, b"\x05\x02" if self.user is not None else b"\x05\x00")
        if self.user is not None and not await self._known(reader, writer):
            return None
        _, _, _, kind = await reader.readexactly(4)
        length = {1: 4, 4: 16}.get(kind) or (await reader.readexactly(1))[0]
        host = await reader.readexactly(length)
        asked = host.decode() if kind == 3 else host.hex()
        self.asked.append(asked)
        await reader.readexactly(2)
        # RFC 1928 §6: with the address that it is bound to, of the same kind
        bound = bytes((1,)) + bytes(6) if kind != 3 else b"\x03\x0bproxy.local" + bytes(2)
        await self._say(writer, bytes((5, self.reply, 0)) + bound)
        return asked if self.reply == 0 else None

    async def _known(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        name = await reader.readexactly((await reader.readexactly(2))[1])
        password = await reader.readexactly((await reader.readexactly(1))[0])
        good = f"{name.decode()}:{password.decode()}" == self.user
        await self._say(writer, b"\x01\x00" if good else b"\x01\x01")
        return good

    async def _socks4(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> str | None:
        head = await reader.readexactly(7)
        user = (await reader.readuntil(b"\0"))[:-1].decode()
        asked = (await reader.readuntil(b"\0"))[:-1].decode() if head[3:6] == bytes(3) else head[3:].hex()
        self.asked.append(asked)
        granted = self.reply == 0 and user == (self.user or "").partition(":")[0]
        await self._say(writer, bytes((0, 90 if granted else self.reply or 93)) + bytes(6))
        return asked if granted else None

    async def _carry(self, asked: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        target = self.targets.get(asked, self.target)
        there, away = await asyncio.open_connection("127.0.0.1", target)
        self.carried.add(writer)
        try:
            await asyncio.gather(_pipe(reader, away), _pipe(there, writer))
        finally:
            self.carried.discard(writer)
            away.close()


async def _pipe(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    try:
        while data := await source.read(65536):
            sink.write(data)
            await sink.drain()
    finally:
        sink.close()


@asynccontextmanager
async def proxy(target: int = 0, tls: ssl.SSLContext | None = None, **settings: object) -> AsyncIterator[Proxy]:
    """On 127.0.0.1."""
    made = Proxy(target, **settings)  # type: ignore[arg-type]
    tasks: set[asyncio.Task[None]] = set()

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        try:
            with suppress(OSError, EOFError, asyncio.LimitOverrunError, asyncio.CancelledError):
                await made.serve(reader, writer)
        finally:
            writer.close()

    async with await asyncio.start_server(connected, "127.0.0.1", 0, ssl=tls) as listening:
        made.port = listening.sockets[0].getsockname()[1]
        try:
            yield made
        finally:
            listening.close()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
