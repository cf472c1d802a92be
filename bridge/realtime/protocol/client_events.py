"""The client events that we send to a Realtime server, and their JSON in the GA shape. [pure]

Owns which key is sent when. A GA server refuses a whole `session.update` for one key that it does not know, so an
option that has its default, or that the model does not have, is left out. `rate` is not optional for PCM, whatever
the published types say. Every event but the caller's audio has an `event_id`: it comes back in the error that the event
causes.

Source: OpenAI "Realtime client events"; models page for who reasons.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from bridge.contract import ServerVad, SessionSpec
from bridge.realtime.protocol.dialects import REASONING_MODELS
from bridge.realtime.protocol.server_events import base64

PCM = {"type": "audio/pcm", "rate": 24000}
"""The only rate that the GA interface has for PCM; it is also AudioSocket's slin24, so nothing is resampled."""

NO_SOUND = {"input": {"turn_detection": None}}
"""Of a text session: nobody speaks, so nothing is to be answered but what is typed."""

Role = Literal["user", "assistant", "system"]


@dataclass(frozen=True, slots=True)
class SessionUpdate:
    """Set the session up, or change it. `session`: only what is to change, in the GA shape. `repr` leaves it out, since
    it may hold keys of MCP servers."""

    type: ClassVar = "session.update"
    event_id: str
    session: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class ResponseCreate:
    """Ask for a response. `instructions` replace the session's for this one response."""

    type: ClassVar = "response.create"
    event_id: str
    instructions: str | None = None
    tool_choice: str | None = None


@dataclass(frozen=True, slots=True)
class ResponseCancel:
    """Stop a response that is being generated."""

    type: ClassVar = "response.cancel"
    event_id: str
    response_id: str


@dataclass(frozen=True, slots=True)
class Message:
    """An item: something that was said, or a note to the model (`system`), as text. What the agent said can be told as
    text only: assistant audio is refused."""

    item_id: str
    role: Role
    text: str


@dataclass(frozen=True, slots=True)
class FunctionCall:
    """An item: a call that the model made on another connection. `call_id`: at most 32 characters."""

    item_id: str
    call_id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class FunctionOutput:
    """An item: the answer to a function call."""

    item_id: str
    call_id: str
    output: str


@dataclass(frozen=True, slots=True)
class ItemCreate:
    """Add an item to the server's conversation. `after`: the id of the item behind which it belongs, "root" for the
    beginning; None: at the end."""

    type: ClassVar = "conversation.item.create"
    event_id: str
    item: Message | FunctionCall | FunctionOutput
    after: str | None = None


@dataclass(frozen=True, slots=True)
class ItemTruncate:
    """Only a part of the agent's item was heard. Refused when it is more than was generated."""

    type: ClassVar = "conversation.item.truncate"
    event_id: str
    item_id: str
    content_index: int
    audio_end_ms: int


@dataclass(frozen=True, slots=True)
class ItemDelete:
    """Nothing of the item was heard."""

    type: ClassVar = "conversation.item.delete"
    event_id: str
    item_id: str


ClientEvent = SessionUpdate | ResponseCreate | ResponseCancel | ItemCreate | ItemTruncate | ItemDelete


def encode(event: ClientEvent) -> dict[str, Any]:
    """The event's JSON object in the GA shape."""
    match event:
        case SessionUpdate(session=session):
            fields: dict[str, Any] = {"session": session}
        case ResponseCreate(instructions=instructions, tool_choice=tool_choice):
            options = {"instructions": instructions, "tool_choice": tool_choice}
            fields = {"response": {key: value for key, value in options.items() if value}}
        case ResponseCancel(response_id=response_id):
            fields = {"response_id": response_id}
        case ItemCreate(item=item, after=after):
            fields = {"item": _item(item)} | ({} if after is None else {"previous_item_id": after})
        case ItemTruncate(item_id=item_id, content_index=index, audio_end_ms=audio_end_ms):
            fields = {"item_id": item_id, "content_index": index, "audio_end_ms": audio_end_ms}
        case _:
            fields = {"item_id": event.item_id}
    return {"type": event.type, "event_id": event.event_id, **fields}


def _item(item: Message | FunctionCall | FunctionOutput) -> dict[str, Any]:
    match item:
        case Message(item_id, role, text):
            kind = "output_text" if role == "assistant" else "input_text"
            return {"id": item_id, "type": "message", "role": role, "content": [{"type": kind, "text": text}]}
        case FunctionCall(item_id, call_id, name, arguments):
            call = {"type": "function_call", "call_id": call_id, "name": name, "arguments": arguments}
            return {"id": item_id, **call, "status": "completed"}
    return {"id": item.item_id, "type": "function_call_output", "call_id": item.call_id, "output": item.output}


_APPEND_HEAD = b'{"type":"input_audio_buffer.append","audio":"'
_APPEND_TAIL = b'"}'


