"""A TCP relay between Asterisk and a worker: passes every byte on, and records each frame.

It listens on another loopback address than the worker, on the same port, since workers advertise an address and keep
their port. Only its record shows what was on the wire: neither end reports it.
"""

import asyncio
import time
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

WORKER_HOST, TAP_HOST = "127.0.0.1", "127.0.0.2"


@dataclass(frozen=True, slots=True)
class TappedFrame:
    """One AudioSocket message. `at`: monotonic seconds of its last byte."""

    at: float
    kind: int
    size: int


@dataclass(slots=True)
class TappedLeg:
    """One connection: what Asterisk sent, what the worker sent, when it began and ended."""

    opened: float
    closed: float | None = None
    from_asterisk: list[TappedFrame] = field(default_factory=list)
    from_worker: list[TappedFrame] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        assert self.closed is not None, "the leg is still open"
        return self.closed - self.opened


class Tap:
    """`async with Tap(port) as tap:` and let the worker advertise TAP_HOST."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.legs: list[TappedLeg] = []

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, TAP_HOST, self.port)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        await self._server.wait_closed()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        leg = TappedLeg(time.monotonic())
        self.legs.append(leg)
        far_reader, far_writer = await asyncio.open_connection(WORKER_HOST, self.port)
        ways = (
            asyncio.create_task(_pass_on(reader, far_writer, leg.from_asterisk)),
            asyncio.create_task(_pass_on(far_reader, writer, leg.from_worker)),
        )
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            leg.closed = time.monotonic()
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            writer.close()
            far_writer.close()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seen: list[TappedFrame]) -> None:
    """Header and payload leave in one write: Asterisk ends a leg whose frame comes in two parts."""
    try:
        while True:
            header = await reader.readexactly(3)
            payload = await reader.readexactly(int.from_bytes(header[1:], "big"))
            seen.append(TappedFrame(time.monotonic(), header[0], len(payload)))
            writer.write(header + payload)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        return
