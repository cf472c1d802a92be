"""Reads fields of JSON objects from a server: each is of the right type, well-formed and bounded, or empty. [pure]

Texts are made well-formed here, so that whatever is built of them can be encoded and stored.
"""

import json
from collections.abc import Mapping
from typing import Any

from bridge.common.strict_json import well_formed, well_formed_piece

LONGEST_TEXT = 32 * 1024
"""Characters. What the agent says in one item, and what the caller says in one turn, is far shorter."""
LONGEST_ID = 512
LARGEST_NUMBER = 1 << 53
"""What a JSON number holds exactly everywhere."""

LONGEST_NUMBER = 20
"""Digits of a whole number. One of thousands takes long to read, and says nothing."""

MOST_USED = 10_000_000
"""Of one kind, in one response or one transcription: tokens (contexts hold far fewer) or milliseconds (2.7 hours)."""


_TOO_LARGE = LARGEST_NUMBER + 1


class Wrong(Exception):
    """A field that the event needs is missing, too long or of the wrong kind."""


def json_of(text: str) -> Any:
    """What a JSON text says. A whole number of too many digits becomes one that no field takes. Raises ValueError and
    RecursionError."""
    return _decoder.decode(text)


def _int(digits: str) -> int:
    return int(digits) if len(digits) <= LONGEST_NUMBER else _TOO_LARGE


_decoder = json.JSONDecoder(parse_int=_int)  # `json.loads` would make one for each event


def object_of(raw: Mapping[str, Any], key: str) -> dict[str, Any]:
    """An optional object; absent, null and other kinds are an empty one."""
    value = raw.get(key)
    return value if isinstance(value, dict) else {}


def text_of(raw: Mapping[str, Any], key: str, longest: int | None = LONGEST_TEXT) -> str:
    """An optional string, cut at `longest`; absent, null and other kinds are the empty one."""
    value = raw.get(key)
    return well_formed(value[:longest]) if isinstance(value, str) else ""


def piece_of(raw: Mapping[str, Any], key: str) -> str:
    """A piece of a text that may go on: it may begin and end with half a character."""
    value = raw.get(key)
    return well_formed_piece(value[:LONGEST_TEXT]) if isinstance(value, str) else ""


def id_of(raw: Mapping[str, Any], key: str) -> str:
    """An optional id or other short name."""
    return text_of(raw, key, LONGEST_ID)


def code_of(raw: Mapping[str, Any], key: str) -> str:
    """An optional code: a short name, or with some servers a number."""
    value = raw.get(key)
    return str(value) if type(value) is int and abs(value) <= LARGEST_NUMBER else id_of(raw, key)


def needed(raw: Mapping[str, Any], key: str) -> str:
    """An id without which the event means nothing."""
    value = raw.get(key)
    if not isinstance(value, str) or not value:
        raise Wrong(f"no {key}")
    if len(value) > LONGEST_ID:
        raise Wrong(f"{key} is longer than {LONGEST_ID} characters")
    return well_formed(value)


def number_of(raw: Mapping[str, Any], key: str) -> int | None:
    """An optional whole number."""
    value = raw.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = int(value)
    except (ValueError, OverflowError):  # JSON as Python reads it has NaN and Infinity
        return None
    return number if -LARGEST_NUMBER <= number <= LARGEST_NUMBER else None


def believed(figures: Mapping[str, int | None]) -> dict[str, int]:
    """The figures that are possible. An impossible one must not use up the spend limit of all calls."""
    return {name: count for name, count in figures.items() if count and 0 < count <= MOST_USED}
