"""A minimal Realtime client for tests of the simulator: sends given events, records what it receives."""

import asyncio
import base64
import json
from types import TracebackType
from typing import Any, Self

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from simulator.realtime import RealtimeServer

Frame = dict[str, Any]
MODEL = "gpt-realtime-2.1-mini"


class Client:
    """`async with Client(server) as client:`; connects as the product does."""

    def __init__(self, server: RealtimeServer, model: str = MODEL, headers: dict[str, str] | None = None) -> None:
        self._url = f"{server.url}?model={model}"
        self._headers = {"Authorization": "Bearer sk-test"} | (headers or {})
        self._socket: ClientConnection | None = None
        self._reader: asyncio.Task[None] | None = None
        self._changed = asyncio.Condition()
        self.frames: list[Frame] = []
        self.garbage: list[str | bytes] = []
        self.over = False

    async def __aenter__(self) -> Self:
        self._socket = await connect(
            self._url, additional_headers=self._headers, compression=None, proxy=None, max_queue=None, max_size=None
        )
        self._reader = asyncio.create_task(self._read(), name="test-client")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._socket is not None
        assert self._reader is not None
        await self._socket.close()
        await self._reader

    @property
    def close_code(self) -> int | None:
        """The code with which the connection was closed."""
        assert self._socket is not None
        return self._socket.close_code

    async def _read(self) -> None:
        assert self._socket is not None
        try:
            while True:
                message = await self._socket.recv()
                async with self._changed:
                    try:
                        self.frames.append(json.loads(message))
                    except ValueError:
                        self.garbage.append(message)
                    self._changed.notify_all()
        except ConnectionClosed:
            async with self._changed:
                self.over = True
                self._changed.notify_all()

    async def send(self, kind: str, **fields: Any) -> None:
        """One event."""
        await self.send_raw(json.dumps({"type": kind, **fields}))

    async def send_raw(self, text: str | bytes) -> None:
        """Anything."""
        assert self._socket is not None
        await self._socket.send(text)

    async def speak(self, pcm: bytes) -> None:
        """Append audio in frames of 20 ms, as fast as they go."""
        for start in range(0, len(pcm), 960):
            await self.send("input_audio_buffer.append", audio=base64.b64encode(pcm[start : start + 960]).decode())

    def of(self, kind: str) -> list[Frame]:
        """The events of this type."""
        return [frame for frame in self.frames if frame["type"] == kind]

    def types(self) -> list[str]:
        """Types of all events, in order."""
        return [str(frame["type"]) for frame in self.frames]

    async def wait(self, kind: str, nth: int = 1) -> Frame:
        """The nth event of this type."""
        async with asyncio.timeout(10), self._changed:
            await self._changed.wait_for(lambda: len(self.of(kind)) >= nth)
        return self.of(kind)[nth - 1]

    async def wait_over(self) -> int | None:
        """The close code, once the server has ended the connection."""
        async with asyncio.timeout(10), self._changed:
            await self._changed.wait_for(lambda: self.over)
        return self.close_code

    async def refusal(self, kind: str, **fields: Any) -> Frame:
        """The error that an event is answered with."""
        before = len(self.of("error"))
        await self.send(kind, event_id=f"mine-{before}", **fields)
        error: Frame = (await self.wait("error", before + 1))["error"]
        assert error["event_id"] == f"mine-{before}"
        return error

    async def configure(self, **session: Any) -> Frame:
        """The session as `session.updated` tells it."""
        before = len(self.of("session.updated"))
        await self.send("session.update", session={"type": "realtime", **session})
        updated: Frame = (await self.wait("session.updated", before + 1))["session"]
        return updated

    def audio_of(self, response_id: str) -> bytes:
        """All audio of a response, in the order in which it came."""
        deltas = [each for each in self.of("response.output_audio.delta") if each["response_id"] == response_id]
        return b"".join(base64.b64decode(each["delta"]) for each in deltas)
