"""One response: the order of its events, from `response.created` to `response.done`.

Owns its output items and how their audio is sent. Cancelling is one synchronous step: when `cancel` returns, the
closing events are queued, whatever the response was doing. It ends once.

Source: OpenAI API reference, Realtime server events; order of events as captured from the live service.
"""

import asyncio
import base64
import json
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from simulator.audio import g711
from simulator.realtime.errors import Frame
from simulator.realtime.faults import Delivery
from simulator.realtime.history import History, Item, assistant_message, function_call
from simulator.realtime.reply import CallTool, Fail, Hang, Incomplete, Part, Reply, Say, Write
from simulator.realtime.response_options import ResponseOptions
from simulator.realtime.usage import usage
from simulator.realtime.vad import BYTES_PER_MS, RATE


class ResponseSession(Protocol):
    """What a response needs of its session."""

    history: History
    delivery: Delivery

    def emit(self, kind: str, **fields: Any) -> None:
        """Queue one event."""

    async def room(self) -> None:
        """Wait until the client has read enough."""

    def new_id(self, prefix: str) -> str:
        """A fresh id."""


@dataclass(slots=True)
class _Open:
    """The item being output."""

    item: Item
    index: int
    text: str = ""
    spoken: bool = False
    rest: Iterator[bytes] = field(default_factory=lambda: iter(()))


