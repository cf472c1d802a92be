"""The events of Asterisk that we act on, as frozen types, and `parse()` that makes them. [pure]

Owns the reading of one frame of the ARI event websocket. An event of a type that is not listed here becomes `Other`. A
frame that is no event, or that lacks a field we need, raises `BadEvent`. Fields mean what Asterisk's
rest-api/api-docs/events.json says. Fields that can hold a telephone number are not in `repr`, which may be logged.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass

from bridge.common.strict_json import well_formed
from controller.ari import resources
from controller.ari.resources import BadShape, Channel, Json


class BadEvent(ValueError):
    """Not an event of the documented form. The message names the field, never its content."""


# ---------------------------------------------------------------- in and out of our app


@dataclass(frozen=True, slots=True)
class StasisStart:
    """The channel has entered our app. `args`: arguments from the dialplan or the originate request."""

    channel: Channel
    args: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StasisEnd:
    """The channel has left our app: hung up, continued in the dialplan, or moved."""

    channel: Channel


@dataclass(frozen=True, slots=True)
class ApplicationReplaced:
    """Another websocket has registered our app: it gets all further events, and we get none."""

    application: str


# ---------------------------------------------------------------- channels


@dataclass(frozen=True, slots=True)
class ChannelStateChange:
    channel: Channel


@dataclass(frozen=True, slots=True)
class ChannelDestroyed:
    """`cause`: Q.850, 0 if unknown. `tech_cause`: the SIP status, if there was one."""

    channel: Channel
    cause: int
    tech_cause: int | None = None


@dataclass(frozen=True, slots=True)
class ChannelHangupRequest:
    """A hang-up was requested. `soft`: by Asterisk itself (also by ARI's DELETE), not by telephone or network."""

    channel: Channel
    cause: int | None = None
    soft: bool = False


@dataclass(frozen=True, slots=True)
class ChannelHold:
    channel: Channel


@dataclass(frozen=True, slots=True)
class ChannelUnhold:
    channel: Channel


@dataclass(frozen=True, slots=True)
class Dial:
    """Progress of a channel that we dial. For the result use ChannelDestroyed: here a declined call is NOANSWER."""

    peer: Channel
    dialstatus: str


@dataclass(frozen=True, slots=True)
class PlaybackFinished:
    """The playback has ended, was stopped, or failed."""

    playback_id: str


@dataclass(frozen=True, slots=True)
class Other:
    """An event of any other type."""

    type: str


Event = (
    StasisStart
    | StasisEnd
    | ApplicationReplaced
    | ChannelStateChange
    | ChannelDestroyed
    | ChannelHangupRequest
    | ChannelHold
    | ChannelUnhold
    | Dial
    | PlaybackFinished
    | Other
)


# ---------------------------------------------------------------- reading


def parse(frame: str | bytes) -> Event:
    """One websocket frame. Raises BadEvent, and nothing else."""
    try:
        # A caller's name may hold any bytes: invalid UTF-8 must not lose the event.
        source = json.loads(frame if isinstance(frame, str) else frame.decode("utf-8", "replace"))
    except (ValueError, RecursionError) as error:
        raise BadEvent("not JSON") from error
    if not isinstance(source, dict):
        raise BadEvent("not a JSON object")
    name = source.get("type")
    if not isinstance(name, str):
        raise BadEvent("an event without type")
    read = _READERS.get(name)
    if read is None:
        return Other(well_formed(name))
    try:
        return read(source)
    except BadShape as error:
        raise BadEvent(f"{name}: {error}") from error


def _channel(source: Json, key: str = "channel") -> Channel:
    return Channel.read(resources.part(source, key))


def _destroyed(source: Json) -> ChannelDestroyed:
    return ChannelDestroyed(
        channel=_channel(source),
        cause=resources.whole(source, "cause"),
        tech_cause=resources.whole_or_none(source, "tech_cause"),
    )


def _hangup_request(source: Json) -> ChannelHangupRequest:
    return ChannelHangupRequest(
        channel=_channel(source), cause=resources.whole_or_none(source, "cause"), soft=resources.flag(source, "soft")
    )


_READERS: dict[str, Callable[[Json], Event]] = {
    "StasisStart": lambda source: StasisStart(_channel(source), resources.texts(source, "args")),
    "StasisEnd": lambda source: StasisEnd(_channel(source)),
    "ApplicationReplaced": lambda source: ApplicationReplaced(resources.text(source, "application")),
    "ChannelStateChange": lambda source: ChannelStateChange(_channel(source)),
    "ChannelDestroyed": _destroyed,
    "ChannelHangupRequest": _hangup_request,
    "ChannelHold": lambda source: ChannelHold(_channel(source)),
    "ChannelUnhold": lambda source: ChannelUnhold(_channel(source)),
    "Dial": lambda source: Dial(_channel(source, "peer"), resources.text(source, "dialstatus")),
    "PlaybackFinished": lambda source: PlaybackFinished(resources.text(resources.part(source, "playback"), "id")),
}
"""By type. A test compares it with the classes above."""
