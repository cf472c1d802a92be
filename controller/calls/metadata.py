"""Metadata of a call: texts by key that a client has given it, to find it again. [pure]

Neither the model nor the dialplan sees them, and no log line has them. They are in answers, events and records.
"""

import re
from collections.abc import Iterable, Mapping

MOST, LONGEST = 16, 512
"""Keys of a call; characters of a value."""
KEY = r"^[A-Za-z0-9_.:-]{1,64}$"

Metadata = Mapping[str, str]
Pairs = Iterable[tuple[str, str]]
"""Keys and values that are looked for."""

_KEY = re.compile(KEY, re.ASCII)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")


class TooMuch(Exception):
    """A call would have more than `MOST` keys."""


def merged(before: Metadata, changes: Mapping[str, str | None]) -> dict[str, str]:
    """A value replaces the one with its key, None removes it. Raises TooMuch."""
    after = {**before, **changes}
    found = {key: value for key, value in after.items() if value is not None}
    if len(found) > MOST:
        raise TooMuch(f"A call has at most {MOST} keys of metadata.")
    return found


def fitting(found: object) -> dict[str, str]:
    """Of what somebody else has answered, or a store: as much of it as a call may have."""
    if not isinstance(found, Mapping):
        return {}
    plain = [
        (key, str(value))
        for key, value in found.items()
        if isinstance(key, str) and _KEY.fullmatch(key) and isinstance(value, str | int | float)
    ]
    return {key: _CONTROL.sub(" ", value)[:LONGEST] for key, value in plain[:MOST]}


def has(metadata: Metadata, wanted: Pairs) -> bool:
    """Whether every key that is wanted is there with its value."""
    return all(metadata.get(key) == value for key, value in wanted)
