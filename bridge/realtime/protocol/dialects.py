"""The dialects of the Realtime protocol: what each provider wants otherwise than OpenAI. [pure]

Owns the differences as a table of flags, and applies them to what we send: every event is made in OpenAI's GA shape
(`client_events.encode`) and adapted here just before it is written. For what we receive nothing is needed:
`server_events` understands old and new names at any time.

    dialect       what is different
    -----------   ------------------------------------------------------------------------------------------
    openai        nothing: this is the GA interface
    azure         `api-key` header; the path /openai/v1/realtime, the deployment's name as model
    xai           voice and turn detection at the top of the session, no type; truncating items is unreliable
    openai-beta   flat session, old names of formats and content parts, ["audio", "text"], a beta header

Sources: OpenAI "Realtime" guides (GA and beta); Azure OpenAI "Realtime API"; xAI "Voice Agent API".
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from bridge.contract.spec import Provider

REASONING_MODELS = "gpt-realtime-2"
"""Prefix. Sending `reasoning` to any other model refuses the whole update."""

_OPENAI_VOICES = frozenset(("alloy", "ash", "ballad", "coral", "echo", "sage", "shimmer", "verse", "marin", "cedar"))


@dataclass(frozen=True, slots=True)
class Dialect:
    """What servers of a dialect can do and need. The defaults are OpenAI's GA interface."""

    shape: Literal["ga", "top", "flat"] = "ga"
    """Of the session: nested `audio`; voice and turn detection at its top; all flat with the beta's names."""
    key_header: Literal["bearer", "api-key"] = "bearer"
    default_path: str = "/v1/realtime"
    """Where a URL without a path leads."""
    beta_header: bool = False
    truncate: bool = True
    """Understands `conversation.item.truncate`. Without it the model believes that all was heard."""
    max_session_s: int = 60 * 60
    """How long a connection may live, unless the provider's entry or the server itself says so."""


DIALECTS: Mapping[str, Dialect] = {
    "openai": Dialect(),
    "azure": Dialect(key_header="api-key", default_path="/openai/v1/realtime"),
    "xai": Dialect(shape="top", truncate=False, max_session_s=30 * 60),
    "openai-beta": Dialect(shape="flat", beta_header=True, max_session_s=30 * 60),
}


def dialect_of(provider: Provider) -> Dialect:
    """The flags of the provider's dialect."""
    return DIALECTS[provider.dialect]


def max_session_s(provider: Provider) -> float:
    """How long this provider lets a connection live, in seconds from its opening."""
    told = provider.max_session_s
    return told if told is not None else float(dialect_of(provider).max_session_s)


def endpoint(provider: Provider) -> tuple[str, dict[str, str]]:
    """URL with the model in its query, and the headers, key included. The provider's own headers win."""
    dialect = dialect_of(provider)
    parts = urlsplit(provider.url)
    path = dialect.default_path if parts.path in ("", "/") else parts.path
    query = [*parse_qsl(parts.query), ("model", provider.model)]
    key = provider.api_key.get_secret_value()
    headers = {"api-key": key} if dialect.key_header == "api-key" else {"Authorization": f"Bearer {key}"}
    if dialect.beta_header:
        headers["OpenAI-Beta"] = "realtime=v1"
    return urlunsplit(parts._replace(path=path, query=urlencode(query))), headers | provider.headers


def adapt(event: dict[str, Any], provider: Provider) -> dict[str, Any] | None:
    """A client event in the GA shape, as this provider wants it; None: it does not understand events of this type."""
    dialect = dialect_of(provider)
    match event["type"]:
        case "session.update" if dialect.shape != "ga" or not provider.model.startswith(REASONING_MODELS):
            return event | {"session": _session(event["session"], dialect)}
        case "response.create" if dialect.shape == "flat":
            return event | {"response": _renamed(event["response"], _BETA_NAMES)}
        case "conversation.item.create" if dialect.shape == "flat":
            return event | {"item": _beta_item(event["item"])}
        case "conversation.item.truncate" if not dialect.truncate:
            return None
        case _:
            return event


# ---------------------------------------------------------------- the session, in each shape

_BETA_NAMES = {"output_modalities": "modalities", "max_output_tokens": "max_response_output_tokens"}
_BETA_PARTS = {"output_text": "text", "output_audio": "audio"}


def _session(session: Mapping[str, Any], dialect: Dialect) -> dict[str, Any]:
    if dialect.shape == "ga":  # a fall-back to a model that does not reason
        return {key: value for key, value in session.items() if key != "reasoning"}
    heard: Mapping[str, Any] = session.get("audio", {}).get("input", {})
    said: Mapping[str, Any] = session.get("audio", {}).get("output", {})
    plain = {key: value for key, value in session.items() if key not in ("type", "audio", "reasoning")}
    return _top(plain, heard, said) if dialect.shape == "top" else _flat(plain, heard, said)


def _top(plain: dict[str, Any], heard: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    plain.pop("output_modalities", None)  # always audio
    plain.pop("max_output_tokens", None)
    if "turn_detection" in heard:
        options = heard["turn_detection"]
        if options is not None and options["type"] != "server_vad":
            options = {"type": "server_vad"}
        known = ("type", "threshold", "prefix_padding_ms", "silence_duration_ms", "create_response")
        plain["turn_detection"] = options and {key: value for key, value in options.items() if key in known}
    if (voice := said.get("voice")) and voice not in _OPENAI_VOICES:
        plain["voice"] = voice
    formats = {
        side: {"format": ends["format"]} for side, ends in (("input", heard), ("output", said)) if "format" in ends
    }
    return plain | ({"audio": formats} if formats else {})


def _flat(plain: dict[str, Any], heard: Mapping[str, Any], said: Mapping[str, Any]) -> dict[str, Any]:
    flat = _renamed(plain, _BETA_NAMES)
    for side, ends in (("input", heard), ("output", said)):
        if "format" in ends:
            flat[f"{side}_audio_format"] = "pcm16"
    for name in ("transcription", "noise_reduction"):
        if name in heard:
            flat[f"input_audio_{name}"] = heard[name]
    if "turn_detection" in heard:
        options = heard["turn_detection"]
        flat["turn_detection"] = options and {key: value for key, value in options.items() if key != "idle_timeout_ms"}
    return flat | {name: said[name] for name in ("voice", "speed") if name in said}


def _beta_item(item: Mapping[str, Any]) -> dict[str, Any]:
    parts = item.get("content")
    if parts is None:
        return dict(item)
    return {**item, "content": [{**part, "type": _BETA_PARTS.get(part["type"], part["type"])} for part in parts]}


def _renamed(fields: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    renamed = {names.get(key, key): value for key, value in fields.items()}
    if renamed.get("modalities") == ["audio"]:
        renamed["modalities"] = ["audio", "text"]
    return renamed
