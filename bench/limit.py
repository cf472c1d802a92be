"""The other reference: the leanest bridge from AudioSocket to a Realtime server that asyncio and a library allow.

    python -m bench.limit PORT URL

Protocol classes, one shared tick, frames prepared beforehand; for a frame nothing is awaited, locked or logged.
It carries the benchmark's conversation and no telephone call: no silence where Asterisk sends none, no second
connection, no tools, no turns, one rate, and a peer that misbehaves ends it. What a worker takes beyond it is what all
of that costs.
"""

import asyncio
import gc
import json
import socket
import sys
from base64 import b64decode, b64encode
from collections import deque
from typing import Any, cast

import uvloop
from websockets.asyncio.client import ClientConnection, connect
from websockets.frames import Frame

FRAME_S = 0.02
FRAME_BYTES = 960
HEADER = b"\x13\x03\xc0"
SILENCE = HEADER + bytes(FRAME_BYTES)
APPEND, APPEND_END = b'{"type":"input_audio_buffer.append","audio":"', b'"}'
SETUP = b'{"type":"session.update","session":{"type":"realtime"}}'


class Line(ClientConnection):
    """The websocket to the server. The transport's callback handles each frame itself; there is no task."""

    leg: "Leg | None" = None

    def process_event(self, event: Any) -> None:
        if self.leg is None or not isinstance(event, Frame):
            super().process_event(event)
        else:
            self.leg.told(bytes(event.data))

    def put(self, frame: bytes) -> None:
        self.protocol.send_text(frame)
        for data in self.protocol.data_to_send():
            self.transport.write(data)


class Leg(asyncio.Protocol):
    """One call: both of its connections."""

    def __init__(self, url: str, legs: "set[Leg]") -> None:
        self._url = url
        self._legs = legs
        self._line: Line | None = None
        self._opening: asyncio.Task[None] | None = None
        self._rest = b""
        self._sound: deque[bytes] = deque()
        """Frames that are ready to be sent."""
        self._item = self._muted = self._response = ""
        self._heard_ms = 0

    # ------------------------------------------------------------ AudioSocket

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's does not say that it is one
        self._transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._transport.write(SILENCE)
        self._legs.add(self)

    def data_received(self, data: bytes) -> None:
        if len(data) == len(SILENCE) and not self._rest:
            self._said(data[3:])
            return
        data = self._rest + data
        while len(data) >= 3 and len(data) >= (end := 3 + int.from_bytes(data[1:3], "big")):
            if data[0] == HEADER[0]:
                self._said(data[3:end])
            elif data[0] == 1:
                self._opening = asyncio.create_task(self._open())
            data = data[end:]
        self._rest = data

    def connection_lost(self, exc: Exception | None) -> None:
        self._legs.discard(self)
        if self._line is not None:
            self._line.transport.abort()

    def tick(self) -> None:
        if self._sound:
            self._heard_ms += 20
            self._transport.write(self._sound.popleft())
        else:
            self._transport.write(SILENCE)

    def _said(self, pcm: bytes) -> None:
        if self._line is not None:
            self._line.put(APPEND + b64encode(pcm) + APPEND_END)

    # ------------------------------------------------------------ the Realtime server

    async def _open(self) -> None:
        line = await connect(
            self._url, create_connection=Line, compression=None, max_queue=None, ping_interval=None, proxy=None
        )
        assert isinstance(line, Line)
        line.leg, self._line = self, line
        line.put(SETUP)

    def told(self, frame: bytes) -> None:
        event = json.loads(frame)
        kind = event["type"]
        if kind == "response.output_audio.delta":
            self._play(event)
        elif kind == "input_audio_buffer.speech_started" and self._sound:
            self._interrupt()

    def _play(self, event: dict[str, Any]) -> None:
        if event["response_id"] == self._muted:
            return
        if event["item_id"] != self._item:
            self._item, self._response, self._heard_ms = event["item_id"], event["response_id"], 0
        pcm = b64decode(event["delta"])
        self._sound.extend(HEADER + pcm[at : at + FRAME_BYTES] for at in range(0, len(pcm), FRAME_BYTES))

    def _interrupt(self) -> None:
        self._sound.clear()
        self._muted = self._response
        cut = {"item_id": self._item, "content_index": 0, "audio_end_ms": self._heard_ms}
        assert self._line is not None
        self._line.put(json.dumps({"type": "conversation.item.truncate", **cut}).encode())


async def main(port: int, url: str) -> None:
    loop = asyncio.get_running_loop()
    legs: set[Leg] = set()
    start, count = loop.time(), 0

    def tick() -> None:
        nonlocal count
        count += 1
        loop.call_at(start + count * FRAME_S, tick)
        for leg in tuple(legs):
            leg.tick()

    tick()
    gc.freeze()
    server = await loop.create_server(lambda: Leg(url, legs), "127.0.0.1", port)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), sys.argv[2]))
