"""What the worker says that carries the call's session and media leg, as inputs of the call's queue. [pure]"""

from dataclasses import dataclass, field
from typing import Literal

from bridge.contract import Counters


@dataclass(frozen=True, slots=True)
class AiReady:
    pass


@dataclass(frozen=True, slots=True)
class AiFailed:
    kind: str
    message: str


@dataclass(frozen=True, slots=True)
class MediaFlowing:
    """The worker has seen the UUID and its silence flows: the media leg may join the bridge."""


@dataclass(frozen=True, slots=True)
class MediaLost:
    reason: str


@dataclass(frozen=True, slots=True)
class CallerAudio:
    """Of the worker: sound has ceased to come from whom the agent hears, or comes again."""

    flowing: bool


@dataclass(frozen=True, slots=True)
class SessionOver:
    reason: str
    counters: Counters


@dataclass(frozen=True, slots=True)
class WorkerLost:
    """The worker that carried the call is dead, or was killed because it stood still; session and media leg with it."""

    reason: str


@dataclass(frozen=True, slots=True)
class RecordingTold:
    """What the recording is, by the worker that has it."""

    state: Literal["on", "paused", "off"]


@dataclass(frozen=True, slots=True)
class LastSaid:
    """What was to be said last has been played: a wrap-up, or the end of the ladder for silent callers."""

    why: str


@dataclass(frozen=True, slots=True)
class Conversed:
    """Somebody has said or pressed something: this is a conversation by now."""


@dataclass(frozen=True, slots=True)
class DigitPressed:
    """By the person, on their telephone."""

    digit: str = field(repr=False)


Input = (
    AiReady
    | AiFailed
    | MediaFlowing
    | MediaLost
    | CallerAudio
    | SessionOver
    | WorkerLost
    | RecordingTold
    | LastSaid
    | Conversed
    | DigitPressed
)
