"""What the worker says that carries the call's session and media leg, as inputs of the call's queue. [pure]"""

from dataclasses import dataclass, field

from bridge.contract import Counters
from controller.calls.machine.types import RecordingState


@dataclass(frozen=True, slots=True)
class AiReady:
    """The AI session is open: the agent can be greeted with."""


@dataclass(frozen=True, slots=True)
class AiFailed:
    """There is no AI session. `kind`: `transient` where another worker may have one."""

    kind: str
    message: str


@dataclass(frozen=True, slots=True)
class SessionRefused:
    """The worker takes no session at this moment: it is full, or ends. Another worker may."""

    reason: str


@dataclass(frozen=True, slots=True)
class MediaFlowing:
    """The media leg has connected to the worker, which sends silence: the leg may join the bridge."""


@dataclass(frozen=True, slots=True)
class MediaLost:
    """The connection of the media leg is closed."""

    reason: str


@dataclass(frozen=True, slots=True)
class CallerAudio:
    """Sound has ceased to come from whom the agent hears, or comes again."""

    flowing: bool


@dataclass(frozen=True, slots=True)
class SessionOver:
    """The session has ended; nothing more comes from it."""

    reason: str
    counters: Counters


@dataclass(frozen=True, slots=True)
class WorkerLost:
    """The worker's process is gone, and session and media leg with it."""

    reason: str


@dataclass(frozen=True, slots=True)
class RecordingTold:
    """Whether the worker records."""

    state: RecordingState


@dataclass(frozen=True, slots=True)
class LastSaid:
    """The agent's last words were played: those of `SayLast`, or those for a caller who stays silent."""

    why: str


@dataclass(frozen=True, slots=True)
class Conversed:
    """The caller has said or pressed something, for the first time."""


@dataclass(frozen=True, slots=True)
class DigitPressed:
    """On the telephone of whom the agent hears."""

    digit: str = field(repr=False)


Input = (
    AiReady
    | AiFailed
    | SessionRefused
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
