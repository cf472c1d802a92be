"""The errors of a config file. [pure]

Owns `ConfigError`, its text, and the hints for unknown keys: a typing error ("did you mean"), a key at the wrong level,
or a name from the beta interface of the Realtime API with its replacement.

Never shows what could be a secret: values of keys with such names, values of unknown keys, values from the environment
(`${NAME}` is shown instead), and whole mappings or lists.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from itertools import pairwise
from typing import Any

Path = tuple[str | int, ...]

_SECRET = re.compile(r"passw|secret|credential|authorization|api-?_?key|^token$|_(token|key)$", re.IGNORECASE)

_OPTION = r"[?&][^=&?]*(?:pass|pwd|secret|credential|token|key)[^=&?]*="
_END = r"(?=['\"]?$)"
_SECRET_TEXT = re.compile(
    rf"(?P<scheme>:/+|//)(?:.*{_OPTION}.*@.*?{_END}|.*(?=@))"
    rf"|(?P<option>{_OPTION}).*?{_END}"
    r"|\bsk-[A-Za-z0-9_-]+",
    re.IGNORECASE,
)
"""User and password in a URL, up to the last `@`; options from such a name on, whose value may hold an `&`;
an OpenAI key in the wrong place."""

OLD_NAMES: Mapping[str, str] = {
    "temperature": "removed in the GA interface, which refuses it; steer tone by `instructions`, pace by `speed`, "
    "depth of thought by `reasoning_effort`",
    "modalities": "not needed: an agent always speaks, and the text of what it said always comes with it",
    "output_modalities": "not needed: an agent always speaks, and the text of what it said always comes with it",
    "input_audio_format": "not needed: sound is always 24 kHz PCM, end to end",
    "output_audio_format": "not needed: sound is always 24 kHz PCM, end to end",
    "sample_rate": "not needed: sound is always 24 kHz PCM, end to end",
    "OpenAI-Beta": "the beta interface is gone and the server hangs up on this header; leave it out",
    "max_response_output_tokens": "now `max_output_tokens`, in the agent",
    "max_tokens": "now `max_output_tokens`, in the agent",
    "input_audio_transcription": "now `transcription`, in the agent: {model: gpt-transcribe, language: en}",
    "input_audio_noise_reduction": "now `noise_reduction`, in the agent: {type: near_field}",
    "vad": "now `turn_detection`, in the agent: {type: server_vad, threshold: 0.7}",
    "vad_threshold": "now `turn_detection.threshold`, in the agent",
    "silence_duration": "now `turn_detection.silence_duration_ms`, in the agent",
    "prefix_padding": "now `turn_detection.prefix_padding_ms`, in the agent",
    "prompt": "stored prompts were switched off by OpenAI; write the text into the agent's `instructions`",
    "system_prompt": "now `instructions`, in the agent",
    "api_version": "not needed: there is only the GA interface",
    "session": "not needed: an agent's keys stand directly under agents.<name>",
    "audio": "not needed: an agent's keys stand directly under agents.<name>",
}
"""Names from the beta interface and older versions, and what replaced them."""

_OLD_FOLDED = {name.lower().replace("-", "_"): text for name, text in OLD_NAMES.items()}


@dataclass(frozen=True, slots=True)
class ConfigError:
    """One thing to correct. `value`: as it may be shown (empty: not at all). `line` counts from 1."""

    path: str
    value: str
    message: str
    hint: str = ""
    line: int | None = None


class ConfigErrors(Exception):
    """Everything that is wrong with one config, in the order of the file."""

    def __init__(self, errors: Iterable[ConfigError], source: str = "config") -> None:
        self.errors = sorted(errors, key=lambda error: error.line or 0)
        self.source = source
        super().__init__(source)

    def __str__(self) -> str:
        return render(self)


def render(errors: ConfigErrors) -> str:
    """The list as `voiceai check-config` prints it, without a final newline."""
    count = len(errors.errors)
    lines = [f"{errors.source}: {count} problem{'' if count == 1 else 's'}"]
    for error in errors.errors:
        place = error.path or "(the file)"
        if error.line is not None:
            place += f" (line {error.line})"
        shown = f" (given: {error.value})" if error.value else ""
        lines.append(f"  {place}: {error.message}{shown}")
        if error.hint:
            lines.append(f"      hint: {error.hint}")
    return "\n".join(lines)


def dotted(path: Path) -> str:
    """`("routes", 0, "agent")` as `routes[0].agent`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else str(part)
    return text


def shown(path: Path, value: Any) -> str:
    """`value` as it may be printed; empty if it may not."""
    if isinstance(value, Mapping | list | tuple | set):
        return "a mapping" if isinstance(value, Mapping) else "a list"
    if value is None or is_secret(path):
        return "" if value is not None else "empty"
    text = _SECRET_TEXT.sub(r"\g<scheme>\g<option>…", repr(value))
    return text if len(text) <= 60 else text[:57] + "…" + text[0]


def is_secret(path: Path) -> bool:
    """Whether a value at `path` may be a secret. Includes a text in place of an entry of `api.tokens`, and what stands
    under a name in a mapping of tokens."""
    inside = path[:-1] if path and isinstance(path[-1], int) else path
    secret_key = any(isinstance(part, str) and (part == "headers" or _SECRET.search(part)) for part in path)
    named = any(part == "tokens" and isinstance(name, str) for part, name in pairwise(path))
    return secret_key or named or inside[-1:] == ("tokens",)


def explain_unknown(path: Path, here: Iterable[str], places: Mapping[str, Iterable[str]]) -> str:
    """A hint for a key that does not exist at `path`.

    `here`: the keys that exist there. `places`: every key of the config and its places.
    """
    key = str(path[-1])
    near = get_close_matches(key, list(here), n=1, cutoff=0.6)
    mistyped = near and (get_close_matches(key, near, cutoff=0.85) or _same_letters(near[0], key))
    elsewhere = [place for place in places.get(key, ()) if place]
    if key.lower().replace("-", "_") in _OLD_FOLDED:
        return _OLD_FOLDED[key.lower().replace("-", "_")]
    if elsewhere and not mistyped:
        return "it belongs at " + " or ".join(f"`{place}`" for place in elsewhere[:3])
    if near:
        return f"did you mean `{near[0]}`?"
    known = ", ".join(sorted(here))
    return f"known here: {known}" if known else ""


def _same_letters(one: str, other: str) -> bool:
    return one.lower().replace("_", "").replace("-", "") == other.lower().replace("_", "").replace("-", "")
