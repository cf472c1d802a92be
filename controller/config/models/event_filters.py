"""The events that there are, and patterns of them. [pure]

Owns the patterns: a type, or one with a final `*` for everything that begins so (`call.*`).
"""

from collections.abc import Iterable

TYPES = (
    *("call.queued", "call.started", "call.adopted", "call.ringing", "call.answered", "call.state", "call.said"),
    *("call.turn", "call.barge_in", "call.tool", "call.transfer", "call.participant", "call.control"),
    *("call.reconnected", "call.ai_warning", "call.used", "call.recorded", "call.ended", "call.settled"),
)
"""Each has its model in `controller.events.schemas`."""


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
