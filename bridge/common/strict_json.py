"""Text and JSON that come from elsewhere, made well-formed where they enter. [pure]

Owns what every parser of ours has in common, in both halves. A text that comes out of here can be written as UTF-8, as
JSON and into any database: two halves of a character that were escaped one by one are joined, and what remains of
half characters (lone surrogates), and NUL, become U+FFFD. JSON is bounded in depth, length and numbers.

Knows nothing of calls, workers or Asterisk. What is not well-formed JSON is refused by one error, `BadJson`.
"""

import json
from math import isfinite
from typing import Any

MOST_DEPTH = 32
"""Levels of objects and lists. The link's decoder reads 200 at most, and some servers fewer."""
MOST_CHARACTERS = 32 * 1024

_REPLACEMENT = "\ufffd"


class BadJson(ValueError):
    """The text is not JSON that we take. The message holds nothing of the text and follows a subject ("It ...")."""


def well_formed(text: str) -> str:
    """The same text, able to be encoded and stored."""
    if "\0" in text:
        text = text.replace("\0", _REPLACEMENT)
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def well_formed_piece(text: str) -> str:
    """The same for a piece of a text that comes in pieces: half a character at either end is left, because the next
    piece may hold the other half. `well_formed` makes the whole."""
    start = text[:1] if "\udc00" <= text[:1] <= "\udfff" else ""
    rest = text[len(start) :]
    end = rest[-1:] if "\ud800" <= rest[-1:] <= "\udbff" else ""
    return start + well_formed(rest[: len(rest) - len(end)]) + end


def well_formed_value(value: Any, depth: int = MOST_DEPTH) -> Any:
    """The same for all texts in a value as JSON has them, keys too. Raises BadJson where it is nested deeper."""
    if isinstance(value, str):
        return well_formed(value)
    if not isinstance(value, dict | list | tuple):
        return value
    if depth <= 0:
        raise BadJson("is nested too deeply")
    if isinstance(value, dict):
        return {well_formed(str(key)): well_formed_value(each, depth - 1) for key, each in value.items()}
    return [well_formed_value(each, depth - 1) for each in value]


def parse(text: str | bytes, *, depth: int = MOST_DEPTH, characters: int = MOST_CHARACTERS) -> Any:
    """What a JSON text says. Of a key that is there twice the last value counts. Raises BadJson."""
    if len(text) > characters:
        raise BadJson(f"is longer than {characters} characters")
    try:
        value = json.loads(text, parse_constant=_no_number, parse_float=_float, parse_int=_int)
    except BadJson:
        raise
    except RecursionError:
        raise BadJson("is nested too deeply") from None
    except ValueError:
        raise BadJson("is not JSON") from None
    return well_formed_value(value, depth)


def _no_number(text: str) -> Any:
    raise BadJson("holds NaN or Infinity, which are not JSON")


def _float(text: str) -> float:
    number = float(text)
    if not isfinite(number):
        raise BadJson("holds a number that is too large")
    return number


def _int(text: str) -> int:
    """Databases, and programs in other languages, have 64 bits."""
    number = int(text) if len(text) <= 20 else 1 << 63
    if not -(1 << 63) <= number < 1 << 63:
        raise BadJson("holds a whole number that is too large")
    return number
