"""What a response costs, counted as OpenAI counts it. [pure]

Owns the token arithmetic: a token for 100 ms of the caller, one for 50 ms of the assistant, one for about four
characters of text. Every response reads the whole conversation again, all but its newest turn from the cache.
"""

from collections.abc import Sequence

from simulator.realtime.errors import Frame
from simulator.realtime.history import Item

USER_MS, ASSISTANT_MS, CHARACTERS = 100, 50, 4


def text_tokens(text: str) -> int:
    """Rounded up."""
    return -(-len(text) // CHARACTERS)


def audio_tokens(item: Item) -> int:
    """Rounded up."""
    each = USER_MS if item.frame.get("role") == "user" else ASSISTANT_MS
    return -(-item.audio_ms // each)


def _text(item: Item) -> int:
    written = str(item.frame.get("arguments", "")) + str(item.frame.get("output", ""))
    return text_tokens(item.text + written)


def usage(history: Sequence[Item], output: Sequence[Item], instructions: str) -> Frame:
    """`response.usage` of a response that wrote `output` after reading the rest of `history`."""
    written = {item.id for item in output}
    read = [item for item in history if item.id not in written]
    text = text_tokens(instructions) + sum(_text(item) for item in read)
    audio = sum(audio_tokens(item) for item in read)
    cached_text = text_tokens(instructions) + sum(_text(item) for item in read[:-1])
    cached_audio = sum(audio_tokens(item) for item in read[:-1])
    out_text, out_audio = sum(_text(item) for item in output), sum(audio_tokens(item) for item in output)
    return {
        "total_tokens": text + audio + out_text + out_audio,
        "input_tokens": text + audio,
        "output_tokens": out_text + out_audio,
        "input_token_details": {
            "text_tokens": text,
            "audio_tokens": audio,
            "image_tokens": 0,
            "cached_tokens": cached_text + cached_audio,
            "cached_tokens_details": {"text_tokens": cached_text, "audio_tokens": cached_audio, "image_tokens": 0},
        },
        "output_token_details": {"text_tokens": out_text, "audio_tokens": out_audio},
    }
