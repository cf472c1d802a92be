"""A stand-in for a worker: it speaks the control link, and has neither sound nor an AI.

Owns one link to one controller. Each session is ready at once; what an agent is told is counted.
"""

import asyncio
import os
import secrets
from collections import Counter
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.typing import Subprotocol

from bridge import contract

BEAT_S = 0.5
AGAIN_S = 0.2


@dataclass
class StandInWorker:
    """`run()` until cancelled."""

    name: str
    url: str
    token: str
    capacity: int
    told: Counter[str] = field(default_factory=Counter)
    """Commands by type."""
    calls: set[str] = field(default_factory=set)
    _boot: str = field(default_factory=lambda: secrets.token_hex(16))
    _numbers: Any = field(default_factory=lambda: count(1))
    _expected: dict[str, contract.ExpectMedia | contract.CheckMedia] = field(default_factory=dict)
    _came: set[str] = field(default_factory=set)
    _events: asyncio.Queue[contract.CallEvent] = field(default_factory=asyncio.Queue)

    def media_came(self, media: str) -> None:
        """Asterisk's connection, perhaps before the controller has announced it."""
        expected = self._expected.pop(media, None)
        if expected is None:
            self._came.add(media)
        else:
            self._connected(expected)

    async def run(self) -> None:
        while True:
            try:
                headers, offered = {"Authorization": f"Bearer {self.token}"}, map(Subprotocol, contract.SUBPROTOCOLS)
                async with connect(self.url, additional_headers=headers, subprotocols=list(offered)) as socket:
                    await self._speak(socket)
            except (OSError, TimeoutError, ConnectionClosed, InvalidHandshake):
                await asyncio.sleep(AGAIN_S)

    async def _speak(self, socket: ClientConnection) -> None:
        hello = contract.Hello(
            **{"worker": self.name, "boot": self._boot, "pid": os.getpid(), "host": "127.0.0.1", "port": 9},
            **{"capacity": self.capacity, "calls": tuple(self.calls)},
        )
        await socket.send(contract.encode(hello))
        sending = [asyncio.create_task(each) for each in (self._beat(socket), self._send(socket))]
        try:
            async for frame in socket:
                self._take(contract.decode_command(frame))
        finally:
            for task in sending:
                task.cancel()
            await asyncio.gather(*sending, return_exceptions=True)

    async def _beat(self, socket: ClientConnection) -> None:
        while True:
            await socket.send(contract.encode(contract.Heartbeat(load=contract.Load(sessions=len(self.calls)))))
            await asyncio.sleep(BEAT_S)

    async def _send(self, socket: ClientConnection) -> None:
        while True:
            await socket.send(contract.encode_numbered(next(self._numbers), await self._events.get()))

    def _take(self, command: contract.Command) -> None:
        self.told[command.type] += 1
        match command:
            case contract.Prepare(call=call):
                self.calls.add(call)
                self._events.put_nowait(contract.Ready(call=call, model="stand-in", session="s", took_ms=1))
            case contract.ExpectMedia(media=media) | contract.CheckMedia(media=media):
                if media in self._came:
                    self._came.remove(media)
                    self._connected(command)
                else:
                    self._expected[media] = command
            case contract.Close(call=call, reason=reason) if call in self.calls:
                self.calls.remove(call)
                self._events.put_nowait(contract.Ended(call=call, reason=reason))

    def _connected(self, expected: contract.ExpectMedia | contract.CheckMedia) -> None:
        if isinstance(expected, contract.ExpectMedia):
            self._events.put_nowait(contract.MediaConnected(call=expected.call))
        else:
            self._events.put_nowait(contract.MediaChecked(call=expected.check))
