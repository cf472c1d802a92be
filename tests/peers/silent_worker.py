"""A faulty bridge worker: on AudioSocket it sends a frame only as the answer to one.

    python -m tests.peers.silent_worker NAME CONTROLLER_URL

All else is correct: the handshake, `MediaConnected`, and the end of its calls.
Asterisk waits for its frames with locks held, and under many calls stands still until that worker is gone
(`docs/resilience.md`).
"""

import asyncio
import sys
from unittest.mock import patch

from bridge.audiosocket import server
from bridge.audiosocket.leg import Leg
from tests.peers.heavy_worker import HeavySession, work

CAPACITY = 500


class EchoOnly(asyncio.Transport):
    """A leg's transport that only echoes."""

    def __init__(self, real: asyncio.Transport) -> None:
        super().__init__()
        self.real = real

    def write(self, data: object) -> None:
        """Dropped."""

    def get_extra_info(self, name: str, default: object = None) -> object:
        return self.real.get_extra_info(name, default)

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self.real.set_write_buffer_limits(high, low)

    def close(self) -> None:
        self.real.close()

    def abort(self) -> None:
        self.real.abort()


class SilentLeg(Leg):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        super().connection_made(EchoOnly(transport))

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        assert isinstance(self._transport, EchoOnly)
        self._transport.real.write(data[19:] if data.startswith(b"\x01") else data)


class SilentSession(HeavySession):
    def next_frame(self) -> bytes | None:
        return None


if __name__ == "__main__":
    name, controller = sys.argv[1:]
    with patch.object(server, "Leg", SilentLeg):
        work(name, controller, capacity=CAPACITY, sessions=SilentSession)
