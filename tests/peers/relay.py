"""A TCP relay to a server on loopback that can be cut: then nothing passes, and nobody is told."""

import asyncio
import ssl
from contextlib import suppress
from types import TracebackType
from typing import Self

PIECE = 65536


class Relay:
    """`async with Relay(port) as relay:` and let clients use `relay.port`. `tls`: they speak it, the server doesn't."""

    def __init__(self, port: int, tls: ssl.SSLContext | None = None) -> None:
        self._far, self._tls = port, tls
        self._passes = asyncio.Event()
        self._passes.set()
        self._carried: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0, ssl=self._tls)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        for task in self._carried:
            task.cancel()
        await asyncio.gather(*self._carried, return_exceptions=True)

    def cut(self) -> None:
        self._passes.clear()

    def mend(self) -> None:
        self._passes.set()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._carried.add(task)
        try:
            with suppress(OSError, asyncio.CancelledError):  # cancelled by `__aexit__` alone
                far_reader, far_writer = await asyncio.open_connection("127.0.0.1", self._far)
                try:
                    await asyncio.gather(self._pass(reader, far_writer), self._pass(far_reader, writer))
                finally:
                    far_writer.close()
        finally:
            self._carried.discard(task)
            writer.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while piece := await reader.read(PIECE):
            await self._passes.wait()
            writer.write(piece)
            await writer.drain()
        writer.close()
