"""What Asterisk describes to us: channels, bridges and the smaller things, as it words them over ARI. [pure]

Owns the frozen types that REST answers and events share, and their reading from JSON. Field meanings are those of
Asterisk's rest-api/api-docs (`models`). Refuses JSON that lacks what we act on, by one error: `BadShape`.
Each text is made well-formed here, once.

Everything that can hold a telephone number or a person's name stays out of `repr`: what is printed may be logged.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from bridge.common.strict_json import well_formed

Json = dict[str, Any]


class BadShape(ValueError):
    """Asterisk said something that is not of the documented form. Names the place, never the content."""


# ---------------------------------------------------------------- reading JSON


def text(source: Json, key: str) -> str:
    value = source.get(key)
    if not isinstance(value, str):
        raise BadShape(f"{key} is not a text")
    return well_formed(value)


def text_or(source: Json, key: str, default: str = "") -> str:
    return default if source.get(key) is None else text(source, key)


def whole(source: Json, key: str) -> int:
    value = source.get(key)
    if not isinstance(value, int) or isinstance(value, bool):
        raise BadShape(f"{key} is not a whole number")
    return value


def whole_or_none(source: Json, key: str) -> int | None:
    return None if source.get(key) is None else whole(source, key)


def flag(source: Json, key: str) -> bool:
    """Absent is false."""
    value = source.get(key, False)
    if not isinstance(value, bool):
        raise BadShape(f"{key} is not true or false")
    return value


def texts(source: Json, key: str) -> tuple[str, ...]:
    """Absent is empty."""
    value = source.get(key)
    if value is None:
        return ()
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise BadShape(f"{key} is not a list of texts")
    return tuple(map(well_formed, value))


def part(source: Json, key: str) -> Json:
    value = source.get(key)
    if not isinstance(value, dict):
        raise BadShape(f"{key} is not an object")
    return value


def part_or_none(source: Json, key: str) -> Json | None:
    return None if source.get(key) is None else part(source, key)


def _number(source: Json, key: str) -> float | None:
    value = source.get(key)
    if value is None:
        return None
    if not isinstance(value, int | float) or isinstance(value, bool):
        raise BadShape(f"{key} is not a number")
    return float(value)


# ---------------------------------------------------------------- channels and bridges


@dataclass(frozen=True, slots=True)
class Channel:
    """One leg as it was when Asterisk spoke of it. `state`: Down, Ring (calls us), Ringing (we call it), Up, Busy...

    `exten` and `context` are where it stands in the dialplan: for a caller the number called. `name` begins with the
    technology; that of a Local channel holds the number dialled.
    """

    id: str
    name: str = field(repr=False)
    state: str
    caller_number: str = field(default="", repr=False)
    caller_name: str = field(default="", repr=False)
    connected_number: str = field(default="", repr=False)
    connected_name: str = field(default="", repr=False)
    caller_rdnis: str = field(default="", repr=False)
    """The number that the call was diverted from."""
    context: str = ""
    exten: str = field(default="", repr=False)
    priority: int = 0
    app_name: str = ""
    app_data: str = field(default="", repr=False)
    accountcode: str = field(default="", repr=False)
    language: str = ""
    creationtime: str = ""
    """ISO 8601 with milliseconds, in Asterisk's time zone."""
    protocol_id: str = ""
    """The SIP Call-ID."""
    variables: Mapping[str, str] = field(default_factory=dict, repr=False, hash=False)
    """Those that ari.conf `channelvars` names."""

    @property
    def technology(self) -> str:
        """Such as PJSIP, Local, AudioSocket, Snoop."""
        return self.name.partition("/")[0]

    @classmethod
    def read(cls, source: Json) -> "Channel":
        caller = part_or_none(source, "caller") or {}
        connected = part_or_none(source, "connected") or {}
        dialplan = part_or_none(source, "dialplan") or {}
        return cls(
            id=text(source, "id"),
            name=text(source, "name"),
            state=text(source, "state"),
            caller_number=text_or(caller, "number"),
            caller_name=text_or(caller, "name"),
            connected_number=text_or(connected, "number"),
            connected_name=text_or(connected, "name"),
            caller_rdnis=text_or(source, "caller_rdnis"),
            context=text_or(dialplan, "context"),
            exten=text_or(dialplan, "exten"),
            priority=whole_or_none(dialplan, "priority") or 0,
            app_name=text_or(dialplan, "app_name"),
            app_data=text_or(dialplan, "app_data"),
            accountcode=text_or(source, "accountcode"),
            language=text_or(source, "language"),
            creationtime=text_or(source, "creationtime"),
            protocol_id=text_or(source, "protocol_id"),
            variables=_variables(source),
        )


def _variables(source: Json) -> Mapping[str, str]:
    given = part_or_none(source, "channelvars") or {}
    return MappingProxyType({well_formed(name): text(given, name) for name in given})


