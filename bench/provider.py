"""The Realtime server of the benchmark. It does as little as possible, so that the worker is what is measured.

Owns one websocket per call: it checks each caller frame's stamp, hears speech begin and end, answers with stamped
sound at five times real time, and holds what the worker says was heard against what the caller's end did hear.
`simulator/realtime` is the strict one; this one knows just enough to carry a conversation, and counts what it would
refuse.
"""

import asyncio
import base64
import json
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import Any
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from bench import stamps
from bench.results import FRAME_MS, Seen
from bench.script import DELTA_EVERY, DELTA_FRAMES, REPLY_FRAMES, VoiceDetector
from tests.peers.certificates import Certificate

APPEND = b'{"type":"input_audio_buffer.append","audio":"'
APPEND_END = b'"}'
LOUD = 1000
QUESTION = "When do you open tomorrow, and is there a place to park?"
REPLY = "We open at nine tomorrow, and close at six. You can park behind the house, where the sign is."
WORDS = tuple(f"{word} " for word in REPLY.split())
"""One with each delta of sound."""
FRAME_BASE64 = stamps.FRAME_BYTES * 4 // 3


@dataclass
class Reply:
    """One response with one item of sound."""

    call: int
    number: int
    sent_frames: int = 0
    first_sent: float = 0.0
    heard_frames: int = 0
    last_heard: float = 0.0
    interrupted: float | None = None
    """When `speech_started` was sent while it was to be heard."""
    done: bool = False

    @property
    def id(self) -> str:
        return f"resp_{self.call}_{self.number}"

    @property
    def item(self) -> str:
        return f"item_{self.call}_{self.number}"


@dataclass
class Provider:
    """`async with` it; `url` is for the worker. `seen` None: nothing is counted."""

    seen: Seen | None = None
    by_level: bool = False
    """True: callers come by telephone, without stamps; loud frames are speech."""
    replies: dict[tuple[int, int], Reply] = field(default_factory=dict)
    visitors: int = 0
    certificate: Certificate | None = None
    """With a certificate the server speaks TLS, as OpenAI's does."""
    _server: Server | None = None

    @property
    def url(self) -> str:
        assert self._server is not None
        port = next(iter(self._server.sockets)).getsockname()[1]
        return (
            f"ws://127.0.0.1:{port}/v1/realtime" if self.certificate is None else f"wss://localhost:{port}/v1/realtime"
        )

    @property
    def environment(self) -> dict[str, str]:
        """Environment of a process that must trust the certificate."""
        return {} if self.certificate is None else {"SSL_CERT_FILE": self.certificate.certificate}

    async def __aenter__(self) -> "Provider":
        tls = None
        if self.certificate is not None:
            tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            tls.load_cert_chain(self.certificate.certificate, self.certificate.key)
        plain: dict[str, Any] = {"compression": None, "max_queue": None, "ping_interval": None}
        self._server = await serve(self._converse, "127.0.0.1", 0, ssl=tls, **plain)
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    def heard(self, frame: stamps.AgentFrame, at: float) -> None:
        """A caller has received a frame of the agent."""
        reply = self.replies.get((frame.call, frame.reply))
        if reply is None:
            return
        expected, reply.heard_frames, reply.last_heard = reply.heard_frames, frame.frame + 1, at
        if self.seen is not None:
            self.seen.frames_down += 1
            self.seen.lost_down += max(0, frame.frame - expected)
            self.seen.doubled_down += frame.frame < expected
            if frame.frame == 0:
                self.seen.first_audio.append(at - reply.first_sent)

    async def _converse(self, socket: ServerConnection) -> None:
        try:
            await Conversation(self, socket).run()
        except ConnectionClosed:
            return


