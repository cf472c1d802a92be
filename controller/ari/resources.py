"""Channels, bridges and other objects of Asterisk, as ARI describes them. [pure]

Owns the frozen types that REST answers and events share, and their reading from JSON. Fields mean what Asterisk's
rest-api/api-docs (`models`) say. JSON that lacks a field we need raises `BadShape`. Texts become well-formed Unicode
here. Fields that can hold a telephone number or a person's name are not in `repr`, which may be logged.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from bridge.common.strict_json import well_formed

Json = dict[str, Any]


class BadShape(ValueError):
    """JSON that is not of the documented form. The message names the field, never its content."""


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


# ---------------------------------------------------------------- channels and bridges


@dataclass(frozen=True, slots=True)
class Channel:
    """One leg at the time of the answer or event. `state`: Down, Ring (calls us), Ringing (we call it), Up, Busy...

    `exten` is its extension in the dialplan: for a caller the number called. `name` begins with the technology; that of
    a Local channel holds the number dialled.
    """

    id: str
    name: str = field(repr=False)
    state: str
    caller_number: str = field(default="", repr=False)
    caller_name: str = field(default="", repr=False)
    exten: str = field(default="", repr=False)
    app_name: str = ""
    app_data: str = field(default="", repr=False)

    @classmethod
    def read(cls, source: Json) -> "Channel":
        caller = part_or_none(source, "caller") or {}
        dialplan = part_or_none(source, "dialplan") or {}
        return cls(
            id=text(source, "id"),
            name=text(source, "name"),
            state=text(source, "state"),
            caller_number=text_or(caller, "number"),
            caller_name=text_or(caller, "name"),
            exten=text_or(dialplan, "exten"),
            app_name=text_or(dialplan, "app_name"),
            app_data=text_or(dialplan, "app_data"),
        )


@dataclass(frozen=True, slots=True)
class Bridge:
    id: str
    channels: tuple[str, ...] = ()
    """Ids."""
    name: str = field(default="", repr=False)

    @classmethod
    def read(cls, source: Json) -> "Bridge":
        return cls(id=text(source, "id"), channels=texts(source, "channels"), name=text_or(source, "name"))


# ---------------------------------------------------------------- Asterisk itself


@dataclass(frozen=True, slots=True)
class AsteriskInfo:
    """`entity_id`: of the machine. `started_at`: as Asterisk writes it, in its own time zone. Empty: not told."""

    version: str
    entity_id: str = ""
    started_at: str = ""

    @classmethod
    def read(cls, source: Json) -> "AsteriskInfo":
        system, status = part(source, "system"), part_or_none(source, "status") or {}
        return cls(text(system, "version"), text_or(system, "entity_id"), text_or(status, "startup_time"))


@dataclass(frozen=True, slots=True)
class Application:
    """The subscriptions of a Stasis app."""

    name: str
    channel_ids: tuple[str, ...] = ()

    @classmethod
    def read(cls, source: Json) -> "Application":
        return cls(text(source, "name"), texts(source, "channel_ids"))


@dataclass(frozen=True, slots=True)
class Endpoint:
    """`state`: online, offline, unknown. Online without qualify means only that it is configured."""

    technology: str
    resource: str
    state: str
    channel_ids: tuple[str, ...] = ()

    @classmethod
    def read(cls, source: Json) -> "Endpoint":
        found = text(source, "technology"), text(source, "resource"), text_or(source, "state", "unknown")
        return cls(*found, texts(source, "channel_ids"))


@dataclass(frozen=True, slots=True)
class RtpStatistics:
    """What Asterisk has received on a channel so far."""

    received_lost: int
    """Packets."""
    received_bytes: int = 0
    """Payload only."""
    remote_source: int = 0
    """The SSRC: counts start at 0 again with another one."""

    @classmethod
    def read(cls, source: Json) -> "RtpStatistics":
        return cls(
            received_lost=whole(source, "rxploss"),
            received_bytes=whole_or_none(source, "rxoctetcount") or 0,
            remote_source=whole_or_none(source, "remote_ssrc") or 0,
        )


def listing(source: object) -> Sequence[Json]:
    """A JSON array of objects."""
    if not isinstance(source, list) or not all(isinstance(each, dict) for each in source):
        raise BadShape("not a list of objects")
    return source
