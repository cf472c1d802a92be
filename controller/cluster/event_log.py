"""The event stream that all nodes share, and what a place in it is.

Entries are in one order for all nodes, and each has a place that means the same on every node. Only the latest are
kept. The stream has another name each time that entries may have been lost (`Opened.stream`): a place in the former one
is not kept. `valkey_event_log.ValkeyEventLog` is the one there is; a controller that is alone has none.
"""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

MOST = 50_000
KEPT_S = 3600.0
"""Entries that are kept, and for how many seconds."""

_PLACE = re.compile(r"([0-9a-f]{8,30})-([0-9]{1,15})-([0-9]{1,15})", re.ASCII)
_OFFSET = re.compile(r"([0-9]{1,15})-([0-9]{1,15})", re.ASCII)


class Offset(NamedTuple):
    """Of an entry in a stream: milliseconds since 1970 by the server's clock, and a number."""

    ms: int
    number: int

    def __str__(self) -> str:
        return f"{self.ms}-{self.number}"

    @staticmethod
    def parse(text: str) -> "Offset":
        """Raises ValueError."""
        if (match := _OFFSET.fullmatch(text)) is None:
            raise ValueError("no id of an entry")
        return Offset(int(match[1]), int(match[2]))


@dataclass(frozen=True, slots=True)
class Place:
    """What a reader of any node can come back to."""

    stream: str
    offset: Offset

    def __str__(self) -> str:
        return f"{self.stream}-{self.offset}"

    @staticmethod
    def parse(text: str) -> "Place | None":
        """Of what `str` made; None: of anything else."""
        match = _PLACE.fullmatch(text)
        return Place(match[1], Offset(int(match[2]), int(match[3]))) if match else None


@dataclass(frozen=True, slots=True)
class Opened:
    """The stream as it is. `began`: its first entry ever; those before it are of a former stream. `first`: the oldest
    that is kept, of a former stream perhaps."""

    stream: str
    began: Offset
    first: Offset
    last: Offset

    def keeps(self, place: Place) -> bool:
        """Whether everything after this place is kept."""
        return place.stream == self.stream and max(self.first, self.began) <= place.offset <= self.last


@dataclass(frozen=True, slots=True)
class Entry:
    """`from_`: the process that appended it, and `order` the event's place among its own. `fields` None: nothing but
    that entries before this one may be lost."""

    place: Place
    from_: str = ""
    order: int = 0
    fields: Mapping[str, bytes] | None = field(default=None, repr=False)


class EventLog(Protocol):
    """Raises BackendError. It may take any time: whoever asks sets a limit, and calls `reset` when it was reached."""

    async def append(self, from_: str, events: Sequence[tuple[int, Mapping[str, bytes]]], *, dropped: bool) -> None:
        """Events by their order, each once however often this is asked. All have the same fields. `dropped`: some
        before these are missing."""

    async def open(self) -> Opened: ...

    async def read(self, after: Offset, wait_s: float, most: int) -> list[Entry]:
        """Entries as they come. Empty if none came for `wait_s`."""

    async def range(self, after: Offset, until: Offset | None, most: int) -> list[Entry]:
        """The oldest ones after `after`, up to `until`; None: all there are."""

    async def erase(self, field: str, values: Collection[str]) -> None:
        """Deletes entries that have one of the values in this field."""

    async def reset(self, *, appending: bool) -> None:
        """Connections that append, or else those that read, are not used again."""

    async def close(self) -> None: ...
