"""The callers of the benchmark, in Asterisk's place: N AudioSocket connections with an exact 20 ms cadence.

Owns the connections, one clock for all of them (20 phases of 1 ms, absolute deadlines), and the time of arrival of each
frame. The same callers load the reference, a bare echo.
"""

import asyncio
import uuid
from collections.abc import Callable, Iterator
from time import monotonic
from typing import cast

from bench import stamps
from bench.results import Seen
from bench.script import CallerPlan

FRAME_S = 0.02
PHASES = 20
HEADER = b"\x13" + stamps.FRAME_BYTES.to_bytes(2, "big")  # slin24
FRAME = len(HEADER) + stamps.FRAME_BYTES

Heard = Callable[[stamps.AgentFrame, float], None]


class Caller(asyncio.Protocol):
    """One call. `number` from 1; `heard` is called with every frame that has an agent's stamp."""

    def __init__(self, number: int, heard: Heard) -> None:
        self.number = number
        self.call = uuid.uuid4()
        self.plan = CallerPlan(begins_in=25 + number * 7 % 100)
        self.arrivals: list[float] = []
        self.crossed = 0
        self.closed = asyncio.Event()
        self.measured = False
        self._heard = heard
        self._sequence = 0
        self._rest = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's does not say that it is one
        self._transport.write(b"\x01\x00\x10" + self.call.bytes)

    def data_received(self, data: bytes) -> None:
        now = monotonic()
        data = self._rest + data if self._rest else data
        at = 0
        while at + FRAME <= len(data):
            if data[at : at + 3] != HEADER:
                raise ValueError(f"not a frame of slin24: {data[at : at + 3].hex()}")
            if self.measured:
                self.arrivals.append(now)
            self._hear(stamps.read_agent_frame(data[at + 3 : at + 3 + 16]), now)
            at += FRAME
        self._rest = data[at:]

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self.closed.set()

    def step(self) -> None:
        """Called every 20 ms."""
        if self._transport is not None:
            self._sequence += 1
            speaks = self.plan.speaks()
            self._transport.write(HEADER + stamps.caller_frame(self.number, self._sequence, speaks))

    def hang_up(self) -> None:
        if self._transport is not None:
            self._transport.write(b"\x00\x00\x00")
            self._transport.close()

    def _hear(self, frame: stamps.AgentFrame | None, now: float) -> None:
        if frame is None:
            return
        if frame.call != self.number:
            self.crossed += 1
            return
        self.plan.heard(frame.frame)
        self._heard(frame, now)


class Callers:
    """All callers, on one clock. Frames between `begin` and `end` are measured."""

    def __init__(self) -> None:
        self._all: list[Caller] = []
        self._late: list[float] = []
        self._clock: asyncio.Task[None] | None = None

    def __iter__(self) -> Iterator[Caller]:
        return iter(self._all)

    async def join(self, caller: Caller, host: str, port: int) -> None:
        """Raises OSError."""
        async with asyncio.timeout(5):
            await asyncio.get_running_loop().create_connection(lambda: caller, host, port)
        self._all.append(caller)
        if self._clock is None:
            self._clock = asyncio.create_task(self._tick(), name="callers")

    async def measure(self, seconds: float, seen: Seen) -> None:
        """Record what arrives during so many seconds."""
        for caller in self._all:
            caller.measured = True
        self._late.clear()
        await asyncio.sleep(seconds)
        for caller in self._all:
            caller.measured = False
        seen.arrivals = [caller.arrivals for caller in self._all]
        seen.crossed += sum(caller.crossed for caller in self._all)
        seen.late = list(self._late)

    async def leave(self) -> None:
        """All hang up."""
        if self._clock is not None:
            self._clock.cancel()
        for caller in self._all:
            caller.hang_up()
        async with asyncio.timeout(10):
            await asyncio.gather(*(caller.closed.wait() for caller in self._all))

    async def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        start, slot = loop.time(), 0
        while True:
            slot += 1
            due = start + slot * FRAME_S / PHASES
            await asyncio.sleep(max(0.0, due - loop.time()))
            self._late.append(max(0.0, loop.time() - due))
            for caller in self._all[slot % PHASES :: PHASES]:
                caller.step()
