"""Asterisk's side of AudioSocket, for tests: it connects, names a call, sends sound and records what it receives."""

import asyncio
import contextlib
from dataclasses import dataclass, field
from itertools import pairwise
from types import TracebackType
from typing import Self

from bridge.audiosocket import wire

PATIENCE = 10.0
"""Seconds after which a test has failed."""


@dataclass
class AsteriskPeer:
    """One AudioSocket connection, seen from Asterisk. Use it with `async with`."""

    host: str
    port: int
    call: str | None = None
    """Named right after the connection is made, as Asterisk does; None: no UUID is sent."""
    frames: list[wire.Audio] = field(default_factory=list)
    arrivals: list[float] = field(default_factory=list)
    """Loop time of each of `frames`."""
    error: str = ""
    closed: asyncio.Event = field(default_factory=asyncio.Event)
    _decoder: wire.Decoder = field(default_factory=wire.Decoder)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _task: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._reader, self.writer = await asyncio.open_connection(self.host, self.port)
        self._task = asyncio.create_task(self._read(), name="peer")
        if self.call is not None:
            await self.send(wire.encode_uuid(self.call))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._task is not None
        self._task.cancel()
        self.writer.close()
        with contextlib.suppress(OSError, asyncio.CancelledError):
            await asyncio.gather(self._task, self.writer.wait_closed())

    @property
    def sound(self) -> bytes:
        """All payload received, in order."""
        return b"".join(frame.pcm for frame in self.frames)

    @property
    def gaps_ms(self) -> list[float]:
        return [(b - a) * 1000 for a, b in pairwise(self.arrivals)]

    async def send(self, data: bytes) -> None:
        """Send raw bytes; an error of a lost connection is ignored."""
        with contextlib.suppress(ConnectionError):
            self.writer.write(data)
            async with asyncio.timeout(PATIENCE):
                await self.writer.drain()

    async def speak(self, pcm: bytes, rate: int = 24_000) -> None:
        """Send sound as Asterisk does: 20 ms every 20 ms."""
        loop = asyncio.get_running_loop()
        due = loop.time()
        step = wire.frame_bytes(rate)
        for at in range(0, len(pcm), step):
            await self.send(wire.encode_audio(rate, pcm[at : at + step]))
            due += 0.02
            await asyncio.sleep(due - loop.time())

    async def hear(self, count: int) -> list[wire.Audio]:
        """Wait for `count` more frames and return them. Raises TimeoutError."""
        goal = len(self.frames) + count
        async with asyncio.timeout(PATIENCE + count * 0.02):
            while len(self.frames) < goal:
                self._news.clear()
                await self._news.wait()
        return self.frames[goal - count : goal]

    async def ended(self) -> None:
        """Wait until the other side has closed. Raises TimeoutError."""
        async with asyncio.timeout(PATIENCE):
            await self.closed.wait()

    def reset(self) -> None:
        """Abort the connection: the other side gets a RST."""
        import socket
        import struct

        sock: socket.socket = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    def stop_reading(self) -> None:
        """From now on nothing is read: the other side's buffers fill up."""
        assert self._task is not None
        self._task.cancel()
        transport = self.writer.transport
        assert isinstance(transport, asyncio.ReadTransport)
        transport.pause_reading()

    async def _read(self) -> None:
        loop = asyncio.get_running_loop()
        try:
            while data := await self._reader.read(65_536):
                for message in self._decoder.feed(data):
                    assert isinstance(message, wire.Audio), f"Asterisk refuses {message}"
                    self.frames.append(message)
                    self.arrivals.append(loop.time())
                assert self._decoder.error is None, self._decoder.error
                self._news.set()
        except ConnectionError as fault:
            self.error = type(fault).__name__
        self.closed.set()
