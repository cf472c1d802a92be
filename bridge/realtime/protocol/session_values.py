"""Reads the values of a `session` object, in any dialect's shape, by common names. [pure]

Owns where each value stands: GA (`session.audio.input.…`), xAI (some at the top) and the beta (all at the top, old
names). What we ask for and what the server says is in force are read by the same rules, so that they can be compared.

A value that is absent is not told. None: it is switched off. Tools are names; what a server makes of their schemas,
and what it adds to an object by itself, is not looked at. All texts are well-formed and bounded.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from bridge.realtime.protocol.json_fields import id_of, object_of, text_of

Value = str | float | bool | frozenset[str] | None
Values = Mapping[str, Value]

MOST_TOOLS = 512
_PCM = frozenset({"audio/pcm", "audio/pcm16", "audio/l16", "pcm", "pcm16"})
_OTHER_FORMATS = {"audio/pcmu": "pcmu", "g711_ulaw": "pcmu", "audio/pcma": "pcma", "g711_alaw": "pcma"}
ON = "on"
"""Of what it is not told."""
_OFF = ("", "none", "off", "disabled")


def values_of(session: Mapping[str, Any]) -> dict[str, Value]:
    """All that is told, in the order in which differences are worth telling."""
    audio = object_of(session, "audio")
    heard, said = object_of(audio, "input"), object_of(audio, "output")
    return dict(_values(session, heard, said))


def _values(
    session: Mapping[str, Any], heard: Mapping[str, Any], said: Mapping[str, Any]
) -> Iterator[tuple[str, Value]]:
    for name, at, key in (("input_format", heard, "input"), ("output_format", said, "output")):
        form = at.get("format", session.get(f"{key}_audio_format"))
        if told := format_of(form):
            yield name, told
    if (modalities := _names(session, "output_modalities", "modalities")) is not None:
        yield "modalities", modalities
    yield from _turn_detection(heard if "turn_detection" in heard else session)
    yield from _tools(session)
    if isinstance(session.get("instructions"), str):
        yield "instructions", " ".join(text_of(session, "instructions").split())
    if model := id_of(session, "model"):
        yield "model", model
    if voice := _named(said if "voice" in said else session, "voice", "id", "name"):
        yield "voice", voice
    yield from _part(heard, session, "transcription", ("model", "language"))
    yield from _part(heard, session, "noise_reduction", ("type",))
    yield from _numbers(session, said)


def format_of(form: Any) -> str:
    """`pcm`, `pcm 16 kHz` (the rate if it is told), `pcmu`, `pcma`, or what the server calls it; empty: not told."""
    if isinstance(form, str):
        form = {"type": form}
    if not isinstance(form, dict):
        return ""
    kind, rate = id_of(form, "type").lower(), number(form.get("rate"))
    if kind in _PCM or (not kind and rate is not None):
        return "pcm" if rate is None else f"pcm {rate / 1000:g} kHz"
    return _OTHER_FORMATS.get(kind, kind)


def number(value: Any) -> float | None:
    """A finite number."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) < 1e12 else None


def _turn_detection(at: Mapping[str, Any]) -> Iterator[tuple[str, Value]]:
    if "turn_detection" not in at:
        return
    knobs = at["turn_detection"]
    if not isinstance(knobs, dict):
        yield "turn_detection", None
        return
    if "type" in knobs:
        kind = id_of(knobs, "type")
        yield "turn_detection", None if kind.lower() in _OFF else kind
    for name in ("create_response", "interrupt_response"):
        if isinstance(knobs.get(name), bool):
            yield f"turn_detection.{name}", knobs[name]
    for name in ("threshold", "prefix_padding_ms", "silence_duration_ms", "idle_timeout_ms"):
        if name in knobs:
            yield f"turn_detection.{name}", number(knobs[name])
    if eagerness := id_of(knobs, "eagerness"):
        yield "turn_detection.eagerness", "medium" if eagerness == "auto" else eagerness  # OpenAI: the same


def _tools(session: Mapping[str, Any]) -> Iterator[tuple[str, Value]]:
    """Functions by name, MCP servers by label."""
    listed = session.get("tools", "")
    if listed is None or isinstance(listed, list):
        tools = [each for each in (listed or [])[:MOST_TOOLS] if isinstance(each, dict)]
        functions = frozenset(filter(None, (_function(tool) for tool in tools)))
        servers = frozenset(filter(None, (id_of(tool, "server_label") for tool in tools)))
        if functions or servers or not tools:  # else it tells them in a way that we can't read
            yield "tools", functions
            yield "mcp", servers
    if choice := _named(session, "tool_choice", "name", "server_label", "type"):
        yield "tool_choice", choice


def _function(tool: Mapping[str, Any]) -> str:
    return id_of(tool, "name") or id_of(object_of(tool, "function"), "name")


def _part(
    heard: Mapping[str, Any], session: Mapping[str, Any], name: str, keys: tuple[str, ...]
) -> Iterator[tuple[str, Value]]:
    """An optional part of the input: switched off, or on with the first of `keys` as its value."""
    at, key = (heard, name) if name in heard else (session, f"input_audio_{name}")
    if key not in at:
        return
    told = at[key]
    if not isinstance(told, dict):
        yield name, None
        return
    first, *others = keys
    yield name, id_of(told, first) or ON
    for other in others:
        if told.get(other):
            yield f"{name}.{other}", id_of(told, other)


def _numbers(session: Mapping[str, Any], said: Mapping[str, Any]) -> Iterator[tuple[str, Value]]:
    speed = number(said.get("speed", session.get("speed")))
    if speed is not None:
        yield "speed", speed
    for key in ("max_output_tokens", "max_response_output_tokens"):
        if key in session:
            yield "max_output_tokens", number(session[key]) or "inf"
    if effort := id_of(object_of(session, "reasoning"), "effort"):
        yield "reasoning", effort


def _named(at: Mapping[str, Any], key: str, *names: str) -> str:
    """A name, or an object that has one."""
    value = at.get(key)
    if isinstance(value, dict):
        return next((name for each in names if (name := id_of(value, each))), "")
    return id_of(at, key)


def _names(at: Mapping[str, Any], *keys: str) -> frozenset[str] | None:
    for key in keys:
        if isinstance(at.get(key), list):
            return frozenset(each[:64] for each in at[key][:16] if isinstance(each, str))
    return None
