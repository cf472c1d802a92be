"""Text and JSON from outside, made well-formed where they enter. [pure]

A text that leaves this module can be written as UTF-8, as JSON and into any database: surrogate pairs that were escaped
one by one are joined; lone surrogates and NUL become U+FFFD. JSON is bounded in depth, length and numbers, and the one
error for what is refused is `BadJson`.
"""

import json
from math import isfinite
from typing import Any

MOST_DEPTH = 32
"""Levels of objects and lists. The link's decoder reads 200 at most, and some servers fewer."""
MOST_CHARACTERS = 32 * 1024

_REPLACEMENT = "\ufffd"


class BadJson(ValueError):
    """The text is not JSON, or beyond a bound. The message continues "It …" and quotes nothing of the text."""


def well_formed(text: str) -> str:
    """The text as it can be encoded and stored."""
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
    """As `well_formed`, for a piece of a text that comes in pieces: a lone surrogate at either end is kept, as its
    other half may be in the piece before or after. The whole text still needs `well_formed`."""
    start = text[:1] if "\udc00" <= text[:1] <= "\udfff" else ""
    rest = text[len(start) :]
    end = rest[-1:] if "\ud800" <= rest[-1:] <= "\udbff" else ""
    return start + well_formed(rest[: len(rest) - len(end)]) + end


def well_formed_value(value: Any, depth: int = MOST_DEPTH) -> Any:
    """As `well_formed`, for all texts and keys in a JSON value. Raises BadJson if it is nested deeper than `depth`."""
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
    """The value of a JSON text. If a key is there twice, the last value counts. Raises BadJson."""
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
    """Only what fits into 64 bits, as databases and other languages have them."""
    number = int(text) if len(text) <= 20 else 1 << 63
    if not -(1 << 63) <= number < 1 << 63:
        raise BadJson("holds a whole number that is too large")
    return number
