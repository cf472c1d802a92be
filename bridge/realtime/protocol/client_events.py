"""What we say to a Realtime server: each frame, ready to send, in the GA shape. [pure]

Owns which key is sent when. A GA server refuses a whole `session.update` for one key that it does not know, so a
knob that has its default, or that the model does not have, is left out. `rate` is not optional for PCM, whatever
the published types say. Every control frame has an `event_id`: it comes back in the error that the frame causes.

Source: OpenAI "Realtime client events"; models page for who reasons.
"""

import json
from typing import Any

from bridge.contract import ServerVad, SessionSpec
from bridge.realtime.protocol.dialects import REASONING_MODELS
from bridge.realtime.protocol.server_events import base64

PCM = {"type": "audio/pcm", "rate": 24000}
"""The only rate that the GA interface has for PCM; it is also AudioSocket's slin24, so nothing is resampled."""


def session_update(event_id: str, spec: SessionSpec, interrupt: bool = True, create: bool = True) -> bytes:
    """Everything about a session, sent once after `session.created`.

    `interrupt`, `create`: the server cancels when the caller speaks, and answers when the caller stops.
    """
    session: dict[str, Any] = {
        "type": "realtime",
        "output_modalities": ["audio"],
        "instructions": spec.instructions,
        "audio": {"input": _input(spec, interrupt, create), "output": _output(spec)},
    }
    if tools := _tools(spec):
        session["tools"] = tools
        session["tool_choice"] = "auto"
    if spec.reasoning_effort is not None and spec.provider.model.startswith(REASONING_MODELS):
        session["reasoning"] = {"effort": spec.reasoning_effort}
    if spec.max_output_tokens is not None:
        session["max_output_tokens"] = spec.max_output_tokens
    return _frame("session.update", event_id, session=session)


def session_repeat(event_id: str, spec: SessionSpec, interrupt: bool = True, create: bool = True) -> bytes:
    """The same once more, in the middle of a call: without voice and speed, which can't be changed any more then."""
    session = json.loads(session_update(event_id, spec, interrupt, create))["session"]
    session["audio"]["output"] = {"format": PCM}
    return _frame("session.update", event_id, session=session)


def session_change(event_id: str, old: SessionSpec, new: SessionSpec, interrupt: bool, create: bool) -> bytes:
    """From now on this agent, as far as a session can change once it has spoken: not in voice and speed.

    What is left out stays as it was, so what the new agent has no more is taken away by name.
    """
    ears = {key: value for key, value in _input(new, interrupt, create).items() if key != "format"}
    for knob in ("noise_reduction", "transcription"):
        if getattr(old, knob) is not None:
            ears.setdefault(knob, None)
    session: dict[str, Any] = {"type": "realtime", "instructions": new.instructions, "tools": _tools(new)}
    session["audio"] = {"input": ears}
    if session["tools"]:
        session["tool_choice"] = "auto"
    if new.max_output_tokens != old.max_output_tokens:
        session["max_output_tokens"] = new.max_output_tokens or "inf"
    return _frame("session.update", event_id, session=session)


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


def turn_detection_update(event_id: str, spec: SessionSpec, interrupt: bool, create: bool) -> bytes:
    """From now on the server listens like this."""
    ears = {"turn_detection": _turn_detection(spec, interrupt, create)}
    return _frame("session.update", event_id, session={"type": "realtime", "audio": {"input": ears}})


def _input(spec: SessionSpec, interrupt: bool, create: bool) -> dict[str, Any]:
    ears: dict[str, Any] = {"format": PCM, "turn_detection": _turn_detection(spec, interrupt, create)}
    if spec.noise_reduction is not None:
        ears["noise_reduction"] = {"type": spec.noise_reduction.type}
    if spec.transcription is not None:
        ears["transcription"] = spec.transcription.model_dump(exclude_none=True)
    return ears