class Conversation:
    """One websocket."""

    def __init__(self, provider: Provider, socket: ServerConnection) -> None:
        self._provider = provider
        self._socket = socket
        self._detector = VoiceDetector()
        self._call = 0
        self._sequence: int | None = None
        self._reply: Reply | None = None
        self._replies = 0
        if provider.by_level:
            self._call = provider.visitors = provider.visitors + 1
        self._turns = 0
        request = socket.request
        asked = parse_qs(urlsplit(request.path if request else "").query)
        self._model = asked.get("model", ["bench"])[0]
        self._speaking: asyncio.Task[None] | None = None
        self._handlers: dict[str, Callable[[dict[str, Any]], None]] = {
            "session.update": self._update,
            "conversation.item.truncate": self._truncate,
            "conversation.item.delete": self._delete,
            "response.create": lambda _: self._begin_reply(),
            "response.cancel": lambda _: self._cancel(),
        }

    async def run(self) -> None:
        self._say("session.created", session={"type": "realtime", "id": "sess", "model": self._model})
        try:
            while True:
                frame = await self._socket.recv(decode=False)
                if frame.startswith(APPEND):
                    self._append(frame)
                    continue
                event = json.loads(frame)
                handler = self._handlers.get(event["type"])
                if handler is not None:
                    handler(event)
                elif self._provider.seen is not None:
                    self._provider.seen.refused += 1
        finally:
            if self._speaking is not None:
                self._speaking.cancel()

    def _say(self, kind: str, **fields: Any) -> None:
        self._write(json.dumps({"type": kind, "event_id": "event", **fields}).encode())

    def _write(self, frame: bytes) -> None:
        """Write without waiting for the worker to read."""
        self._socket.protocol.send_text(frame)
        for data in self._socket.protocol.data_to_send():
            if data:
                self._socket.transport.write(data)

    # ------------------------------------------------------------ the caller's sound

    def _update(self, event: dict[str, Any]) -> None:
        session = event["session"] | {"id": "sess", "model": self._model}
        self._say("session.updated", session=session)

    def _append(self, frame: bytes) -> None:
        """Fifty a second and call: only the stamps are decoded."""
        for at in range(len(APPEND), len(frame) - len(APPEND_END), FRAME_BASE64):
            if self._provider.by_level:
                self._listen(base64.b64decode(frame[at + 640 : at + 768]))
            else:
                self._hear(stamps.read_caller_frame(base64.b64decode(frame[at : at + 16])))

    def _listen(self, part: bytes) -> None:
        """2 ms of a frame from the telephone network."""
        if self._provider.seen is not None:
            self._provider.seen.frames_up += 1
        self._turn(max(memoryview(part).cast("h")) > LOUD)

    def _hear(self, frame: stamps.CallerFrame | None) -> None:
        if frame is not None:
            self._count(frame)
        elif self._provider.seen is not None:
            self._provider.seen.filled_up += 1
        self._turn(frame is not None and frame.speaking)

    def _turn(self, speech: bool) -> None:
        news = self._detector.hear(speech)
        if news:
            self._speech_started()
        elif news is False:
            self._say("input_audio_buffer.speech_stopped", item_id=self._said, audio_end_ms=0)
            self._say("input_audio_buffer.committed", item_id=self._said, previous_item_id=None)
            self._begin_reply()
            self._transcribe()

    @property
    def _said(self) -> str:
        """Id of the item that holds the caller's current or latest speech."""
        return f"said_{self._turns}"

    def _transcribe(self) -> None:
        part = {"item_id": self._said, "content_index": 0}
        usage = {"type": "duration", "seconds": 1.2}
        self._say("conversation.item.input_audio_transcription.completed", **part, transcript=QUESTION, usage=usage)

    def _count(self, frame: stamps.CallerFrame) -> None:
        seen = self._provider.seen
        self._call = self._call or frame.call
        if seen is not None and frame.call != self._call:
            seen.crossed += 1
        elif seen is not None and self._sequence is not None:
            missed = frame.sequence - self._sequence - 1
            seen.frames_up += 1
            seen.lost_up += max(0, missed)
            seen.doubled_up += missed < 0
        self._sequence = frame.sequence

    # ------------------------------------------------------------ the agent's sound

    def _speech_started(self) -> None:
        reply = self._reply
        self._turns += 1
        self._say("input_audio_buffer.speech_started", item_id=self._said, audio_start_ms=0)
        if reply is None:
            return
        now = monotonic()
        if now - reply.first_sent < REPLY_FRAMES * FRAME_MS / 1000:
            reply.interrupted = now
            if self._provider.seen is not None:
                self._provider.seen.interruptions += 1
        if not reply.done:
            self._cancel()

    def _cancel(self) -> None:
        if self._speaking is not None:
            self._speaking.cancel()
        if self._reply is not None and not self._reply.done:
            self._done(self._reply, "cancelled")

    def _begin_reply(self) -> None:
        if self._reply is not None and not self._reply.done:
            return
        self._replies += 1
        self._reply = reply = Reply(self._call, self._replies)
        self._provider.replies[reply.call, reply.number] = reply
        self._speaking = asyncio.create_task(self._speak(reply), name=reply.id)

    async def _speak(self, reply: Reply) -> None:
        """Deltas of 200 ms at five times real time. The call's number is known once the caller was heard."""
        where = {"response_id": reply.id, "item_id": reply.item, "output_index": 0, "content_index": 0}
        item = {"id": reply.item, "type": "message", "role": "assistant", "status": "in_progress", "content": []}
        self._say("response.created", response={"id": reply.id, "status": "in_progress", "output": []})
        self._say("response.output_item.added", response_id=reply.id, output_index=0, item=item)
        loop = asyncio.get_running_loop()
        due = loop.time()
        reply.first_sent = monotonic()
        for first in range(0, REPLY_FRAMES if reply.call else 0, DELTA_FRAMES):
            sound = stamps.agent_sound(reply.call, reply.number, first, DELTA_FRAMES)
            self._say("response.output_audio.delta", **where, delta=base64.b64encode(sound).decode())
            self._say(
                "response.output_audio_transcript.delta", **where, delta=WORDS[first // DELTA_FRAMES % len(WORDS)]
            )
            reply.sent_frames = first + DELTA_FRAMES
            due += DELTA_EVERY
            await asyncio.sleep(max(0.0, due - loop.time()))
        self._say("response.output_audio.done", **where)
        self._say("response.output_audio_transcript.done", **where, transcript=REPLY)
        self._done(reply, "completed")

    def _done(self, reply: Reply, status: str) -> None:
        reply.done = True
        item = {"id": reply.item, "type": "message", "role": "assistant", "status": "completed", "content": []}
        self._say("response.output_item.done", response_id=reply.id, output_index=0, item=item)
        self._say("response.done", response={"id": reply.id, "status": status, "output": [item]})

    # ------------------------------------------------------------ what was heard of it

    def _truncate(self, event: dict[str, Any]) -> None:
        reply, seen = self._reply, self._provider.seen
        cut = event["audio_end_ms"]
        self._say("conversation.item.truncated", item_id=event["item_id"], content_index=0, audio_end_ms=cut)
        if seen is None or reply is None:
            return
        if event["item_id"] != reply.item or cut > reply.sent_frames * FRAME_MS:
            seen.refused += 1
        elif reply.interrupted is not None:
            seen.truncations += 1
            # What is on its way to the caller's end still gets there: looked at a moment later.
            asyncio.get_running_loop().call_later(0.1, self._judge, reply, cut)

    def _judge(self, reply: Reply, cut: float) -> None:
        seen = self._provider.seen
        if seen is not None and reply.interrupted is not None:
            seen.truncation_error.append(abs(cut - reply.heard_frames * FRAME_MS))
            seen.barge_in.append(max(0.0, reply.last_heard - reply.interrupted))

    def _delete(self, event: dict[str, Any]) -> None:
        self._say("conversation.item.deleted", item_id=event["item_id"])
