"""What callers, and their carriers, say of themselves: made plain and short, once, where it enters. [pure]

Owns the cleaning of names, numbers and dialplan variables before anything else sees them: routes, prompts, look-ups,
records, logs. What comes out is one line of visible text that ends nothing it is put into: no control and no invisible
character, no change of direction, no brace of a template, no double quote.

Whether a text is meant to lead a model astray can't be recognised. A name is told to the model in quotes, as the name
that it is (`Quoted`), and is short.
"""

import re
import unicodedata

from bridge.common.strict_json import well_formed

LONGEST_NAME = 80
LONGEST_NUMBER = 64
LONGEST_VARIABLE = 1000
"""Characters."""

_SPACES = re.compile(r"\s+")
_LEFT_OUT = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))
"""Unicode's categories of what nobody sees, and of what is no character."""
_INSTEAD = str.maketrans(
    {"\\": "/"}
    | dict.fromkeys("{\ufe5b\uff5b", "(")
    | dict.fromkeys("}\ufe5c\uff5d", ")")
    | dict.fromkeys('"\u201c\u201d\u201e\u201f\u2033\u2036\u275d\u275e\u2e42\u301d\u301e\u301f\uff02', "'")
    # What nobody sees and is not in _LEFT_OUT: Unicode's Default_Ignorable_Code_Point, an empty Braille cell.
    | dict.fromkeys("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0", " ")
    | dict.fromkeys(map(chr, (*range(0x180B, 0x1810), *range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))), " ")
)
_MOST_MARKS = 2
"""Combining marks on one letter."""


class Quoted(str):
    """A text that is written out in quotes, and compares unchanged."""

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
