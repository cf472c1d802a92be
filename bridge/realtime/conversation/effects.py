"""What comes out of a conversation: what to do, in order. [pure]

`bridge.realtime.session` feeds the inputs and carries the effects out; nothing else connects the conversation to the
world.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Literal

from bridge.contract import CallEvent
from bridge.realtime.protocol.client_events import ClientEvent


class Timer(Enum):
    """The timers of a conversation. At most one of each runs; of `TOOL` and `FILLER` one per tool call, of `WORDS` one
    per item (the `subject`)."""

    REQUEST = "request"
    """Our `response.create` has not been taken up."""
    PROGRESS = "progress"
    """The running response has not moved."""
    CANCEL = "cancel"
    """The response that was cancelled is not over."""
    RETRY = "retry"
    """The pause before a failed response is asked for again."""
    ANSWER = "answer"
    """The caller stopped speaking and the server does not answer."""
    STOPPED = "stopped"
    """The caller has been speaking for very long: perhaps the server did not say that it stopped."""
    DIGITS = "digits"
    """The caller may press another digit."""
    TAIL = "tail"
    """All audio before held tools was handed to Asterisk; it is on its way to the caller."""
    SPEECH = "speech"
    """Held tools wait no longer than this for audio to be played."""
    TOOL = "tool"
    """A tool has not been answered."""
    FILLER = "filler"
    """A tool is slow: something is to be said meanwhile."""
    COUNTS = "counts"
    """The caller's speech has lasted long enough to be an interruption."""
    IDLE = "idle"
    """Nobody has said anything for long."""
    LAST = "last"
    """Last words must be generated, then played, within this time."""
    SILENCE = "silence"
    """Look whether an answering machine's announcement is over."""
    SESSION = "session"
    """The server has not corrected a session that is not as asked for."""
    WORDS = "words"
    """The transcript of an item has not come."""
    END = "end"
    """All audio of the last words was handed to Asterisk; it is on its way to the caller."""


@dataclass(frozen=True, slots=True)
class Send:
    """Send this event to the server."""

    event: ClientEvent


@dataclass(frozen=True, slots=True)
class Emit:
    """Report this event to the controller."""

    event: CallEvent


@dataclass(frozen=True, slots=True)
class StartTimer:
    """Feed `TimerFired` in so many seconds; a running timer of the same name and subject is replaced."""

    timer: Timer
    seconds: float
    subject: str = ""


@dataclass(frozen=True, slots=True)
class CancelTimer:
    """The timer is not needed any more; it need not be running."""

    timer: Timer
    subject: str = ""


@dataclass(frozen=True, slots=True)
class EndSession:
    """The AI cannot go on, on this connection at least. `kind` as in `contract.Failed`."""

    kind: Literal["config", "account", "transient"]
    message: str
    again: bool = True
    """The same provider may be tried once more; False: only another one."""


@dataclass(frozen=True, slots=True)
class Note:
    """A line for the log: static text, fields. Personal data only in a field ending in `_pii`."""

    text: str
    fields: Mapping[str, Any] = field(default_factory=dict)


Effect = Send | Emit | StartTimer | CancelTimer | EndSession | Note


class EffectList:
    """The effects of one `handle`, in order; shared by the parts of one conversation.

    It also makes the ids of our events and items: the server's error names the event that caused it.
    """

    __slots__ = ("_count", "_effects")

    def __init__(self) -> None:
        self._effects: list[Effect] = []
        self._count = 0

    def new_id(self, prefix: str) -> str:
        """Unique in this conversation, at most 32 characters."""
        self._count += 1
        return f"{prefix}_{self._count}"

    def add(self, *effects: Effect) -> None:
        self._effects.extend(effects)

    def take(self) -> list[Effect]:
        """All that was added since the last time."""
        effects, self._effects = self._effects, []
        return effects
