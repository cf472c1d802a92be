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
    """When outbound calls may be placed. At other times they wait."""

    time_zone: TimeZone
    """The time zone of the callees, such as Europe/Berlin."""
    windows: tuple[Hours, ...] = Field(min_length=1)
    """E.g. `["mon-fri 09:00-20:00", "sat 10:00-16:00"]`."""


class Retry(Section):
    """Retries after one result of an outbound call."""

    times: int = Field(ge=1, le=20)
    """The number of retries."""
    after_s: float = Field(300.0, ge=1, le=604800)
    """Seconds until the first retry."""
    factor: float = Field(2.0, ge=1, le=10)
    """The factor by which the time grows with each retry."""


Retries = dict[Retried, Retry]


class CircuitBreaker(Section):
    """After several failed calls in a row, no queued calls are placed over the trunk for some time
    (docs/outbound.md)."""

    faults: int = Field(5, ge=1, le=1000)
    """The number of failed calls in a row. These results count: congestion (SIP 5xx), `trunk_fault`, no route to the
    trunk, no response within the ring time."""
    pause_s: float = Field(15.0, gt=0, le=86400)
    """Seconds until one test call is placed over the trunk. If it fails too, the next pause is twice as long."""
    longest_pause_s: float = Field(300.0, gt=0, le=86400)


class Outbound(Section):
    """The outbound queue."""

    max_waiting: int = Field(10000, ge=1, le=1000000)
    """The maximum number of queued calls. Above it, `POST /v1/calls` answers 429."""
    expire_after_s: float = Field(86400.0, ge=1, le=2592000)
    """Seconds after which a queued call expires, unless the request has its own `expires`."""
    keep_days: float = Field(30.0, gt=0, le=3650)
    """Days for which finished calls stay in the queue, for `GET /v1/calls/{id}`."""


class Trunk(Section):
    """A connection to a carrier, and what may be dialed over it."""

    endpoint: EndpointTemplate
    """Asterisk's dial string, such as `PJSIP/{number}@trunk`; `trunk` is the name of the endpoint in pjsip.conf."""
    allow: tuple[AllowPattern, ...] = Field(min_length=1)
    """Regular expressions (without look-ahead, look-behind and back-references). A number is dialed only if one of them
    matches the whole number. This protects against toll fraud."""
    caller_id: CallerId | None = None
    """The number that callees see: `+49301234567` or `Name <+49301234567>`."""
    caller_ids: tuple[CallerId, ...] = ()
    """Further numbers that `POST /v1/calls` may show: the same forms, or `+4930555*` for all numbers with this start.
    List only numbers that are yours: another number or name may deceive callees."""
    timeout: float = Field(30.0, gt=0, le=300)
    """The ring time in seconds."""
    show_withheld: bool = False
    """true: numbers that callers withhold are used, shown and stored like others, if the carrier sends them. Only where
    the law and the contract with the carrier permit it."""
    refer: ReferTemplate | None = None
    """For transfers by SIP REFER: the address to which callers are sent, such as `sip:{number}@carrier.example`."""
    deny: tuple[AllowPattern, ...] = ()
    """Regular expressions. A number is not dialed if one of them matches the whole number, whatever `allow` says."""
    country_code: str | None = Field(None, pattern=r"^([1-9][0-9]{0,2}|[A-Z]{2})$")
    """The country of the trunk: a calling code such as "49", or a region such as "JE" where several countries share a
    code ("44" alone is Great Britain, "1" the USA, "7" Russia). It decides what counts as premium and foreign. Optional
    if `allow` permits only extensions."""
    number_format: NumberFormat = "as_given"
    """How numbers are sent to the carrier: `e164` (`+493012345`), `plain` (`493012345`), `national` (`03012345`;
    foreign numbers with the international prefix, such as `00`; needs `country_code`), or `as_given`. `allow` and
    `deny` check the number as given. The caller ID, extensions, service codes and SIP addresses are not changed."""
    domestic: tuple[Annotated[str, Field(pattern=r"^[A-Z]{2}$")], ...] = ()
    """Further regions, such as ["CA", "PR"], whose numbers do not count as foreign."""
    premium: bool = False
    """true: premium-rate, shared-cost, satellite and unknown numbers may be dialed, if `allow` permits them."""
    international: bool = False
    """true: numbers outside `country_code` may be dialed, if `allow` permits them."""
    emergency: tuple[Annotated[str, Field(pattern=r"^[0-9]{2,6}$")], ...] = ()
    """Emergency numbers that may be dialed, such as ["112"], if `allow` permits them."""
    max_calls: int | None = Field(None, ge=1)
    """Concurrent legs over this trunk, inbound and outbound: calls, transfers, participants, supervisors."""
    calls_per_second: int | None = Field(None, ge=1)
    """Legs that may start in one second, inbound and outbound."""
    calls_per_hour: int | None = Field(None, ge=1)
    """Legs that may be dialed over this trunk in one hour. The count survives a restart."""
    minutes_per_day: float | None = Field(None, gt=0)
    """Minutes of legs dialed over this trunk, from midnight to midnight in local time, counted from the answer. Above
    it, queued calls wait, transfers fail, and live calls end: the agent says its `wrap_up`; a call without an agent
    ends 30 seconds after a warning tone."""
    overflow: str | None = None
    """Another trunk for outbound calls, if this one is at a limit, congested or not reachable. All settings of the
    other trunk apply there. It may have an `overflow` of its own."""
    calling_hours: CallingHours | None = None
    """When outbound calls may be placed. None: always."""
    retries: Retries = Field(default_factory=dict)
    """Retries by result, such as `{busy: {times: 3, after_s: 300, factor: 2}}`: three retries, after 5, 10 and 20
    minutes. Other results are not retried."""
    circuit_breaker: CircuitBreaker | None = Field(default_factory=CircuitBreaker)
    """Pauses a trunk that fails repeatedly. null: off."""
