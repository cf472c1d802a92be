"""The events of Asterisk that somebody acts on, as frozen types, and `parse()` that makes them. [pure]

Owns the reading of one frame of the ARI event websocket. Every type that Asterisk has and that is not listed here
becomes `Other`: a newer Asterisk may say new things. Refuses a frame that is no event, or one of the listed types
without what we act on, by one error: `BadEvent`. Field meanings are those of Asterisk's rest-api/api-docs/events.json.

What can hold a telephone number stays out of `repr`: what is printed may be logged.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field

from bridge.common.strict_json import well_formed
from controller.ari import resources
from controller.ari.resources import BadShape, Bridge, Channel, Json, Playback, Recording


class BadEvent(ValueError):
    """Not an event in the documented form. The message names the place and never holds the content."""


# ---------------------------------------------------------------- in and out of our app


@dataclass(frozen=True, slots=True)
class StasisStart:
    """The channel is ours to control. `args`: what the dialplan or the originate gave to the app."""

    channel: Channel
    args: tuple[str, ...] = ()
    replace_channel: Channel | None = None


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
    """`cause` is Q.850, 0 when nobody said. `tech_cause` is the SIP status, where the far end gave one."""

    channel: Channel
    cause: int
    cause_txt: str
    tech_cause: int | None = None


@dataclass(frozen=True, slots=True)
class ChannelHangupRequest:
    """Someone wants it gone; `soft`: asked for within Asterisk (ARI's DELETE is), rather than by the far end."""

    channel: Channel
    cause: int | None = None
    soft: bool = False
    tech_cause: int | None = None


@dataclass(frozen=True, slots=True)
class ChannelDtmfReceived:
    """Digits that follow each other without a pause can come twice; AudioSocket's 0x03 does not double them."""

    channel: Channel
    digit: str = field(repr=False)
    duration_ms: int = 0


@dataclass(frozen=True, slots=True)
class ChannelHold:
    channel: Channel
    musicclass: str = ""


@dataclass(frozen=True, slots=True)
class ChannelUnhold:
    channel: Channel


@dataclass(frozen=True, slots=True)
class Dial:
    """Of a channel that we dial. What came of it is told better by ChannelDestroyed: a decline reads NOANSWER here."""

    peer: Channel
    dialstatus: str
    dialstring: str = field(default="", repr=False)
    caller: Channel | None = None


# ---------------------------------------------------------------- bridges


@dataclass(frozen=True, slots=True)
class BridgeCreated:
    bridge: Bridge


@dataclass(frozen=True, slots=True)
class BridgeDestroyed:
    bridge: Bridge


@dataclass(frozen=True, slots=True)
class ChannelEnteredBridge:
    bridge: Bridge
    channel: Channel | None


@dataclass(frozen=True, slots=True)
class ChannelLeftBridge:
    bridge: Bridge
    channel: Channel


# ---------------------------------------------------------------- transfers by the far end


@dataclass(frozen=True, slots=True)
class BridgeBlindTransfer:
    """`channel` sent a REFER and Asterisk has acted on it. `result`: Success, Fail, Invalid, Not Permitted."""

    channel: Channel
    exten: str = field(repr=False)
    context: str
    result: str
    is_external: bool = False
    transferee: Channel | None = None
    replace_channel: Channel | None = None
    bridge: Bridge | None = None


@dataclass(frozen=True, slots=True)
class BridgeAttendedTransfer:
    first_leg: Channel
    second_leg: Channel
    result: str
    destination_type: str
    is_external: bool = False
    transferee: Channel | None = None
    transfer_target: Channel | None = None
    replace_channel: Channel | None = None
    destination_bridge: str = ""


@dataclass(frozen=True, slots=True)
class ChannelTransfer:
    """A REFER that is ours to act on (PJSIP_TRANSFER_HANDLING()=ari-only); answer it by `transfer_progress`.

    `channel` sent it. `destination` is the number it named; `replaces` is the SIP dialog of an attended transfer.
    """

    channel: Channel
    destination: str = field(default="", repr=False)
    replaces: str = ""
    state: str = ""
    destination_channel: Channel | None = None
    connected_channel: Channel | None = None


# ---------------------------------------------------------------- sounds


@dataclass(frozen=True, slots=True)
class PlaybackStarted:
    playback_id: str
    state: str
    target_uri: str = ""


@dataclass(frozen=True, slots=True)
class PlaybackFinished:
    """Also of one that was stopped, or failed: see `state`."""

    playback_id: str
    state: str
    target_uri: str = ""


@dataclass(frozen=True, slots=True)
class RecordingStarted:
    recording: Recording


@dataclass(frozen=True, slots=True)
class RecordingFinished:
    recording: Recording


@dataclass(frozen=True, slots=True)
class RecordingFailed:
    recording: Recording


@dataclass(frozen=True, slots=True)
class Other:
    """Nobody here acts on it."""

    type: str


Event = (
    StasisStart
    | StasisEnd
    | ApplicationReplaced
    | ChannelStateChange
    | ChannelDestroyed
    | ChannelHangupRequest
    | ChannelDtmfReceived
    | ChannelHold
    | ChannelUnhold
    | Dial
    | BridgeCreated
    | BridgeDestroyed
    | ChannelEnteredBridge
    | ChannelLeftBridge
    | BridgeBlindTransfer
    | BridgeAttendedTransfer
    | ChannelTransfer
    | PlaybackStarted
    | PlaybackFinished
    | RecordingStarted
    | RecordingFinished
    | RecordingFailed
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


def _channel_or_none(source: Json, key: str) -> Channel | None:
    return None if source.get(key) is None else _channel(source, key)


def _bridge(source: Json) -> Bridge:
    return Bridge.read(resources.part(source, "bridge"))


def _playback(source: Json) -> tuple[str, str, str]:
    playback = Playback.read(resources.part(source, "playback"))
    return playback.id, playback.state, playback.target_uri


def _recording(source: Json) -> Recording:
    return Recording.read(resources.part(source, "recording"))


def _stasis_start(source: Json) -> StasisStart:
    replaced = _channel_or_none(source, "replace_channel")
    return StasisStart(_channel(source), resources.texts(source, "args"), replaced)


def _destroyed(source: Json) -> ChannelDestroyed:
    return ChannelDestroyed(
        channel=_channel(source),
        cause=resources.whole(source, "cause"),
        cause_txt=resources.text_or(source, "cause_txt"),
        tech_cause=resources.whole_or_none(source, "tech_cause"),
    )


def _hangup_request(source: Json) -> ChannelHangupRequest:
    return ChannelHangupRequest(
        channel=_channel(source),
        cause=resources.whole_or_none(source, "cause"),
        soft=resources.flag(source, "soft"),
        tech_cause=resources.whole_or_none(source, "tech_cause"),
    )


def _dtmf(source: Json) -> ChannelDtmfReceived:
    duration = resources.whole_or_none(source, "duration_ms") or 0
    return ChannelDtmfReceived(_channel(source), resources.text(source, "digit"), duration)


def _dial(source: Json) -> Dial:
    return Dial(
        peer=_channel(source, "peer"),
        dialstatus=resources.text(source, "dialstatus"),
        dialstring=resources.text_or(source, "dialstring"),
        caller=_channel_or_none(source, "caller"),
    )


def _blind_transfer(source: Json) -> BridgeBlindTransfer:
    return BridgeBlindTransfer(
        channel=_channel(source),
        exten=resources.text(source, "exten"),
        context=resources.text(source, "context"),
        result=resources.text(source, "result"),
        is_external=resources.flag(source, "is_external"),
        transferee=_channel_or_none(source, "transferee"),
        replace_channel=_channel_or_none(source, "replace_channel"),
        bridge=None if source.get("bridge") is None else _bridge(source),
    )


def _attended_transfer(source: Json) -> BridgeAttendedTransfer:
    return BridgeAttendedTransfer(
        first_leg=_channel(source, "transferer_first_leg"),
        second_leg=_channel(source, "transferer_second_leg"),
        result=resources.text(source, "result"),
        destination_type=resources.text_or(source, "destination_type"),
        is_external=resources.flag(source, "is_external"),
        transferee=_channel_or_none(source, "transferee"),
        transfer_target=_channel_or_none(source, "transfer_target"),
        replace_channel=_channel_or_none(source, "replace_channel"),
        destination_bridge=resources.text_or(source, "destination_bridge"),
    )


def _transfer(source: Json) -> ChannelTransfer:
    to, by = resources.part(source, "refer_to"), resources.part(source, "referred_by")
    requested = resources.part_or_none(to, "requested_destination") or {}
    return ChannelTransfer(
        channel=_channel(by, "source_channel"),
        destination=resources.text_or(requested, "destination"),
        replaces=resources.text_or(requested, "protocol_id"),
        state=resources.text_or(source, "state"),
        destination_channel=_channel_or_none(to, "destination_channel"),
        connected_channel=_channel_or_none(by, "connected_channel"),
    )


_READERS: dict[str, Callable[[Json], Event]] = {
    "StasisStart": _stasis_start,
    "StasisEnd": lambda source: StasisEnd(_channel(source)),
    "ApplicationReplaced": lambda source: ApplicationReplaced(resources.text(source, "application")),
    "ChannelStateChange": lambda source: ChannelStateChange(_channel(source)),
    "ChannelDestroyed": _destroyed,
    "ChannelHangupRequest": _hangup_request,
    "ChannelDtmfReceived": _dtmf,
    "ChannelHold": lambda source: ChannelHold(_channel(source), resources.text_or(source, "musicclass")),
    "ChannelUnhold": lambda source: ChannelUnhold(_channel(source)),
    "Dial": _dial,
    "BridgeCreated": lambda source: BridgeCreated(_bridge(source)),
    "BridgeDestroyed": lambda source: BridgeDestroyed(_bridge(source)),
    "ChannelEnteredBridge": lambda s: ChannelEnteredBridge(_bridge(s), _channel_or_none(s, "channel")),
    "ChannelLeftBridge": lambda source: ChannelLeftBridge(_bridge(source), _channel(source)),
    "BridgeBlindTransfer": _blind_transfer,
    "BridgeAttendedTransfer": _attended_transfer,
    "ChannelTransfer": _transfer,
    "PlaybackStarted": lambda source: PlaybackStarted(*_playback(source)),
    "PlaybackFinished": lambda source: PlaybackFinished(*_playback(source)),
    "RecordingStarted": lambda source: RecordingStarted(_recording(source)),
    "RecordingFinished": lambda source: RecordingFinished(_recording(source)),
    "RecordingFailed": lambda source: RecordingFailed(_recording(source)),
}
"""Every name here is a class above; a test holds them together."""
