"""The types of events, and patterns of them. [pure]

A pattern is a type, or a beginning of types with a final `*` (`call.*`).
"""

from collections.abc import Iterable

TYPES = (
    *("call.queued", "call.started", "call.adopted", "call.ringing", "call.answered", "call.state", "call.said"),
    *("call.turn", "call.barge_in", "call.tool", "call.transfer", "call.participant", "call.supervision"),
    *("call.instructed", "call.control", "call.metadata", "call.reconnected", "call.ai_warning", "call.used"),
    *("call.recorded", "call.ended", "call.settled"),
)
"""Each has its model in `controller.events.schemas`."""


def types_of(patterns: Iterable[str]) -> frozenset[str]:
    """Every type that a pattern matches; without patterns all types. Raises ValueError."""
    found: set[str] = set()
    given = list(patterns)
    for pattern in given:
        matching = {each for each in TYPES if _fits(pattern, each)}
        if not matching:
            raise ValueError("there is no such event; there are: " + ", ".join(TYPES))
        found |= matching
    return frozenset(found if given else TYPES)


def _fits(pattern: str, type_: str) -> bool:
    return type_.startswith(pattern[:-1]) if pattern.endswith("*") else type_ == pattern
