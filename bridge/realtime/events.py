"""The server's Realtime events that a phone call uses, as typed values. [pure]

Owns the protocol's names and shapes (OpenAI "Realtime API", GA of 2026) and its base64, here and nowhere else.
`parse` turns any websocket frame into exactly one value and never raises: what we do not use is `Ignored`, what
nobody told us about is `Unknown`, what breaks the protocol is `Malformed`. Event names of the beta time, which
compatible servers still speak, are accepted as aliases.

Refuses to know turns, playout or sockets. Our own frames are built in `bridge.realtime.frames`.
"""

import json
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class SessionCreated:
    """The first event of a connection, which the server closes at `expires_at` (Unix time, 60 minutes)."""

    session_id: str
    model: str
    expires_at: int | None


@dataclass(frozen=True, slots=True)
class SessionUpdated:
    """Our `session.update` is in force. The effective values, as the server sees them; None: not told."""

    session_id: str
    model: str
    expires_at: int | None
    voice: str | None = None
    input_rate: int | None = None
    output_rate: int | None = None
    turn_detection: str | None = None
    silence_ms: int | None = None


@dataclass(frozen=True, slots=True)
class ServerError:
    """An `error` event. Most are recoverable; `event_id` is that of the frame of ours that caused it."""

    type: str
    code: str
    message: str
    param: str
    event_id: str


@dataclass(frozen=True, slots=True)
class SpeechStarted:
    """The caller began to speak; `audio_start_ms` counts audio that we appended."""

    item_id: str
    audio_start_ms: int | None


@dataclass(frozen=True, slots=True)
class SpeechStopped:
    """The caller stopped speaking."""

    item_id: str
    audio_end_ms: int | None


@dataclass(frozen=True, slots=True)
class CallerTranscribed:
    """What the caller said. Asynchronous: it may come after the reply."""

    item_id: str
    transcript: str
    usage: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class TranscriptionFailed:
    """What the caller said could not be written down; the conversation goes on."""

    code: str


@dataclass(frozen=True, slots=True)
class ItemAdded:
    """The server has put an item (its own or ours) into the conversation."""

    item_id: str


@dataclass(frozen=True, slots=True)
class ResponseCreated:
    """A response is being generated; at most one at a time."""

    response_id: str


@dataclass(frozen=True, slots=True)
class ResponseDone:
    """A response is over. `reason` and `error_*` say why, when `status` is not completed."""

    response_id: str
    status: str
    reason: str = ""
    error_type: str = ""
    error_code: str = ""
    error_message: str = ""
    usage: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ItemDone:
    """The model finished one item of a response. The last four fields are those of a function call."""

    response_id: str
    item_id: str
    kind: str
    status: str
    call_id: str = ""
    name: str = ""
    arguments: str = ""


@dataclass(frozen=True, slots=True)
class AudioDelta:
    """Sound of the agent: `pcm` is 24 kHz s16le of any length, also odd. Faster than real time."""

    response_id: str
    item_id: str
    content_index: int
    pcm: bytes


@dataclass(frozen=True, slots=True)
class AudioDone:
    """The sound of an item is generated (not: played)."""

    item_id: str


@dataclass(frozen=True, slots=True)
class TranscriptDelta:
    """Some more of what the agent says."""

    response_id: str
    item_id: str
    delta: str


@dataclass(frozen=True, slots=True)
class TranscriptDone:
    """All of what the agent says in an item."""

    response_id: str
    item_id: str
    transcript: str


@dataclass(frozen=True, slots=True)
class Ignored:
    """An event that is documented and that a phone call has no use for."""

    type: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """An event that we have never heard of: a newer server, or another one."""

    type: str


@dataclass(frozen=True, slots=True)
class Malformed:
    """Not an event: no JSON object, or a field without which the event means nothing."""

    type: str
    why: str


