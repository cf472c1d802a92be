"""The server's Realtime events that a phone call uses, as typed values. [pure]

Owns the protocol's names and shapes (OpenAI "Realtime API", GA of 2026) and its base64, here and nowhere else.
`parse` turns any websocket frame into exactly one value and never raises: what we do not use is `Ignored`, what
nobody told us about is `Unknown`, what breaks the protocol is `Malformed`. Event names of the beta time are aliases.
All texts in a value are well-formed and bounded (`json_fields`), but for `ItemDone.arguments`, which
`conversation.tool_calls` bounds, and the ends of `TranscriptDelta.delta`. What we send is in `client_events`.
"""

from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bridge.common.strict_json import well_formed
from bridge.realtime.protocol import json_fields
from bridge.realtime.protocol.agent_output import (
    AudioDelta as AudioDelta,
    AudioDone as AudioDone,
    Text as Text,
    TranscriptDelta as TranscriptDelta,
    TranscriptDone as TranscriptDone,
)
from bridge.realtime.protocol.event_names import ALIASES, IGNORED_PREFIXES
from bridge.realtime.protocol.json_fields import (
    LONGEST_ID,
    Wrong,
    code_of,
    id_of,
    needed,
    number_of,
    object_of,
    piece_of,
    text_of,
)
from bridge.realtime.protocol.retry_hints import with_wait
from bridge.realtime.protocol.session_differences import Difference
from bridge.realtime.protocol.session_values import Values, values_of
from bridge.realtime.protocol.usage import of_response, of_transcription


@dataclass(frozen=True, slots=True)
class SessionCreated:
    """The first event of a connection, which the server closes at `expires_at` (Unix time, 60 minutes)."""

    session_id: str
    model: str
    expires_at: int | None


@dataclass(frozen=True, slots=True)
class SessionUpdated:
    """Our `session.update` is in force. `values`: the effective ones, as far as the server tells them;
    `differences`: what of them is not as asked, filled in by the connection, which knows that."""

    session_id: str
    model: str
    expires_at: int | None
    values: Values = field(default_factory=dict)
    differences: tuple[Difference, ...] = ()


@dataclass(frozen=True, slots=True)
class ServerError:
    """An `error` event. Most are recoverable; `event_id` is that of our event that caused it, or ""."""

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
class CallerIdle:
    """`idle_timeout_ms` have passed without speech: the server is about to say something by itself."""


@dataclass(frozen=True, slots=True)
class RemoteTool:
    """The server calls a tool of an MCP server by itself: it begins, or (`over`) has come to an end."""

    over: bool


@dataclass(frozen=True, slots=True)
class McpFailed:
    """An MCP server did not list its tools, or (`call`) one of its tools failed."""

    item_id: str
    call: bool
    label: str = ""


@dataclass(frozen=True, slots=True)
class CallerTranscribed:
    """What the caller said. Asynchronous: it may come after the reply."""

    item_id: str
    transcript: str
    usage: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class TranscriptionFailed:
    """What the caller said could not be written down; the conversation goes on."""

    item_id: str
    code: str = ""
    type: str = ""
    message: str = ""


@dataclass(frozen=True, slots=True)
class ItemAdded:
    """The server has put an item (its own or ours) into the conversation. `label`: of the MCP server that it is of."""

    item_id: str
    label: str = ""


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
    """The model finished one item of a response. `call_id` to `arguments` are those of a function call."""

    response_id: str
    item_id: str
    kind: str
    status: str
    call_id: str = ""
    name: str = ""
    arguments: str = ""
    label: str = ""
    """Of the MCP server that was called."""


@dataclass(frozen=True, slots=True)
class Ignored:
    """An event that is documented and that a phone call has no use for."""

    type: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """An event that is not documented: of a newer server, or another one."""

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
    | CallerIdle
    | RemoteTool
    | McpFailed
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
    | Text
    | Ignored
    | Unknown
    | Malformed
)

MOST_COMMAS = 100_000  # in one frame: some 10 ms of decoding, for which all calls of the worker wait


def base64(pcm: bytes) -> bytes:
    return b64encode(pcm)


def parse(frame: str | bytes) -> Event:
    """One websocket frame as one value. Never raises, whatever the frame."""
    text = frame if isinstance(frame, str) else frame.decode("utf-8", "replace")
    if text.count(",") > MOST_COMMAS:
        return Malformed("", "has too many values")
    try:
        raw = json_fields.json_of(text)
    except (ValueError, RecursionError):
        return Malformed("", "not JSON, or nested too deeply")
    kind = raw.get("type") if isinstance(raw, dict) else None
    if not isinstance(kind, str):
        return Malformed("", "not an object with a type")
    kind = well_formed(kind[:LONGEST_ID])
    name = ALIASES.get(kind, kind)
    build = _BUILDERS.get(name)
    if build is None:
        return Ignored(name) if name.startswith(IGNORED_PREFIXES) else Unknown(name)
    try:
        return build(raw)
    except Wrong as wrong:
        return Malformed(name, str(wrong))


def _session_updated(raw: dict[str, Any]) -> Event:
    session = object_of(raw, "session")
    told = id_of(session, "id"), id_of(session, "model"), number_of(session, "expires_at")
    return SessionUpdated(*told, values_of(session))


def _session_created(raw: dict[str, Any]) -> Event:
    session = object_of(raw, "session")
    return SessionCreated(id_of(session, "id"), id_of(session, "model"), number_of(session, "expires_at"))


