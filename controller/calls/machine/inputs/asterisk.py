"""What Asterisk says of a call's channels, as inputs of the call's queue. [pure]"""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class LegEntered:
    """StasisStart of a channel that we created: it is answered (or connected, for media) and ours to move.

    `args`: what the dialplan has to say, where the channel comes from there (`Detect`).
    """

    channel: str
    args: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LegRinging:
    """A telephone that is dialled rings."""

    channel: str


@dataclass(frozen=True, slots=True)
class LegGone:
    """StasisEnd, ChannelDestroyed, or missing at a reconcile. Causes are Q.850 and SIP, None when not told."""

    channel: str
    cause: int | None = None
    sip_status: int | None = None
    in_dialplan: bool = False
    """It has left our app and may go on in the dialplan (StasisEnd)."""


@dataclass(frozen=True, slots=True)
class LegHungUp:
    """Asterisk has been told, from out there or by somebody else, to end the leg (ChannelHangupRequest). `LegGone`
    follows, but after a REFER only once its subscription is over: docs/transfers.md. `cause` is Q.850."""

    channel: str
    cause: int | None = None
    soft: bool = False
    """By Asterisk itself, or somebody who told it to, not by the far end."""


@dataclass(frozen=True, slots=True)
class LegReturned:
    """The person's leg is back from the dialplan, where it was sent to be referred. `status` is Asterisk's
    TRANSFERSTATUS, `sip_status` its TRANSFERSTATUSPROTOCOL."""

    channel: str
    status: str
    sip_status: int | None = None


@dataclass(frozen=True, slots=True)
class LegJoined:
    """It is in the bridge (`ConfirmJoin`)."""

    channel: str


@dataclass(frozen=True, slots=True)
class SoundOver:
    """PlaybackFinished: played to its end, or it could not be played."""

    playback: str


@dataclass(frozen=True, slots=True)
class SipHold:
    """The far end of a leg has put us on hold by SIP, or takes us back."""

    channel: str
    on: bool


@dataclass(frozen=True, slots=True)
class RtpCounted:
    """What Asterisk has received of one leg: bytes of sound, packets lost, and from which source (SSRC).

    `received` None: the leg has no RTP."""

    channel: str
    received: int | None
    lost: int = 0
    source: int = 0


@dataclass(frozen=True, slots=True)
class AsteriskEnded:
    """Its process is gone, and with it every channel and bridge (`ari.process`). `since`: when it was last heard of."""

    since: datetime


Input = (
    LegEntered
    | LegRinging
    | LegGone
    | LegHungUp
    | LegReturned
    | LegJoined
    | SoundOver
    | SipHold
    | RtpCounted
    | AsteriskEnded
)
