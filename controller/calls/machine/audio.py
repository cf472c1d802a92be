"""What is known of the sound that a call's legs send, and what can be done about it: inputs and commands. [pure]"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CallerAudio:
    """Of the worker: sound has ceased to come from whom the agent hears, or comes again."""

    flowing: bool


@dataclass(frozen=True, slots=True)
class RtpCounted:
    """What Asterisk has received of one leg: bytes of sound, packets lost, and from which source (SSRC).

    `received` None: the leg has no RTP."""

    channel: str
    received: int | None
    lost: int = 0
    source: int = 0


@dataclass(frozen=True, slots=True)
class SipHold:
    """A far end has put us on hold, or takes us back."""

    channel: str
    on: bool


@dataclass(frozen=True, slots=True)
class CountRtp:
    """Ask Asterisk what it has received of this leg. Ends with `RtpCounted`."""

    channel: str


@dataclass(frozen=True, slots=True)
class Rejoin:
    """A leg that is in this bridge joins it anew."""

    bridge: str
    channel: str


@dataclass(frozen=True, slots=True)
class RestoreBridge:
    """Of these legs, those that are not in this bridge join it. One that is gone is left out: its end is told."""

    bridge: str
    channels: tuple[str, ...]


Audio = CallerAudio | RtpCounted | SipHold
