"""A bridge worker whose calls need very much CPU, for tests of overload.

    python -m tests.peers.heavy_worker NAME CONTROLLER_URL

Each frame takes `COST_S` of CPU, so that a few calls use a core up on any machine, whatever else runs there.
"""

import asyncio
import os
import sys
from collections.abc import Sequence
from time import thread_time
from typing import Literal

from bridge import contract
from bridge.engine import Emit, SessionFactory
from bridge.media.sink import MediaLeg
from bridge.worker.process import Options, serve

COST_S = 0.009
"""Of the 20 ms that a frame lasts: two calls are nine tenths of a core, three more than one."""
CAPACITY = 10


class HeavySession:
    """Neither AI nor sound, only CPU load."""

    def __init__(self, spec: contract.SessionSpec, call: str, emit: Emit) -> None:
        self._call, self._emit = call, emit
        self._reason = ""
        self._leg: MediaLeg | None = None
        self._closing = asyncio.Event()

    async def run(self) -> None:
        self._emit(contract.Ready(call=self._call, model="m", session="s", took_ms=1))
        await self._closing.wait()
        if self._leg is not None:
            self._leg.close(self._reason)
        self._emit(contract.Ended(call=self._call, reason=self._reason))

    def close(self, reason: str) -> None:
        self._reason = reason
        self._closing.set()

    def media_connected(self, leg: MediaLeg) -> None:
        self._leg = leg
        self._emit(contract.MediaConnected(call=self._call))

    def next_frame(self) -> bytes | None:
        until = thread_time() + COST_S
        while thread_time() < until:
            pass
        return None

    def remember(self, turns: Sequence[contract.HistoryItem]) -> None: ...
    def greet(self) -> None: ...
    def answer_tool(self, tool_call: str, output: str, *, ok: bool = True, respond: bool = True) -> None: ...
    def command(self, command: contract.AgentCommand) -> None: ...

    consented = True

    def speaking(self) -> tuple[Literal["caller", "agent"], ...]:
        return ()

    def saying(self) -> str:
        return ""

    def media_format(self, rate: int, frame_bytes: int) -> None: ...
    def caller_audio(self, pcm: bytes) -> None: ...
    def caller_digit(self, digit: str) -> None: ...
    def media_gone(self, reason: str) -> None: ...


def work(name: str, controller: str, capacity: int, sessions: SessionFactory) -> None:
    """A worker process on loopback, until a signal ends it or nobody needs it for 10 s."""
    options = Options(
        controller=controller,
        listen="127.0.0.1",
        ports=(0,),
        advertise="127.0.0.1",
        allow=("127.0.0.0/8",),
        capacity=capacity,
        name=name,
        drain=0,
        quit_after=10,
    )
    asyncio.run(serve(options, os.environ[contract.TOKEN_ENV], session_factory=sessions))


if __name__ == "__main__":
    name, controller = sys.argv[1:]
    work(name, controller, capacity=CAPACITY, sessions=HeavySession)
