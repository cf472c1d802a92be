"""Reads the usage of a response or a transcription from a server event. [pure]"""

from collections.abc import Mapping
from typing import Any

from bridge.realtime.protocol.json_fields import believed, number_of, object_of


def of_response(usage: Mapping[str, Any]) -> dict[str, int]:
    """Tokens by what they cost. As at OpenAI, cached ones are also counted in their `input_*` figure."""
    given, made = object_of(usage, "input_token_details"), object_of(usage, "output_token_details")
    cached = object_of(given, "cached_tokens_details")
    figures = {
        "input_text": number_of(given, "text_tokens"),
        "input_audio": number_of(given, "audio_tokens"),
        "input_cached_text": number_of(cached, "text_tokens"),
        "input_cached_audio": number_of(cached, "audio_tokens"),
        "output_text": number_of(made, "text_tokens"),
        "output_audio": number_of(made, "audio_tokens"),
        "total": number_of(usage, "total_tokens"),
    }
    return believed(figures)


def of_transcription(usage: Mapping[str, Any]) -> dict[str, int]:
    """Tokens, or milliseconds of sound."""
    seconds = usage.get("seconds")
    figures = {
        "transcription_input": number_of(usage, "input_tokens"),
        "transcription_output": number_of(usage, "output_tokens"),
        "transcription_ms": number_of({"ms": seconds * 1000}, "ms") if isinstance(seconds, int | float) else None,
    }
    return believed(figures)