def _item_added(raw: dict[str, Any]) -> Event:
    """Of a response: only those of MCP servers matter, for their labels. Others are told of by their sound or end."""
    item = object_of(raw, "item")
    if not id_of(item, "type").startswith("mcp_"):
        return Ignored("response.output_item.added")
    return ItemAdded(needed(item, "id"), id_of(item, "server_label"))


def _conversation_item(raw: dict[str, Any]) -> Event:
    item = object_of(raw, "item")
    kind, label = id_of(item, "type"), id_of(item, "server_label")
    if kind in ("mcp_call", "mcp_list_tools") and _status(item) == "failed":
        return McpFailed(id_of(item, "id"), kind == "mcp_call", label)
    added = not str(raw.get("type")).endswith(".done")
    return ItemAdded(needed(item, "id"), label) if added else Ignored("conversation.item.done")


def _status(item: Mapping[str, Any]) -> str:
    return "failed" if item.get("error") else id_of(item, "status")


def _error(raw: dict[str, Any]) -> Event:
    error = object_of(raw, "error")
    kind, param, event_id = (id_of(error, key) for key in ("type", "param", "event_id"))
    return ServerError(kind, code_of(error, "code"), _message(error), param, event_id)


def _message(error: Mapping[str, Any]) -> str:
    return with_wait(text_of(error, "message"), error)


def _response_done(raw: dict[str, Any]) -> Event:
    response = object_of(raw, "response")
    details = object_of(response, "status_details")
    error = object_of(details, "error")
    return ResponseDone(
        response_id=needed(response, "id"),
        status=id_of(response, "status") or "completed",
        reason=id_of(details, "reason"),
        error_type=id_of(error, "type"),
        error_code=code_of(error, "code"),
        error_message=_message(error),
        usage=of_response(object_of(response, "usage")),
    )


def _caller_transcribed(raw: dict[str, Any]) -> Event:
    usage = of_transcription(object_of(raw, "usage"))
    return CallerTranscribed(needed(raw, "item_id"), text_of(raw, "transcript"), usage)


def _item_done(raw: dict[str, Any]) -> Event:
    item = object_of(raw, "item")
    return ItemDone(
        response_id=needed(raw, "response_id"),
        item_id=id_of(item, "id"),
        kind=id_of(item, "type"),
        status=_status(item),
        label=id_of(item, "server_label"),
        call_id=id_of(item, "call_id"),
        name=id_of(item, "name"),
        arguments=text_of(item, "arguments", longest=None),
    )


def _audio_delta(raw: dict[str, Any]) -> Event:
    try:
        pcm = b64decode(text_of(raw, "delta", longest=None), validate=True)
    except ValueError as error:
        raise Wrong("delta is not base64") from error
    return AudioDelta(needed(raw, "response_id"), needed(raw, "item_id"), number_of(raw, "content_index") or 0, pcm)


_BUILDERS: dict[str, Callable[[dict[str, Any]], Event]] = {
    "session.created": _session_created,
    "session.updated": _session_updated,
    "error": _error,
    "input_audio_buffer.speech_started": lambda raw: SpeechStarted(
        id_of(raw, "item_id"), number_of(raw, "audio_start_ms")
    ),
    "input_audio_buffer.speech_stopped": lambda raw: SpeechStopped(
        id_of(raw, "item_id"), number_of(raw, "audio_end_ms")
    ),
    "input_audio_buffer.timeout_triggered": lambda _: CallerIdle(),
    "response.mcp_call.in_progress": lambda _: RemoteTool(over=False),
    "response.mcp_call.completed": lambda _: RemoteTool(over=True),
    "response.mcp_call.failed": lambda raw: McpFailed(id_of(raw, "item_id"), call=True),
    "mcp_list_tools.failed": lambda raw: McpFailed(id_of(raw, "item_id"), call=False),
    "conversation.item.added": _conversation_item,
    "conversation.item.done": _conversation_item,
    "conversation.item.input_audio_transcription.completed": _caller_transcribed,
    "conversation.item.input_audio_transcription.failed": lambda raw: TranscriptionFailed(
        id_of(raw, "item_id"), *(code_of(object_of(raw, "error"), key) for key in ("code", "type", "message"))
    ),
    "response.created": lambda raw: ResponseCreated(needed(object_of(raw, "response"), "id")),
    "response.done": _response_done,
    "response.output_item.added": _item_added,
    "response.output_item.done": _item_done,
    "response.output_audio.delta": _audio_delta,
    "response.output_audio.done": lambda raw: AudioDone(needed(raw, "item_id")),
    "response.output_audio_transcript.delta": lambda raw: TranscriptDelta(
        needed(raw, "response_id"), needed(raw, "item_id"), piece_of(raw, "delta"), number_of(raw, "content_index") or 0
    ),
    "response.output_audio_transcript.done": lambda raw: TranscriptDone(
        needed(raw, "response_id"),
        needed(raw, "item_id"),
        text_of(raw, "transcript"),
        number_of(raw, "content_index") or 0,
    ),
    "response.output_text.delta": lambda raw: Text(needed(raw, "response_id"), needed(raw, "item_id")),
    "response.output_text.done": lambda raw: Text(
        needed(raw, "response_id"), needed(raw, "item_id"), text_of(raw, "text"), number_of(raw, "content_index") or 0
    ),
}
