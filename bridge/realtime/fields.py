"""Fields of a JSON object that came from elsewhere: of the right kind, or empty. [pure]"""

from collections.abc import Mapping
from typing import Any


class Wrong(Exception):
    """A field that the event needs is missing or of the wrong kind."""


def object_of(raw: Mapping[str, Any], key: str) -> dict[str, Any]:
    """An optional object; absent, null and other kinds are an empty one."""
    value = raw.get(key)
    return value if isinstance(value, dict) else {}


def text_of(raw: Mapping[str, Any], key: str) -> str:
    """An optional string; absent, null and other kinds are the empty one."""
    value = raw.get(key)
    return value if isinstance(value, str) else ""


def needed(raw: Mapping[str, Any], key: str) -> str:
    """A string without which the event means nothing."""
    value = raw.get(key)
    if not isinstance(value, str) or not value:
        raise Wrong(f"no {key}")
    return value


def number_of(raw: Mapping[str, Any], key: str) -> int | None:
    """An optional whole number."""
    value = raw.get(key)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return int(value)
    except (ValueError, OverflowError):  # JSON as Python reads it has NaN and Infinity
        return None