@dataclass(frozen=True, slots=True)
class Bridge:
    """`technology` is what carries the sound now: simple_bridge, softmix, native_rtp, holding_bridge."""

    id: str
    technology: str
    bridge_type: str
    channels: tuple[str, ...] = ()
    """Ids."""
    name: str = field(default="", repr=False)
    bridge_class: str = ""
    creator: str = ""
    creationtime: str = ""

    @classmethod
    def read(cls, source: Json) -> "Bridge":
        return cls(
            id=text(source, "id"),
            technology=text(source, "technology"),
            bridge_type=text(source, "bridge_type"),
            channels=texts(source, "channels"),
            name=text_or(source, "name"),
            bridge_class=text_or(source, "bridge_class"),
            creator=text_or(source, "creator"),
            creationtime=text_or(source, "creationtime"),
        )


# ---------------------------------------------------------------- sounds


@dataclass(frozen=True, slots=True)
class Playback:
    """`state`: queued, playing, continuing, done, failed. `target_uri`: channel:ID or bridge:ID."""

    id: str
    state: str
    media_uri: str = ""
    target_uri: str = ""

    @classmethod
    def read(cls, source: Json) -> "Playback":
        return cls(
            text(source, "id"), text(source, "state"), text_or(source, "media_uri"), text_or(source, "target_uri")
        )


@dataclass(frozen=True, slots=True)
class Recording:
    """One that runs or has just ended. `state`: queued, recording, paused, done, failed, canceled. Seconds."""

    name: str
    format: str
    state: str
    target_uri: str = ""
    duration: int | None = None
    cause: str = ""

    @classmethod
    def read(cls, source: Json) -> "Recording":
        return cls(
            name=text(source, "name"),
            format=text_or(source, "format"),
            state=text(source, "state"),
            target_uri=text_or(source, "target_uri"),
            duration=whole_or_none(source, "duration"),
            cause=text_or(source, "cause"),
        )


# ---------------------------------------------------------------- Asterisk itself


@dataclass(frozen=True, slots=True)
class AsteriskInfo:
    version: str
    entity_id: str = ""
    startup_time: str = ""
    last_reload_time: str = ""

    @classmethod
    def read(cls, source: Json) -> "AsteriskInfo":
        system, status = part(source, "system"), part_or_none(source, "status") or {}
        return cls(
            version=text(system, "version"),
            entity_id=text_or(system, "entity_id"),
            startup_time=text_or(status, "startup_time"),
            last_reload_time=text_or(status, "last_reload_time"),
        )


@dataclass(frozen=True, slots=True)
class Application:
    """What a Stasis app is subscribed to: what Asterisk tells it about."""

    name: str
    channel_ids: tuple[str, ...] = ()
    bridge_ids: tuple[str, ...] = ()
    endpoint_ids: tuple[str, ...] = ()

    @classmethod
    def read(cls, source: Json) -> "Application":
        return cls(
            text(source, "name"),
            texts(source, "channel_ids"),
            texts(source, "bridge_ids"),
            texts(source, "endpoint_ids"),
        )


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`state`: online, offline, unknown. Online without qualify means only that it is configured."""

    technology: str
    resource: str
    state: str
    channel_ids: tuple[str, ...] = ()

    @classmethod
    def read(cls, source: Json) -> "Endpoint":
        return cls(
            text(source, "technology"),
            text(source, "resource"),
            text_or(source, "state", "unknown"),
            texts(source, "channel_ids"),
        )


@dataclass(frozen=True, slots=True)
class RtpStatistics:
    """Packets sent and received so far, lost ones, jitter and round trip in seconds (None: no RTCP report yet)."""

    sent: int
    received: int
    sent_lost: int
    received_lost: int
    sent_jitter: float | None = None
    received_jitter: float | None = None
    round_trip: float | None = None
    received_bytes: int = 0
    """Of sound, headers not counted."""
    remote_source: int = 0
    """The SSRC: counts begin anew with another one."""

    @classmethod
    def read(cls, source: Json) -> "RtpStatistics":
        return cls(
            sent=whole(source, "txcount"),
            received=whole(source, "rxcount"),
            sent_lost=whole(source, "txploss"),
            received_lost=whole(source, "rxploss"),
            received_bytes=whole_or_none(source, "rxoctetcount") or 0,
            remote_source=whole_or_none(source, "remote_ssrc") or 0,
            sent_jitter=_number(source, "txjitter"),
            received_jitter=_number(source, "rxjitter"),
            round_trip=_number(source, "rtt"),
        )


def listing(source: object) -> Sequence[Json]:
    """A JSON array of objects."""
    if not isinstance(source, list) or not all(isinstance(each, dict) for each in source):
        raise BadShape("not a list of objects")
    return source
