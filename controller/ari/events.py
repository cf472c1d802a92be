"""The events of Asterisk that somebody acts on, as frozen types, and `parse()` that makes them. [pure]

Owns the reading of one frame of the ARI event websocket. Every type that Asterisk has and that is not listed here
becomes `Other`: a newer Asterisk may say new things. Refuses a frame that is no event, or one of the listed types
without what we act on, by one error: `BadEvent`. Field meanings are those of Asterisk's rest-api/api-docs/events.json.

What can hold a telephone number stays out of `repr`: what is printed may be logged.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass

from bridge.common.strict_json import well_formed
from controller.ari import resources
from controller.ari.resources import BadShape, Channel, Json


class BadEvent(ValueError):
    """Not an event in the documented form. The message names the place and never holds the content."""


# ---------------------------------------------------------------- in and out of our app


@dataclass(frozen=True, slots=True)
class StasisStart:
    """The channel is ours to control. `args`: what the dialplan or the originate gave to the app."""

    channel: Channel
    args: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class StasisEnd:
    """The channel is no longer ours: hung up, continued in the dialplan, or moved."""

    channel: Channel


@dataclass(frozen=True, slots=True)
class ApplicationReplaced:
    """Another websocket has registered our app: it gets all events from now on, and we get none."""

    application: str


# ---------------------------------------------------------------- channels


@dataclass(frozen=True, slots=True)
class ChannelStateChange:
    channel: Channel


@dataclass(frozen=True, slots=True)
class ChannelDestroyed:
    """`cause` is Q.850, 0 when nobody said. `tech_cause` is the SIP status, where there was one."""

    channel: Channel
    cause: int
    tech_cause: int | None = None


@dataclass(frozen=True, slots=True)
class ChannelHangupRequest:
    """A hang-up was requested. `soft`: within Asterisk (also by ARI's DELETE), not by the telephone or the network."""

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
    """Of a channel that we dial. What came of it is told better by ChannelDestroyed: a decline reads NOANSWER here."""

    peer: Channel
    dialstatus: str


@dataclass(frozen=True, slots=True)
class PlaybackFinished:
    """Also of one that was stopped, or failed."""

    playback_id: str


@dataclass(frozen=True, slots=True)
class Other:
    """An event of any other type, on which nobody here acts."""

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
        # A caller's name may be bytes of any kind: what is not UTF-8 in it must not cost the event.
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
        channel=_channel(source),
        cause=resources.whole_or_none(source, "cause"),
        soft=resources.flag(source, "soft"),
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
"""Every name here is a class above; a test holds them together."""
