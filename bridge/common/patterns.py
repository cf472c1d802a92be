"""Regular expressions of the config, matched in time linear to the length of the text. [pure]

Python's own matcher can need years for a short text (`(a+)+b`), and no call would go on meanwhile. This one is Rust's
`regex`, which comes with pydantic. It has no look-ahead, no look-behind and no back-references: a pattern with one of
these is refused when the config is read.
"""

import re
from functools import lru_cache

from pydantic_core import SchemaError, SchemaValidator, ValidationError, core_schema

LONGEST = 500
"""Characters of a pattern."""
MOST_REPEATS = 1000
"""The largest product of all counts in braces: each count makes the matcher larger."""

_COUNT = re.compile(r"\{([0-9]*)(?:,([0-9]*))?\}")


def problem(pattern: str) -> str | None:
    """What is wrong with a pattern, without its text; None: nothing."""
    if len(pattern) > LONGEST:
        return f"is longer than {LONGEST} characters"
    repeats = 1
    for least, most in _COUNT.findall(pattern):
        repeats *= max(int(least or 0), int(most or 0), 1)
    if repeats > MOST_REPEATS:
        return f"repeats too much: the counts in braces multiply to more than {MOST_REPEATS}"
    for each in (pattern, _whole(pattern)):
        try:
            _matcher(each)
        except SchemaError as error:
            return _words(str(error))
    return None


def _words(error: str) -> str:
    """The library's message without the pattern, which it quotes."""
    what = error.rpartition("error: ")[2].strip()
    if "size limit" in error:
        return "is too large"
    if "look-around" in what or "backreference" in what:
        return "can't be matched in bounded time: look-ahead, look-behind and back-references are not taken"
    return f"is not a regular expression: {what}"


def fullmatch(pattern: str, text: str) -> bool:
    """Whether the pattern matches the whole text. A text that is no pattern matches nothing."""
    return _matches(_whole(pattern), text)


def search(pattern: str, text: str) -> bool:
    """Whether the pattern matches anywhere in the text, as JSON Schema's `pattern` does."""
    return _matches(pattern, text)


def _whole(pattern: str) -> str:
    return f"^(?:{pattern})$"


def _matches(pattern: str, text: str) -> bool:
    try:
        _matcher(pattern).validate_python(text)
    except (SchemaError, ValidationError):
        return False
    return True


@lru_cache(maxsize=512)
def _matcher(pattern: str) -> SchemaValidator:
    """Raises SchemaError."""
    return SchemaValidator(core_schema.str_schema(pattern=pattern, regex_engine="rust-regex"))
