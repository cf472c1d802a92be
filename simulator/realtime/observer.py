"""What tests may read of a session, and how they wait for it.

Owns the memory of all that passed. A test never sleeps: it waits for a predicate, which is looked at again with
each event.
"""

import asyncio
import time
from collections.abc import Callable
from typing import Any, Self, TypeVar

from simulator.realtime.errors import Frame, Refusal
from simulator.realtime.response import Response
from simulator.realtime.wire import Record, Seen

T = TypeVar("T")


class Observed:
    """The part of a `Session` that tests read; its lists may be read at any time.

    `received` and `sent` hold every event, `caller_audio` all appended sound (24 kHz s16le), `truncated` what
    was cut (item id, milliseconds, milliseconds it had), `refused` the refusals, `responses` all responses.
    """

    def __init__(self, number: int, record: Record, *, keep: bool) -> None:
        self.number = number
        self.received: list[Seen] = []
        self.sent: list[Seen] = []
        self.caller_audio = bytearray()
        self.truncated: list[tuple[str, int, int]] = []
        self.deleted: list[str] = []
        self.refused: list[Refusal] = []
        self.responses: list[Response] = []
        self.closed = False
        self._record, self._keep = record, keep
        self._waiting: list[tuple[Callable[[Any], Any], asyncio.Future[Any]]] = []

    async def wait_for(self, predicate: Callable[[Self], T], timeout: float = 5.0) -> T:
        """The predicate's value as soon as it is true. Raises TimeoutError."""
        value = predicate(self)
        if value:
            return value
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._waiting.append((predicate, future))
        async with asyncio.timeout(timeout):
            return await future

    async def wait_received(self, kind: str, nth: int = 1, timeout: float = 5.0) -> Frame:
        """The nth client event of a type, from 1."""
        await self.wait_for(lambda session: len(session.client_events(kind)) >= nth, timeout)
        return self.client_events(kind)[nth - 1]

    async def wait_sent(self, kind: str, nth: int = 1, timeout: float = 5.0) -> Frame:
        """The nth server event of a type, from 1."""
        await self.wait_for(lambda session: len(session.server_events(kind)) >= nth, timeout)
        return self.server_events(kind)[nth - 1]

    def client_events(self, kind: str) -> list[Frame]:
        """What the client sent of this type."""
        return [seen.event for seen in self.received if seen.type == kind]

    def server_events(self, kind: str) -> list[Frame]:
        """What the client was sent of this type."""
        return [seen.event for seen in self.sent if seen.type == kind]

    def _changed(self) -> None:
        still = []
        for predicate, future in self._waiting:
            value = None if future.done() else predicate(self)
            if value:
                future.set_result(value)
            elif not future.done():
                still.append((predicate, future))
        self._waiting = still

    def _note(self, sender: str, frame: Frame) -> None:
        self._record.write(self.number, sender, frame)
        if self._keep:
            (self.sent if sender == "server" else self.received).append(Seen(time.monotonic(), frame))
        if self._waiting:
            self._changed()
