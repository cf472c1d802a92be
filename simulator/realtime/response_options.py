"""What one response was asked for. [pure]

Owns the rule that `response.create` overrides the session for this once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from simulator.realtime.errors import Frame


@dataclass(frozen=True, slots=True)
class ResponseOptions:
    """What was asked for: the session's settings with those of `response.create` over them."""

    conversation_id: str | None
    modality: str
    format: Frame
    voice: Any
    max_output_tokens: Any
    tool_choice: Any
    instructions: str
    metadata: Mapping[str, str] | None = None


def response_options(config: Frame, asked: Frame, conversation_id: str | None) -> ResponseOptions:
    """The session's configuration with `asked`, the body of a `response.create`, over it."""
    mine = config["audio"]["output"]
    theirs = (asked.get("audio") or {}).get("output") or {}
    return ResponseOptions(
        conversation_id=conversation_id,
        modality=(asked.get("output_modalities") or config["output_modalities"])[0],
        format=theirs.get("format") or mine["format"],
        voice=theirs.get("voice") or mine["voice"],
        max_output_tokens=asked.get("max_output_tokens") or config["max_output_tokens"],
        tool_choice=asked.get("tool_choice") or config["tool_choice"],
        instructions=asked.get("instructions") or config["instructions"],
        metadata=asked.get("metadata"),
    )