class Response:
    """Runs once. `decide` asks the model; `over` is called when `response.done` is queued."""

    def __init__(
        self,
        session: ResponseSession,
        options: ResponseOptions,
        decide: Callable[[], Awaitable[Reply]],
        over: Callable[["Response"], None],
    ) -> None:
        self.id = session.new_id("resp")
        self.options = options
        self.output: list[Item] = []
        self.status = "in_progress"
        self.details: Frame | None = None
        self.audio_ms = 0
        self.first_delta_at: float | None = None
        self.task: asyncio.Task[None] | None = None
        self._session, self._decide, self._over = session, decide, over
        self._open: _Open | None = None
        self._usage: Frame | None = None

    async def run(self) -> None:
        """From `response.created` to `response.done`."""
        self._session.emit("response.created", response=self.frame())
        if self._session.delivery.think_ms:
            await asyncio.sleep(self._session.delivery.think_ms / 1000)
        for part in await self._decide():
            if not await self._output(part):
                return
        self._finish("completed", None)

    async def _output(self, part: Part) -> bool:
        """One part of the reply; False if the response is over with it."""
        match part:
            case Say() if self.options.modality == "audio":
                await self._say(part)
            case Say(text) | Write(text):
                await self._write(text)
            case CallTool():
                if self.options.tool_choice != "none":
                    await self._call(part)
            case Hang():
                await asyncio.Event().wait()
            case Fail(code, message, kind):
                error = {"type": kind, "code": code, "message": message}
                self._finish("failed", {"type": "failed", "error": error})
                return False
            case Incomplete(reason):
                self._finish("incomplete", {"type": "incomplete", "reason": reason})
                return False
        return True

    def cancel(self, reason: str) -> None:
        """End now: `turn_detected` or `client_cancelled`. Nothing if it is over."""
        if self.status != "in_progress":
            return
        late = self._open
        if late is not None:
            self._close("incomplete")
        self._finish("cancelled", {"type": "cancelled", "reason": reason})
        if self.task is not None:
            self.task.cancel()
        if late is not None:
            for chunk, _ in zip(late.rest, range(self._session.delivery.stragglers), strict=False):
                self._delta(late, chunk)

    # ------------------------------------------------------------ items

    def _begin(self, item: Item) -> _Open:
        opened = _Open(item, len(self.output))
        self.output.append(item)
        self._open = opened
        self._session.emit(
            "response.output_item.added", response_id=self.id, output_index=opened.index, item=item.frame
        )
        if self.options.conversation_id is not None:
            before = self._session.history.append(item)
            self._session.emit("conversation.item.added", previous_item_id=before, item=item.frame)
        return opened

    async def _say(self, part: Say) -> None:
        opened = self._begin(assistant_message(self._session.new_id("item")))
        opened.spoken = opened.item.spoken = True
        opened.item.frame["content"] = [{"type": "output_audio", "transcript": ""}]
        self._part("response.content_part.added", part={"type": "audio", "transcript": ""})
        audio = part.audio()
        size = self._session.delivery.delta_bytes
        opened.rest = (audio[start : start + size] for start in range(0, len(audio), size))
        words = _spread(part.text, -(-len(audio) // size))
        start, sent = asyncio.get_running_loop().time(), 0
        if self.first_delta_at is None:
            self.first_delta_at = start
        for chunk in opened.rest:
            await self._pace(start, sent)
            self._words(next(words))
            self._delta(opened, chunk)
            opened.item.audio += chunk
            sent += len(chunk)
        self._words("".join(words))
        self._close("completed")

    async def _pace(self, start: float, sent: int) -> None:
        pace = self._session.delivery.pace
        await self._session.room()
        if pace > 0:
            due = start + sent / (2 * RATE) / pace
            await asyncio.sleep(max(0.0, due - asyncio.get_running_loop().time()))
        else:
            await asyncio.sleep(0)

    def _words(self, text: str) -> None:
        if text and self._open is not None:
            self._open.text += text
            self._part("response.output_audio_transcript.delta", delta=text)

    def _delta(self, opened: _Open, chunk: bytes) -> None:
        wire = g711.encode(self.options.format["type"], chunk)
        where = _where(self.id, opened)
        self._session.emit("response.output_audio.delta", **where, delta=base64.b64encode(wire).decode())

    async def _write(self, text: str) -> None:
        opened = self._begin(assistant_message(self._session.new_id("item")))
        opened.item.frame["content"] = [{"type": "output_text", "text": ""}]
        self._part("response.content_part.added", part={"type": "text", "text": ""})
        for piece in _spread(text, max(1, len(text.split()))):
            await self._session.room()
            opened.text += piece
            self._part("response.output_text.delta", delta=piece)
            await asyncio.sleep(0)
        self._close("completed")

    async def _call(self, part: CallTool) -> None:
        call_id = part.call_id or self._session.new_id("call")
        opened = self._begin(function_call(self._session.new_id("item"), part.name, call_id))
        arguments = part.arguments if isinstance(part.arguments, str) else json.dumps(dict(part.arguments))
        where = {"response_id": self.id, "item_id": opened.item.id, "output_index": opened.index}
        for start in range(0, len(arguments), 16):
            piece = arguments[start : start + 16]
            opened.text += piece
            self._session.emit("response.function_call_arguments.delta", **where, call_id=call_id, delta=piece)
            await asyncio.sleep(0)
        self._close("completed")

    def _part(self, kind: str, **fields: Any) -> None:
        assert self._open is not None
        self._session.emit(kind, **_where(self.id, self._open), **fields)

    def _close(self, status: str) -> None:
        """End the item being output."""
        opened = self._open
        assert opened is not None
        item = opened.item
        item.frame["status"] = status
        if item.frame["type"] == "function_call":
            self._close_call(opened)
        elif opened.spoken:
            self._close_speech(opened)
        else:
            item.frame["content"][0]["text"] = opened.text
            self._part("response.output_text.done", text=opened.text)
            self._part("response.content_part.done", part={"type": "text", "text": opened.text})
        if self.options.conversation_id is not None:
            before = _before(self._session.history, item)
            self._session.emit("conversation.item.done", previous_item_id=before, item=item.frame)
        self._session.emit("response.output_item.done", response_id=self.id, output_index=opened.index, item=item.frame)
        self._open = None

    def _close_speech(self, opened: _Open) -> None:
        opened.item.frame["content"][0]["transcript"] = opened.text
        self.audio_ms += len(opened.item.audio) // BYTES_PER_MS
        self._part("response.output_audio.done")
        self._part("response.output_audio_transcript.done", transcript=opened.text)
        self._part("response.content_part.done", part={"type": "audio", "transcript": opened.text})

    def _close_call(self, opened: _Open) -> None:
        frame = opened.item.frame
        frame["arguments"] = opened.text
        self._session.emit(
            "response.function_call_arguments.done",
            response_id=self.id,
            item_id=opened.item.id,
            output_index=opened.index,
            call_id=frame["call_id"],
            name=frame["name"],
            arguments=opened.text,
        )

    # ------------------------------------------------------------ the whole

    def _finish(self, status: str, details: Frame | None) -> None:
        self.status, self.details = status, details
        self._usage = usage(self._session.history.items, self.output, self.options.instructions)
        self._session.emit("response.done", response=self.frame())
        self._session.emit("rate_limits.updated", rate_limits=_limits(self._usage["total_tokens"]))
        self._over(self)

    def frame(self) -> Frame:
        """Its JSON as of now."""
        options = self.options
        return {
            "object": "realtime.response",
            "id": self.id,
            "status": self.status,
            "status_details": self.details,
            "output": [item.frame for item in self.output],
            "conversation_id": options.conversation_id,
            "output_modalities": [options.modality],
            "max_output_tokens": options.max_output_tokens,
            "audio": {"output": {"format": options.format, "voice": options.voice}},
            "usage": self._usage,
            "metadata": options.metadata,
        }


def _where(response_id: str, opened: _Open) -> Frame:
    return {"response_id": response_id, "item_id": opened.item.id, "output_index": opened.index, "content_index": 0}


def _before(history: History, item: Item) -> str | None:
    ids = [each.id for each in history.items]
    place = ids.index(item.id) if item.id in ids else 0
    return ids[place - 1] if place else None


def _spread(text: str, pieces: int) -> Iterator[str]:
    """The words over so many pieces, blanks kept; a piece may be empty."""
    words = [word if place == 0 else " " + word for place, word in enumerate(text.split())]
    pieces = max(1, pieces)
    for number in range(pieces):
        # Rounded up: the words run ahead of the sound, as OpenAI's do.
        first, last = -(-len(words) * number // pieces), -(-len(words) * (number + 1) // pieces)
        yield "".join(words[first:last])


def _limits(spent: int) -> list[Frame]:
    return [
        {"name": "requests", "limit": 5000, "remaining": 4999, "reset_seconds": 0.01},
        {"name": "tokens", "limit": 400000, "remaining": 400000 - spent, "reset_seconds": 0.1},
    ]
