"""A session's effective configuration: defaults, then what each update changes. [pure]

Owns the rules between fields, which no single shape can state: what a model supports, what is fixed once audio
has been spoken. Refuses by raising `Refusal`, and then nothing of the update applies.
"""

import copy

from simulator.realtime.errors import Frame, Refusal
from simulator.realtime.session_schema import SessionUpdateBody

PCM: Frame = {"type": "audio/pcm", "rate": 24000}
SERVER_VAD: Frame = {
    "type": "server_vad",
    "threshold": 0.5,
    "prefix_padding_ms": 300,
    "silence_duration_ms": 500,
    "idle_timeout_ms": None,
    "create_response": True,
    "interrupt_response": True,
}
SEMANTIC_VAD: Frame = {"type": "semantic_vad", "eagerness": "auto", "create_response": True, "interrupt_response": True}
SEMANTIC_SILENCE_MS = {"low": 1200, "medium": 700, "high": 400, "auto": 700}
"""`semantic_vad` is simulated by a fixed silence, in ms."""


def reasons(model: str) -> bool:
    """Whether a model takes `reasoning` and `parallel_tool_calls`: the 2.x family."""
    return model.startswith(("gpt-realtime-2.", "gpt-realtime-2-")) or model == "gpt-realtime-2"


def defaults(session_id: str, model: str, expires_at: int) -> Frame:
    """What `session.created` says. `expires_at` in Unix seconds."""
    effective: Frame = {
        "type": "realtime",
        "object": "realtime.session",
        "id": session_id,
        "model": model,
        "output_modalities": ["audio"],
        "instructions": "",
        "tools": [],
        "tool_choice": "auto",
        "max_output_tokens": "inf",
        "tracing": None,
        "truncation": "auto",
        "include": None,
        "expires_at": expires_at,
        "audio": {
            "input": {
                "format": dict(PCM),
                "transcription": None,
                "noise_reduction": None,
                "turn_detection": dict(SERVER_VAD),
            },
            "output": {"format": dict(PCM), "voice": "marin", "speed": 1.0},
        },
    }
    if reasons(model):
        effective |= {"reasoning": {"effort": "low"}, "parallel_tool_calls": True}
    return effective


def updated(effective: Frame, update: SessionUpdateBody, *, audio_spoken: bool) -> Frame:
    """The configuration after an update. Raises Refusal."""
    changes = update.model_dump(exclude_unset=True)
    _refuse_unsupported(effective, changes)
    merged = copy.deepcopy(effective)
    audio = changes.pop("audio", None) or {}
    merged.update(changes)
    for side in ("input", "output"):
        merged["audio"][side].update(audio.get(side) or {})
    merged["audio"]["input"]["turn_detection"] = _filled(merged["audio"]["input"]["turn_detection"])
    if audio_spoken and merged["audio"]["output"]["voice"] != effective["audio"]["output"]["voice"]:
        text = "Cannot update a conversation's voice if assistant audio is present."
        raise Refusal("cannot_update_voice", text, "session.audio.output.voice")
    return merged


def _refuse_unsupported(effective: Frame, changes: Frame) -> None:
    model = effective["model"]
    if changes.get("model") not in (None, model):
        text = f"The model of a session cannot be changed: it is '{model}'."
        raise Refusal("invalid_value", text, "session.model")
    for name in ("reasoning", "parallel_tool_calls"):
        refuse_unless_reasoning(model, changes, name, f"session.{name}")
    if effective["tracing"] is not None and "tracing" in changes and changes["tracing"] != effective["tracing"]:
        raise Refusal("invalid_value", "Tracing cannot be changed once it is enabled.", "session.tracing")


def refuse_unless_reasoning(model: str, changes: Frame, name: str, param: str) -> None:
    """Raises Refusal if `name` is asked of a model that knows nothing of it."""
    if changes.get(name) is not None and not reasons(model):
        raise Refusal("unsupported_parameter", f"'{name}' is not supported by the model '{model}'.", param)


def _filled(detection: Frame | None) -> Frame | None:
    if detection is None:
        return None
    base = SERVER_VAD if detection["type"] == "server_vad" else SEMANTIC_VAD
    given = {name: value for name, value in detection.items() if value is not None}
    return {**base, **given}


def silence_ms(detection: Frame) -> int:
    """How long a caller must be quiet for the turn to be over."""
    if detection["type"] == "semantic_vad":
        return SEMANTIC_SILENCE_MS[detection["eagerness"]]
    return int(detection["silence_duration_ms"])
