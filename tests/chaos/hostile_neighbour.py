"""A hostile neighbour on the network: rubbish to the ports of workers and of the API, anonymous and malformed.

Owns short TCP connections. Has no token and no id of a call.
"""

import asyncio
import random
import uuid
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress

from tests.chaos import hostile_values as odd

PAUSE = (0.1, 0.8)
PATIENCE = 3.0


class HostileNeighbour:
    """`run` until cancelled. `media`: ports of the workers; `api`: the port of API and link."""

    def __init__(self, seed: int, media: Sequence[int], api: int) -> None:
        self._chance = random.Random(f"hostile neighbour {seed}")
        self._media, self._api = media, api
        self.done: Counter[str] = Counter()

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as connections:
            while True:
                await asyncio.sleep(self._chance.uniform(*PAUSE))
                port = self._chance.choice([*self._media, self._api])
                self.done["api" if port == self._api else "media"] += 1
                many = 30 if self._chance.random() < 0.03 else 1
                for _ in range(many):
                    rubbish = self._to_api() if port == self._api else self._to_worker()
                    connections.create_task(self._talk(port, rubbish))

    def _to_worker(self) -> bytes:
        """AudioSocket: kind, length, payload. Kind 1 is the name of the call, 0x10 and above are sound."""
        chance = self._chance
        name = b"\x01\x00\x10" + uuid.UUID(int=chance.getrandbits(128)).bytes
        return chance.choice(
            [
                b"",
                name,
                name + name,
                name[: chance.randrange(19)],
                b"\x01\xff\xff" + bytes(65_535),
                b"\x01\x00\x00" + name,
                b"\x01\x00\x24" + str(uuid.uuid4()).encode(),
                b"\x10\x01\x40" + bytes(320) + name,
                b"\x13\x03\xc1" + bytes(961),
                b"\x03\x00\x01\x00" * 300,
                b"\xff\x00\x00" * 500,
                b"GET / HTTP/1.1\r\nHost: voiceai\r\n\r\n",
                chance.randbytes(700),
            ]
        )

    def _to_api(self) -> bytes:
        chance = self._chance
        word = chance.choice(
            [b"\xff\xfe", b"Bearer wrong", b"Bearer " + b"x" * 9000, b"Basic Og==", "Bearer \xe9".encode()]
        )
        link = b"GET /link HTTP/1.1\r\nHost: x\r\nAuthorization: " + word + b"\r\n"
        upgrade = b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
        return chance.choice(
            [
                link + b"\r\n",
                link + upgrade + b"Sec-WebSocket-Version: 13\r\n\r\n" + chance.randbytes(90),
                link + upgrade + b"Sec-WebSocket-Version: -1\r\n\r\n",
                b"GET /v1/calls HTTP/1.1\r\nHost: x\r\nCookie: session="
                + chance.randbytes(9).hex().encode()
                + b"\r\n\r\n",
                b"POST /console/login HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n{",
                b"\x16\x03\x01\x02\x00\x01\x00",
                b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
                b"GET /" + b"x" * 20_000 + b" HTTP/1.1\r\n\r\n",
                b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 3000 + b"\r\n",
                b"GET /metrics HTTP/1.1\r\nHost: " + odd.text(chance).encode("utf-8", "replace")[:500] + b"\r\n\r\n",
                chance.randbytes(300),
            ]
        )

    async def _talk(self, port: int, rubbish: bytes) -> None:
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(PATIENCE):
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                try:
                    writer.write(rubbish)
                    await writer.drain()
                    await reader.read()
                finally:
                    writer.close()