Event = (
    SessionCreated
    | SessionUpdated
    | ServerError
    | SpeechStarted
    | SpeechStopped
    | CallerTranscribed
    | TranscriptionFailed
    | ItemAdded
    | ResponseCreated
    | ResponseDone
    | ItemDone
    | AudioDelta
    | AudioDone
    | TranscriptDelta
    | TranscriptDone
    | Ignored
    | Unknown
    | Malformed
)

_ALIASES = {
    "response.audio.delta": "response.output_audio.delta",
    "response.audio.done": "response.output_audio.done",
    "response.audio_transcript.delta": "response.output_audio_transcript.delta",
    "response.audio_transcript.done": "response.output_audio_transcript.done",
    "response.text.delta": "response.output_text.delta",
    "response.text.done": "response.output_text.done",
    "response.cancelled": "response.done",
    "conversation.item.created": "conversation.item.added",
}

_IGNORED_PREFIXES = (
    "conversation.created",
    "conversation.item.",
    "input_audio_buffer.",
    "mcp_list_tools.",
    "output_audio_buffer.",
    "rate_limits.updated",
    "response.content_part.",
    "response.function_call_arguments.",  # output_item.done says the same, and only once it is whole
    "response.mcp_call",
    "response.output_item.added",
    "response.output_text.",
)


def base64(pcm: bytes) -> bytes:
    return b64encode(pcm)


class _Wrong(Exception):
    """A field that the event needs is missing or of the wrong kind."""


def parse(frame: str | bytes) -> Event:
    """One websocket frame as one value. Never raises, whatever the frame."""
    try:
        raw = json.loads(frame)
    except (ValueError, RecursionError):
        return Malformed("", "not JSON")
    kind = raw.get("type") if isinstance(raw, dict) else None
    if not isinstance(kind, str):
        return Malformed("", "not an object with a type")
    name = _ALIASES.get(kind, kind)
    build = _BUILDERS.get(name)
    if build is None:
        return Ignored(name) if name.startswith(_IGNORED_PREFIXES) else Unknown(name)
    try:
        return build(raw)
    except _Wrong as wrong:
        return Malformed(name, str(wrong))


def _object(raw: Mapping[str, Any], key: str) -> dict[str, Any]:
    """An optional object; absent, null and other kinds are an empty one."""
    value = raw.get(key)
    return value if isinstance(value, dict) else {}


def _text(raw: Mapping[str, Any], key: str) -> str:
    """An optional string; absent, null and other kinds are the empty one."""
    value = raw.get(key)
    return value if isinstance(value, str) else ""


def _needed(raw: Mapping[str, Any], key: str) -> str:
    """A string without which the event means nothing."""
    value = raw.get(key)
    if not isinstance(value, str) or not value:
        raise _Wrong(f"no {key}")
    return value


def _number(raw: Mapping[str, Any], key: str) -> int | None:
    """An optional whole number."""
    value = raw.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return int(value)
    except (ValueError, OverflowError):  # JSON as Python reads it has NaN and Infinity
        return None


def _session_updated(raw: dict[str, Any]) -> Event:
    session = _object(raw, "session")
    heard, said = _object(_object(session, "audio"), "input"), _object(_object(session, "audio"), "output")
    vad = _object(heard, "turn_detection")
    return SessionUpdated(
        session_id=_text(session, "id"),
        model=_text(session, "model"),
        expires_at=_number(session, "expires_at"),
        voice=_text(said, "voice") or None,
        input_rate=_number(_object(heard, "format"), "rate"),
        output_rate=_number(_object(said, "format"), "rate"),
        turn_detection=_text(vad, "type") or None,
        silence_ms=_number(vad, "silence_duration_ms"),
    )


def _session_created(raw: dict[str, Any]) -> Event:
    session = _object(raw, "session")
    return SessionCreated(_text(session, "id"), _text(session, "model"), _number(session, "expires_at"))


def _error(raw: dict[str, Any]) -> Event:
    error = _object(raw, "error")
    return ServerError(*(_text(error, key) for key in ("type", "code", "message", "param", "event_id")))


