"""What callers, and their carriers, say of themselves: made plain and short, once, where it enters. [pure]

Owns the cleaning of names, numbers and dialplan variables before anything else sees them: routes, prompts, look-ups,
records, logs. What comes out is one line of visible text that ends nothing it is put into: no control and no invisible
character, no change of direction, no brace of a template, no double quote.

Whether a text is meant to lead a model astray can't be recognised. A name is told to the model in quotes, as the name
that it is (`Quoted`), and is short.
"""

import re
import unicodedata

from bridge.strict_json import well_formed

LONGEST_NAME = 80
LONGEST_NUMBER = 64
LONGEST_VARIABLE = 1000
"""Characters."""

_SPACES = re.compile(r"\s+")
_LEFT_OUT = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))
"""Unicode's categories of what nobody sees, and of what is no character."""
_INSTEAD = str.maketrans({"{": "(", "}": ")", '"': "'", "\u201c": "'", "\u201d": "'", "\u201e": "'", "\\": "/"})
_MOST_MARKS = 2
"""Combining marks on one letter."""


class Quoted(str):
    """A text that is written out in quotes, and compares as it is."""

    def __str__(self) -> str:
        return f'"{self[:]}"' if self else ""


def name(text: str) -> str:
    """A caller's name."""
    return _plain(text, LONGEST_NAME)


def number(text: str) -> str:
    """A number, or the user part of a SIP address: no spaces either."""
    return _plain(text, LONGEST_NUMBER, spaces="")


def variable(text: str) -> str:
    """What the dialplan says, which may hold what a caller said."""
    return _plain(text, LONGEST_VARIABLE)


def _plain(text: str, longest: int, spaces: str = " ") -> str:
    visible = []
    marks = 0
    for sign in well_formed(text[: 4 * longest]).translate(_INSTEAD):
        category = unicodedata.category(sign)
        marks = marks + 1 if category in ("Mn", "Me") else 0
        if marks <= _MOST_MARKS:
            visible.append(" " if category in _LEFT_OUT else sign)
    return _SPACES.sub(spaces, "".join(visible)).strip()[:longest].strip()
