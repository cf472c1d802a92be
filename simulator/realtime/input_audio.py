"""The caller's audio: buffer, turns, and their transcripts.

Owns the input side of a session: decoding, voice activity, commits and transcripts. Whether a turn is answered
or interrupts an answer is decided here by the configuration and done by the session.
"""

import asyncio
import base64
import binascii
from collections.abc import Coroutine
from typing import Any, Protocol, TypeVar

from simulator.audio import g711
from simulator.realtime import session_config
from simulator.realtime.errors import Frame, Refusal
from simulator.realtime.history import History, Item, user_audio
from simulator.realtime.model import Model
from simulator.realtime.usage import audio_tokens, text_tokens
from simulator.realtime.vad import BYTES_PER_MS, Detection, Started, VoiceDetector

T = TypeVar("T")
COMMIT_MS = 100
"""The least audio that can be committed by hand."""

TRANSCRIPTION = "conversation.item.input_audio_transcription"


class Listener(Protocol):
    """What hearing needs of its session."""

    model: Model
    history: History
    config: Frame

    def emit(self, kind: str, **fields: Any) -> None:
        """Queue one event."""

    def new_id(self, prefix: str) -> str:
        """A fresh id."""

    def start(self, work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        """A task of the session's."""

    def speech_started(self, *, interrupts: bool) -> None:
        """Speech has started."""

    def turn_over(self) -> None:
        """Speech has stopped, and the turn is to be answered."""


class Hearing:
    """The input audio of one session."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._detector = VoiceDetector(_detection(listener.config))
        self._item_id = ""
        self._words: dict[str, asyncio.Task[str]] = {}

    @property
    def speaking(self) -> bool:
        """The caller is in the middle of a turn."""
        return self._detector.speaking

    def configured(self) -> None:
        """The session's configuration has changed."""
        self._detector.listen(_detection(self._listener.config))

    def append(self, audio: str) -> bytes:
        """Take in base64; the sound as 24 kHz s16le. Raises Refusal."""
        pcm = self._decoded(audio)
        for found in self._detector.feed(pcm):
            if isinstance(found, Started):
                self._started(found)
            else:
                self._listener.emit(
                    "input_audio_buffer.speech_stopped", audio_end_ms=found.at_ms, item_id=self._item_id
                )
                self._commit(self._item_id, found.audio)
                if self._turn_detection.get("create_response"):
                    self._listener.turn_over()
        return pcm

    @property
    def _turn_detection(self) -> Frame:
        return self._listener.config["audio"]["input"]["turn_detection"] or {}

    def _decoded(self, audio: str) -> bytes:
        form = self._listener.config["audio"]["input"]["format"]["type"]
        try:
            wire = base64.b64decode(audio, validate=True)
        except binascii.Error:
            text = "Invalid 'audio'. Expected base64-encoded audio bytes but got an invalid value."
            raise Refusal("invalid_value", text, "audio") from None
        if form == "audio/pcm" and len(wire) % 2:
            raise Refusal("invalid_value", "Invalid 'audio'. PCM16 must be a multiple of 2 bytes.", "audio")
        return g711.decode(form, wire)

    def _started(self, found: Started) -> None:
        self._item_id = self._listener.new_id("item")
        self._listener.emit("input_audio_buffer.speech_started", audio_start_ms=found.at_ms, item_id=self._item_id)
        self._listener.speech_started(interrupts=bool(self._turn_detection.get("interrupt_response")))

    def clear(self) -> None:
        """Forget what is buffered."""
        self._detector.take()
        self._listener.emit("input_audio_buffer.cleared")

    def commit(self) -> None:
        """A turn that the client commits; it is not answered by itself. Raises Refusal."""
        if self._detector.buffered_ms < COMMIT_MS:
            text = (
                "Error committing input audio buffer: buffer too small. Expected at least "
                f"{COMMIT_MS}ms of audio, but buffer only has {self._detector.buffered_ms:.2f}ms of audio."
            )
            raise Refusal("input_audio_buffer_commit_empty", text)
        self._commit(self._listener.new_id("item"), self._detector.take())

    def time_out(self) -> None:
        """Nobody spoke for `idle_timeout_ms`: what silence is buffered becomes a turn."""
        item_id, end = self._listener.new_id("item"), self._detector.position_ms
        audio = self._detector.take()
        begin = end - len(audio) // BYTES_PER_MS
        self._listener.emit(
            "input_audio_buffer.timeout_triggered", audio_start_ms=begin, audio_end_ms=end, item_id=item_id
        )
        self._commit(item_id, audio)

    def _commit(self, item_id: str, audio: bytes) -> None:
        item = user_audio(item_id, audio)
        before = self._listener.history.append(item)
        self._listener.emit("input_audio_buffer.committed", previous_item_id=before, item_id=item_id)
        self._listener.emit("conversation.item.added", previous_item_id=before, item=item.frame)
        self._listener.emit("conversation.item.done", previous_item_id=before, item=item.frame)
        if self._listener.config["audio"]["input"]["transcription"] is not None:
            self._listener.start(self._transcribe(item), "transcription")

    async def words(self, item: Item) -> str:
        """The transcript of a turn; the model is asked once, however many wait for it."""
        if item.id not in self._words:
            self._words[item.id] = self._listener.start(self._listen(item), "listening")
        # Shielded: a response that is cancelled must not stop the transcript of the same turn.
        return await asyncio.shield(self._words[item.id])

    async def _listen(self, item: Item) -> str:
        return await self._listener.model.hear(bytes(item.audio))

    async def _transcribe(self, item: Item) -> None:
        words = await self.words(item)
        item.frame["content"][0]["transcript"] = words
        heard, written = audio_tokens(item), text_tokens(words)
        if words:
            self._listener.emit(f"{TRANSCRIPTION}.delta", item_id=item.id, content_index=0, delta=words)
        usage = {
            "type": "tokens",
            "total_tokens": heard + written,
            "input_tokens": heard,
            "input_token_details": {"text_tokens": 0, "audio_tokens": heard},
            "output_tokens": written,
        }
        self._listener.emit(
            f"{TRANSCRIPTION}.completed", item_id=item.id, content_index=0, transcript=words, usage=usage
        )


def _detection(config: Frame) -> Detection | None:
    detection = config["audio"]["input"]["turn_detection"]
    if detection is None:
        return None
    return Detection(
        threshold=detection.get("threshold", 0.5),
        prefix_ms=detection.get("prefix_padding_ms", 300),
        silence_ms=session_config.silence_ms(detection),
    )