def audio_append(pcm: bytes) -> bytes:
    """Caller audio, 24 kHz s16le. Fifty a second and call: a template, since base64 needs no JSON escapes."""
    return b"".join((_APPEND_HEAD, base64(pcm), _APPEND_TAIL))


# ---------------------------------------------------------------- the session that an agent wants


def session_update(event_id: str, spec: SessionSpec, interrupt: bool = True, create: bool = True) -> SessionUpdate:
    """Everything about a session, sent once after `session.created`.

    `interrupt`, `create`: the server cancels when the caller speaks, and answers when the caller stops.
    """
    text = spec.modality == "text"
    session: dict[str, Any] = {
        "type": "realtime",
        "output_modalities": [spec.modality],
        "instructions": spec.instructions,
        "audio": NO_SOUND if text else {"input": _input(spec, interrupt, create), "output": _output(spec)},
    }
    if tools := _tools(spec):
        session["tools"] = tools
        session["tool_choice"] = "auto"
    if spec.reasoning_effort is not None and spec.provider.model.startswith(REASONING_MODELS):
        session["reasoning"] = {"effort": spec.reasoning_effort}
    if spec.max_output_tokens is not None:
        session["max_output_tokens"] = spec.max_output_tokens
    return SessionUpdate(event_id, session)


def session_repeat(event_id: str, spec: SessionSpec, interrupt: bool = True, create: bool = True) -> SessionUpdate:
    """The same once more, in the middle of a call: without voice and speed, which can't be changed any more then."""
    session = session_update(event_id, spec, interrupt, create).session
    if spec.modality == "text":
        return SessionUpdate(event_id, session)
    return SessionUpdate(event_id, {**session, "audio": {**session["audio"], "output": {"format": PCM}}})


def session_change(event_id: str, old: SessionSpec, new: SessionSpec, interrupt: bool, create: bool) -> SessionUpdate:
    """Another agent on the same connection, as far as a session can change once it has spoken: not in voice and speed.

    What is left out stays as it was, so what the new agent has no more is taken away by name.
    """
    listening = {key: value for key, value in _input(new, interrupt, create).items() if key != "format"}
    for option in ("noise_reduction", "transcription"):
        if getattr(old, option) is not None:
            listening.setdefault(option, None)
    session: dict[str, Any] = {"type": "realtime", "instructions": new.instructions, "tools": _tools(new)}
    session["audio"] = {"input": listening}
    if session["tools"]:
        session["tool_choice"] = "auto"
    if new.max_output_tokens != old.max_output_tokens:
        session["max_output_tokens"] = new.max_output_tokens or "inf"
    return SessionUpdate(event_id, session)


def _tools(spec: SessionSpec) -> list[dict[str, Any]]:
    tools: list[dict[str, Any]] = [
        {"type": "function", "name": tool.name, "description": tool.description, "parameters": tool.parameters}
        for tool in spec.tools
    ]
    for server in spec.mcp:
        told: dict[str, Any] = {"type": "mcp", "server_label": server.server_label, "server_url": server.server_url}
        if server.authorization is not None:
            told["authorization"] = server.authorization.get_secret_value()
        if server.headers:
            told["headers"] = server.headers
        told["allowed_tools"] = list(server.allowed_tools)
        tools.append(told | {"require_approval": "never"})  # as the config says: there is nobody on the phone to ask
    return tools


def turn_detection_update(event_id: str, spec: SessionSpec, interrupt: bool, create: bool) -> SessionUpdate:
    """Change the turn detection only."""
    listening = {"turn_detection": _turn_detection(spec, interrupt, create)}
    return SessionUpdate(event_id, {"type": "realtime", "audio": {"input": listening}})


def _input(spec: SessionSpec, interrupt: bool, create: bool) -> dict[str, Any]:
    listening: dict[str, Any] = {"format": PCM, "turn_detection": _turn_detection(spec, interrupt, create)}
    if spec.noise_reduction is not None:
        listening["noise_reduction"] = {"type": spec.noise_reduction.type}
    if spec.transcription is not None:
        listening["transcription"] = spec.transcription.model_dump(exclude_none=True)
    return listening


def _output(spec: SessionSpec) -> dict[str, Any]:
    custom = spec.voice.startswith("voice_")
    speaking: dict[str, Any] = {"format": PCM, "voice": {"id": spec.voice} if custom else spec.voice}
    if spec.speed != 1:
        speaking["speed"] = spec.speed
    return speaking


def _turn_detection(spec: SessionSpec, interrupt: bool, create: bool) -> dict[str, Any]:
    vad = spec.turn_detection
    options = vad.model_dump()
    options["interrupt_response"] = vad.interrupt_response and interrupt
    options["create_response"] = vad.create_response and create
    if isinstance(vad, ServerVad) and (vad.idle_timeout_ms is None or spec.no_input is not None or not create):
        del options["idle_timeout_ms"]  # our own policy takes its place
    return options