def _output(spec: SessionSpec) -> dict[str, Any]:
    custom = spec.voice.startswith("voice_")
    mouth: dict[str, Any] = {"format": PCM, "voice": {"id": spec.voice} if custom else spec.voice}
    if spec.speed != 1:
        mouth["speed"] = spec.speed
    return mouth


def _turn_detection(spec: SessionSpec, interrupt: bool, create: bool) -> dict[str, Any]:
    vad = spec.turn_detection
    knobs = vad.model_dump()
    knobs["interrupt_response"] = vad.interrupt_response and interrupt
    knobs["create_response"] = vad.create_response and create
    if isinstance(vad, ServerVad) and (vad.idle_timeout_ms is None or spec.idle is not None or not create):
        del knobs["idle_timeout_ms"]  # one ladder is enough
    return knobs


# ---------------------------------------------------------------- the rest


_APPEND_HEAD = b'{"type":"input_audio_buffer.append","audio":"'
_APPEND_TAIL = b'"}'


def audio_append(pcm: bytes) -> bytes:
    """Caller audio, 24 kHz s16le. Fifty a second and call: a template, since base64 needs no JSON escapes."""
    return b"".join((_APPEND_HEAD, base64(pcm), _APPEND_TAIL))


def response_create(event_id: str, instructions: str | None = None, tool_choice: str | None = None) -> bytes:
    """Ask for a response. `instructions` replace the session's for this one response."""
    wishes = {"instructions": instructions, "tool_choice": tool_choice}
    return _frame("response.create", event_id, response={key: wish for key, wish in wishes.items() if wish})


def response_cancel(event_id: str, response_id: str) -> bytes:
    """Stop a response that is being generated."""
    return _frame("response.cancel", event_id, response_id=response_id)


def item_truncate(event_id: str, item_id: str, content_index: int, audio_end_ms: int) -> bytes:
    """Only so much of the agent's item was heard. Refused when it is more than was generated."""
    where = {"item_id": item_id, "content_index": content_index, "audio_end_ms": audio_end_ms}
    return _frame("conversation.item.truncate", event_id, **where)


def item_delete(event_id: str, item_id: str) -> bytes:
    """Nothing of the item was heard."""
    return _frame("conversation.item.delete", event_id, item_id=item_id)


def user_text(event_id: str, item_id: str, text: str) -> bytes:
    """Something the caller did that is not speech, as text from the user."""
    content = [{"type": "input_text", "text": text}]
    item = {"id": item_id, "type": "message", "role": "user", "content": content}
    return _frame("conversation.item.create", event_id, item=item)


def tool_output(event_id: str, item_id: str, call_id: str, output: str) -> bytes:
    """The answer to a function call."""
    item = {"id": item_id, "type": "function_call_output", "call_id": call_id, "output": output}
    return _frame("conversation.item.create", event_id, item=item)


def message(event_id: str, item_id: str, role: str, text: str, after: str | None = None) -> bytes:
    """Something that was said (or a note to the model), as text: `role` is user, assistant or system.

    `after`: the id of the item behind which it belongs, "root" for the beginning; None: at the end. What the agent
    said can be told as text only: assistant audio is refused.
    """
    kind = "output_text" if role == "assistant" else "input_text"
    item = {"id": item_id, "type": "message", "role": role, "content": [{"type": kind, "text": text}]}
    return _frame("conversation.item.create", event_id, item=item, **_place(after))


def function_call(
    event_id: str, item_id: str, call_id: str, name: str, arguments: str, after: str | None = None
) -> bytes:
    """A call that the model made on another connection. `call_id`: at most 32 characters."""
    call = {"type": "function_call", "call_id": call_id, "name": name, "arguments": arguments, "status": "completed"}
    return _frame("conversation.item.create", event_id, item={"id": item_id} | call, **_place(after))


def _place(after: str | None) -> dict[str, str]:
    return {} if after is None else {"previous_item_id": after}


def _frame(kind: str, event_id: str, **fields: Any) -> bytes:
    return json.dumps({"type": kind, "event_id": event_id, **fields}, ensure_ascii=False).encode()
