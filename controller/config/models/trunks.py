"""config.yaml's `trunks` and `outbound`: what may be dialled, when, and what is tried again. [pure]"""

import re
from dataclasses import dataclass
from datetime import time
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, available_timezones

from pydantic import Field, PlainSerializer, PlainValidator, WithJsonSchema

from controller.config.values import AllowPattern, CallerId, EndpointTemplate, ReferTemplate, Section, wrong
from controller.dialing.rules import NumberFormat

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_WINDOW = re.compile(
    r"(?P<days>(?:mon|tue|wed|thu|fri|sat|sun)(?:[-,](?:mon|tue|wed|thu|fri|sat|sun))*)"
    r" +(?P<opens>[0-2][0-9]:[0-5][0-9])-(?P<closes>[0-2][0-9]:[0-5][0-9])"
)
_HINT = 'e.g. "mon-fri 09:00-20:00" or "sat,sun 10:00-16:00"'

Retried = Literal["busy", "no_answer", "congestion", "declined", "trunk_fault", "machine", "failed"]


@dataclass(frozen=True, slots=True)
class Window:
    """From `opens` to `closes` in local time, on these days (Monday is 0). `closes` None: midnight."""

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


class Trunk(Section):
    """A way out to the telephone network."""

    endpoint: EndpointTemplate
    """Asterisk's dial string, e.g. `PJSIP/{number}@trunk`; `trunk` is the endpoint's name in pjsip.conf."""
    allow: tuple[AllowPattern, ...] = Field(min_length=1)
    """Regular expressions; a number is dialled only if one of them matches the whole of it. The toll-fraud guard."""
    caller_id: CallerId | None = None
    """Shown to who is called: `+49301234567` or `Name <+49301234567>`."""
    caller_ids: tuple[CallerId, ...] = ()
    """Others that a call placed over the API may show instead, likewise; `+4930555*` is any number that begins so. Who
    is called may be deceived by a number or a name that is not yours: only `caller_id` by default."""
    timeout: float = Field(30.0, gt=0, le=300)
    """Seconds it may ring."""
    show_withheld: bool = False
    """Numbers that callers withhold are used, shown and kept like others, as far as the carrier tells them. Only where
    the law, and the contract with the carrier, allow it."""
    refer: ReferTemplate | None = None
    """For transfers by SIP REFER, where this trunk takes them: `sip:{number}@carrier.example`."""
    deny: tuple[AllowPattern, ...] = ()
    """Regular expressions; a number that one of them matches as a whole is not dialled, whatever `allow` says."""
    country_code: str | None = Field(None, pattern=r"^([1-9][0-9]{0,2}|[A-Z]{2})$")
    """The trunk's home: a country code such as "49", or a region such as "JE" where countries share a code ("44" alone
    is Great Britain, "1" the USA, "7" Russia). Needed to tell what a number costs, unless only extensions are
    dialled."""
    number_format: NumberFormat = "as_given"
    """How numbers are sent to the carrier: `e164` (`+493012345`), `plain` (`493012345`), `national` (`03012345`; abroad
    with the country's prefix, such as `00`; needs `country_code`), or as they are given. It does not change `allow` and
    `deny`, which see what is given, nor the caller id. Extensions, service codes and SIP addresses stay as they are."""
    domestic: tuple[Annotated[str, Field(pattern=r"^[A-Z]{2}$")], ...] = ()
    """Other regions, e.g. ["CA", "PR"], whose numbers are not abroad."""
    premium: bool = False
    """Premium rate, shared cost, satellite and unknown numbers may be dialled, as far as `allow` lets them."""
    international: bool = False
    """Numbers of other countries than `country_code` may be dialled, as far as `allow` lets them."""
    emergency: tuple[Annotated[str, Field(pattern=r"^[0-9]{2,6}$")], ...] = ()
    """Emergency numbers, e.g. ["112"], that may be dialled, as far as `allow` lets them. None by default."""
    max_calls: int | None = Field(None, ge=1)
    """Calls at once over this trunk, and whoever is dialled over it for a call that is up: transfers, participants."""
    calls_per_second: int | None = Field(None, ge=1)
    """Likewise: what may begin in one second, in and out."""
    calls_per_hour: int | None = Field(None, ge=1)
    """Likewise: what may be dialled over it in one hour."""
    minutes_per_day: float | None = Field(None, gt=0)
    """Minutes that may be dialled over it from midnight to midnight, local time, each from its answer. Then what we
    place waits, and transfers fail; calls that are up end: the agent wraps up, and where there is none a warning tone
    is heard half a minute before."""
    overflow: str | None = None
    """Another trunk, for calls that we place: when this one has no room, is congested or can't be reached. All that the
    other one says holds there: `allow`, `deny`, hours, limits. It may have an `overflow` of its own."""
    calling_hours: CallingHours | None = None
    """When calls may be placed over it; outside of it they wait. Without it: always."""
    retries: Retries = Field(default_factory=dict)
    """By result: what is tried again. Nothing by default."""
    circuit_breaker: CircuitBreaker | None = Field(default_factory=CircuitBreaker)
    """When queued calls are not placed over a trunk that fails again and again. null: they always are."""
