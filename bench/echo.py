"""The reference: an AudioSocket echo, the least work that a bridge can do for a frame.

    python -m bench.echo PORT

One read and one write per frame, nothing in between. The CPU of a worker is reported as a multiple of it.
"""

import asyncio
import sys
from typing import cast

import uvloop


class Echo(asyncio.Protocol):
    """Sends back every frame but the UUID, one write each."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's does not say that it is one
        self._rest = b""

    def data_received(self, data: bytes) -> None:
        data = self._rest + data if self._rest else data
        at = 0
        while at + 3 <= len(data):
            end = at + 3 + int.from_bytes(data[at + 1 : at + 3], "big")
            if end > len(data):
                break
            if data[at] == 0x13:
                self._transport.write(data[at:end])
            at = end
        self._rest = data[at:]


async def main(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Echo, "127.0.0.1", port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1])))
