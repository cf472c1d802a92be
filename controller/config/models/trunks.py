"""config.yaml's keys about calls that we place: when a trunk may be dialled, and what is tried again. [pure]"""

import re
from dataclasses import dataclass
from datetime import time
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import Field, PlainSerializer, PlainValidator, WithJsonSchema

from controller.config.values import Section, wrong

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WINDOW = re.compile(
    r"(?P<days>(?:mon|tue|wed|thu|fri|sat|sun)(?:[-,](?:mon|tue|wed|thu|fri|sat|sun))*)"
    r" +(?P<opens>[0-2][0-9]:[0-5][0-9])-(?P<closes>[0-2][0-9]:[0-5][0-9])"
)
_HINT = 'e.g. "mon-fri 09:00-20:00" or "sat,sun 10:00-16:00"'

Retried = Literal["busy", "no_answer", "congestion", "declined", "trunk_fault", "machine", "failed"]


@dataclass(frozen=True, slots=True)
class Window:
    """From `opens` to `closes` by the clock on the wall, on these days (Monday is 0). `closes` None: midnight."""

    days: frozenset[int]
    opens: time
    closes: time | None
    written: str

    def __str__(self) -> str:
        return self.written


def window_of(value: Any) -> Window:
    """`mon-fri 09:00-20:00`. Raises PydanticCustomError."""
    if isinstance(value, Window):
        return value
    match = _WINDOW.fullmatch(str(value).strip())
    if match is None:
        raise wrong("must be days and hours", _HINT)
    opens, closes = match["opens"], match["closes"]
    if opens >= closes or opens >= "24:00" or closes > "24:00":
        raise wrong("must open before it closes, on the same day", "two windows for hours around midnight")
    ends = None if closes == "24:00" else time.fromisoformat(closes)
    return Window(_days(match["days"]), time.fromisoformat(opens), ends, str(value).strip())


def _days(text: str) -> frozenset[int]:
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        if "-" in last:
            raise wrong("must be days and hours", _HINT)
        begin, end = DAYS.index(first), DAYS.index(last or first)
        found |= set(range(begin, end + 1)) if begin <= end else {*range(begin, 7), *range(end + 1)}
    return frozenset(found)


def zone_of(value: Any) -> ZoneInfo:
    """`Europe/Berlin`. Raises PydanticCustomError."""
    if isinstance(value, ZoneInfo):
        return value
    if not isinstance(value, str) or value not in available_timezones():
        raise wrong("is no time zone", "a name of the IANA list, e.g. Europe/Berlin or UTC")
    return ZoneInfo(value)


TimeZone = Annotated[ZoneInfo, PlainValidator(zone_of), PlainSerializer(str), WithJsonSchema({"type": "string"})]
Hours = Annotated[Window, PlainValidator(window_of), PlainSerializer(str), WithJsonSchema({"type": "string"})]


class CallingHours(Section):
    """When people may be called. Outside of it calls wait."""

    time_zone: TimeZone
    """Of those who are called, e.g. Europe/Berlin."""
    windows: tuple[Hours, ...] = Field(min_length=1)
    """E.g. `["mon-fri 09:00-20:00", "sat 10:00-16:00"]`."""


class Retry(Section):
    """What is done about one result of a call that we placed."""

    times: int = Field(ge=1, le=20)
    """How often it is tried again."""
    after_s: float = Field(300.0, ge=1, le=604800)
    """Seconds until then."""
    factor: float = Field(2.0, ge=1, le=10)
    """By which that time grows with each attempt."""


Retries = dict[Retried, Retry]


class CircuitBreaker(Section):
    """After several calls in a row that the trunk could not carry, no queued call is placed over it for a while."""

    faults: int = Field(5, ge=1, le=1000)
    """In a row: congestion (SIP 5xx), `trunk_fault`, no way to the trunk, or no sign of life within the ring time."""
    pause_s: float = Field(15.0, gt=0, le=86400)
    """Seconds until one call tries the trunk. If that fails, too, the next pause is twice as long."""
    longest_pause_s: float = Field(300.0, gt=0, le=86400)


class Outbound(Section):
    """The queue of calls to be placed."""

    max_waiting: int = Field(10000, ge=1, le=1000000)
    """Calls that may wait at once; beyond it `POST /v1/calls` answers 429."""
    expire_after_s: float = Field(86400.0, ge=1, le=2592000)
    """A call that could not be placed for so long is given up, unless it said otherwise itself."""
    keep_days: float = Field(30.0, gt=0, le=3650)
    """How long the queue remembers calls that are over."""
