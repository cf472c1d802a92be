"""Which events somebody wants: by type, by call. [pure]

Owns the patterns: a type, or one with a final `*` for everything that begins so (`call.*`).
"""

from collections.abc import Iterable
from dataclasses import dataclass

from controller.events.factory import Notice
from controller.events.schemas import TYPES


def types_of(patterns: Iterable[str]) -> frozenset[str]:
    """Every type that a pattern names; all of them where there is no pattern. Raises ValueError."""
    found: set[str] = set()
    given = list(patterns)
    for pattern in given:
        named = {each for each in TYPES if _fits(pattern, each)}
        if not named:
            raise ValueError("there is no such event; there are: " + ", ".join(TYPES))
        found |= named
    return frozenset(found if given else TYPES)


def _fits(pattern: str, type_: str) -> bool:
    return type_.startswith(pattern[:-1]) if pattern.endswith("*") else type_ == pattern


@dataclass(frozen=True, slots=True)
class Wanted:
    types: frozenset[str] = frozenset(TYPES)
    call: str | None = None
    """None: of all calls."""

    def __contains__(self, notice: Notice) -> bool:
        return notice.type in self.types and self.call in (None, notice.call)
