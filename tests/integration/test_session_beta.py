"""A call over a server that speaks the beta form of the protocol, and what it is told after a reconnect."""

import asyncio
import json
from base64 import b64encode
from typing import Any

from pydantic import SecretStr
from websockets.asyncio.server import ServerConnection, serve

from bridge.contract import Provider, Reconnected, Said, SessionSpec
from bridge.realtime.session import RealtimeSession
from tests.integration.session_harness import CALL, Leg

SOUND = b"\1\2" * 24 * 400


class BetaServer:
    """Says hello in the beta's words, once per `response.create`. The first connection ends after that."""

    def __init__(self) -> None:
        self.received: list[dict[str, Any]] = []
        self.betas: list[str | None] = []
        self.updates = 0
        self.told = asyncio.Event()

    async def handle(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        self.betas.append(connection.request.headers.get("OpenAI-Beta"))
        await self._say(connection, "session.created", session={"id": "s", "model": "m"})
        async for text in connection:
            frame = json.loads(text)
            if frame["type"] == "input_audio_buffer.append":
                continue
            self.received.append(frame)
            if frame["type"] == "session.update":
                await self._say(connection, "session.updated", session={"id": "s", "model": "m"})
            if frame["type"] == "response.create":
                await self._reply(connection)
            if frame["type"] == "conversation.item.create" and frame["item"]["role"] == "system":
                self.told.set()

    async def _reply(self, connection: ServerConnection) -> None:
        part = {"response_id": "r1", "item_id": "i1", "output_index": 0, "content_index": 0}
        await self._say(connection, "response.created", response={"id": "r1"})
        await self._say(connection, "response.audio_transcript.done", transcript="hello", **part)
        await self._say(connection, "response.audio.delta", delta=b64encode(SOUND).decode(), **part)
        await self._say(connection, "response.audio.done", **part)
        await self._say(connection, "response.done", response={"id": "r1", "status": "completed"})
        await asyncio.sleep(0.05)
        connection.transport.abort()

    @staticmethod
    async def _say(connection: ServerConnection, kind: str, **fields: Any) -> None:
        await connection.send(json.dumps({"type": kind, **fields}))


async def test_a_call_in_the_old_words() -> None:
    beta = BetaServer()
    async with serve(beta.handle, "127.0.0.1", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        provider = Provider(
            url=f"ws://127.0.0.1:{port}/v1/realtime", api_key=SecretStr("k"), model="m", dialect="openai-beta"
        )
        happened: list[Any] = []
        spec = SessionSpec(agent="a", provider=provider, instructions="i", greeting="hello")
        session = RealtimeSession(spec, CALL, happened.append)
        task = asyncio.create_task(session.run())
        leg = Leg(session)
        session.media_connected(leg)
        session.greet()
        async with asyncio.timeout(5):
            while not any(isinstance(each, Said) for each in happened):
                session.next_frame()
                await asyncio.sleep(0.002)
            await beta.told.wait()
        session.close("done")
        await asyncio.wait_for(task, 5)
    assert beta.betas == ["realtime=v1", "realtime=v1"]
    update = beta.received[0]["session"]
    assert update["modalities"] == ["audio", "text"]
    assert "audio" not in update
    items = [frame["item"] for frame in beta.received if frame["type"] == "conversation.item.create"]
    assert items[0]["content"] == [{"type": "text", "text": "hello"}]
    assert sum(isinstance(each, Reconnected) for each in happened) == 1
