"""What is sent on one websocket: order, faults and the record.

Owns what is sent and when. Events are queued without an await, so that a decision is one step, and written by one
task; a scripted fault happens exactly between two events. Nothing is validated here: the tests compare every frame
with OpenAI's types.
"""

import asyncio
import copy
import itertools
import json
import socket
import struct
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, TextIO

import structlog
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from simulator.realtime.errors import Frame
from simulator.realtime.faults import Action, Alter, Close, Drop, Fault, Freeze, Repeat, Send, Skip, Stall

log = structlog.get_logger()

ROOM = 32
"""A response waits while so many events are queued: it generates no faster than the client reads."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One event that passed. `at` in seconds of `time.monotonic`."""

    at: float
    event: Frame

    @property
    def type(self) -> str:
        """Its type, or nothing if it had none."""
        return str(self.event.get("type", ""))


class Record:
    """A JSON line for each event, with the audio reduced to its size."""

    def __init__(self, file: TextIO | None) -> None:
        self._file = file

    def write(self, session: int, sender: str, event: Any) -> None:
        """Append one line; nothing if there is no file."""
        if self._file is None:
            return
        if isinstance(event, dict):
            event = {name: _short(name, value) for name, value in event.items()}
        line = {"at": round(time.time(), 4), "session": session, "from": sender, "event": event}
        self._file.write(json.dumps(line) + "\n")
        self._file.flush()


def _short(name: str, value: Any) -> Any:
    if name in ("audio", "delta") and isinstance(value, str) and len(value) > 200:
        return f"<{len(value)} characters>"
    return value


class Wire:
    """Sends for one session."""

    def __init__(self, socket: ServerConnection, faults: Sequence[Fault], noted: Callable[[str, Frame], None]) -> None:
        self._socket = socket
        self._faults = faults
        self._noted = noted
        self._queue: asyncio.Queue[Frame] = asyncio.Queue()
        self._room = asyncio.Event()
        self._room.set()
        self._flowing = asyncio.Event()
        self._flowing.set()
        self._passed: Counter[str] = Counter()
        self._ids = itertools.count(1)
        self.frozen = False

    def emit(self, kind: str, **fields: Any) -> None:
        """Queue one event."""
        self._queue.put_nowait(copy.deepcopy({"type": kind, "event_id": f"event_{next(self._ids):08d}", **fields}))
        if self._queue.qsize() >= ROOM:
            self._room.clear()

    async def room(self) -> None:
        """Wait until the client has read enough."""
        await self._room.wait()

    async def run(self) -> None:
        """Write what is queued, until the socket is closed."""
        try:
            while True:
                frame = await self._queue.get()
                await self._pass(frame)
                if self._queue.qsize() < ROOM:
                    self._room.set()
        except ConnectionClosed:
            # The session ends where it reads; what is still queued has no one to go to.
            self._room.set()

    async def _pass(self, frame: Frame) -> None:
        kind = str(frame["type"])
        self._passed[kind] += 1
        times = 1
        for action in self._due(kind, early=True):
            if isinstance(action, Skip):
                times = 0
            elif isinstance(action, Alter):
                action.change(frame)
            else:
                await self.act(action)
        due = self._due(kind, early=False)
        times += sum(isinstance(action, Repeat) for action in due)
        for _ in range(times):
            await self._write(frame)
        for action in due:
            if not isinstance(action, Repeat):
                await self.act(action)

    async def heard(self, kind: str) -> None:
        """A client event came: strike if a fault says so."""
        self._passed[kind] += 1
        for action in self._due(kind, early=False):
            await self.act(action)

    def _due(self, kind: str, *, early: bool) -> list[Action]:
        count = self._passed[kind]
        found = [
            fault for fault in self._faults if fault.moment == kind and fault.early == early and fault.nth in (0, count)
        ]
        return [action for fault in found for action in fault.actions]

    async def act(self, action: Action) -> None:
        """Do one fault now."""
        match action:
            case Close(1005):
                self._close_without_code()
            case Close(code, reason):
                await self._socket.close(code, reason)
            case Drop():
                self._reset()
            case Freeze():
                self._flowing.clear()
                self._transport.pause_reading()
                self.frozen = True
            case Stall(seconds):
                self._flowing.clear()
                if seconds is not None:
                    asyncio.get_running_loop().call_later(seconds, self._flowing.set)
            case Send(frame):
                await self._write(frame)
            case Skip() | Repeat() | Alter():
                log.warning("fault has no event to act on", action=repr(action))

    @property
    def _transport(self) -> asyncio.Transport:
        transport = self._socket.transport
        assert isinstance(transport, asyncio.Transport)
        return transport

    def _reset(self) -> None:
        """Without lingering there is no FIN: the other end gets a RST, as from a machine that has rebooted."""
        sock: socket.socket = self._transport.get_extra_info("socket")
        with suppress(OSError):  # it has just been closed by the other side
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._transport.abort()

    def _close_without_code(self) -> None:
        self._socket.protocol.send_close()
        for data in self._socket.protocol.data_to_send():
            self._transport.write(data)

    async def _write(self, frame: Frame | str | bytes) -> None:
        await self._flowing.wait()
        if isinstance(frame, dict):
            self._noted("server", frame)
            await self._socket.send(json.dumps(frame))
        else:
            await self._socket.send(frame)