def _response_done(raw: dict[str, Any]) -> Event:
    response = _object(raw, "response")
    details = _object(response, "status_details")
    error = _object(details, "error")
    return ResponseDone(
        response_id=_needed(response, "id"),
        status=_text(response, "status") or "completed",
        reason=_text(details, "reason"),
        error_type=_text(error, "type"),
        error_code=_text(error, "code"),
        error_message=_text(error, "message"),
        usage=_response_usage(_object(response, "usage")),
    )


def _response_usage(usage: Mapping[str, Any]) -> dict[str, int]:
    """Tokens by what they cost. As at OpenAI, cached ones are also counted in their `input_*` figure."""
    given, made = _object(usage, "input_token_details"), _object(usage, "output_token_details")
    cached = _object(given, "cached_tokens_details")
    figures = {
        "input_text": _number(given, "text_tokens"),
        "input_audio": _number(given, "audio_tokens"),
        "input_cached_text": _number(cached, "text_tokens"),
        "input_cached_audio": _number(cached, "audio_tokens"),
        "output_text": _number(made, "text_tokens"),
        "output_audio": _number(made, "audio_tokens"),
        "total": _number(usage, "total_tokens"),
    }
    return {name: count for name, count in figures.items() if count}


def _caller_transcribed(raw: dict[str, Any]) -> Event:
    usage = _object(raw, "usage")
    seconds = usage.get("seconds")
    figures = {
        "transcription_input": _number(usage, "input_tokens"),
        "transcription_output": _number(usage, "output_tokens"),
        "transcription_ms": _number({"ms": seconds * 1000}, "ms") if isinstance(seconds, int | float) else None,
    }
    counted = {name: count for name, count in figures.items() if count}
    return CallerTranscribed(_needed(raw, "item_id"), _text(raw, "transcript"), counted)


def _item_done(raw: dict[str, Any]) -> Event:
    item = _object(raw, "item")
    return ItemDone(
        response_id=_needed(raw, "response_id"),
        item_id=_text(item, "id"),
        kind=_text(item, "type"),
        status=_text(item, "status"),
        call_id=_text(item, "call_id"),
        name=_text(item, "name"),
        arguments=_text(item, "arguments"),
    )


def _audio_delta(raw: dict[str, Any]) -> Event:
    try:
        pcm = b64decode(_text(raw, "delta"), validate=True)
    except ValueError as error:
        raise _Wrong("delta is not base64") from error
    return AudioDelta(_needed(raw, "response_id"), _needed(raw, "item_id"), _number(raw, "content_index") or 0, pcm)


_BUILDERS: dict[str, Callable[[dict[str, Any]], Event]] = {
    "session.created": _session_created,
    "session.updated": _session_updated,
    "error": _error,
    "input_audio_buffer.speech_started": lambda raw: SpeechStarted(
        _text(raw, "item_id"), _number(raw, "audio_start_ms")
    ),
    "input_audio_buffer.speech_stopped": lambda raw: SpeechStopped(_text(raw, "item_id"), _number(raw, "audio_end_ms")),
    "conversation.item.added": lambda raw: ItemAdded(_needed(_object(raw, "item"), "id")),
    "conversation.item.input_audio_transcription.completed": _caller_transcribed,
    "conversation.item.input_audio_transcription.failed": lambda raw: TranscriptionFailed(
        _text(_object(raw, "error"), "code")
    ),
    "response.created": lambda raw: ResponseCreated(_needed(_object(raw, "response"), "id")),
    "response.done": _response_done,
    "response.output_item.done": _item_done,
    "response.output_audio.delta": _audio_delta,
    "response.output_audio.done": lambda raw: AudioDone(_needed(raw, "item_id")),
    "response.output_audio_transcript.delta": lambda raw: TranscriptDelta(
        _needed(raw, "response_id"), _needed(raw, "item_id"), _text(raw, "delta")
    ),
    "response.output_audio_transcript.done": lambda raw: TranscriptDone(
        _needed(raw, "response_id"), _needed(raw, "item_id"), _text(raw, "transcript")
    ),
}
