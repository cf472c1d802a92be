"""What the controller itself has to say to a call: room, deadlines, limits, commands that failed. [pure]"""

from dataclasses import dataclass

from controller.calls.machine.commands import Command


@dataclass(frozen=True, slots=True)
class PlaceKnown:
    """The place in line of a caller who waits; 1 is next."""

    place: int


@dataclass(frozen=True, slots=True)
class RoomFound:
    """A caller who waits may have an agent now."""


@dataclass(frozen=True, slots=True)
class NoWorkerFound:
    """No worker has room for the session at the moment."""

    reason: str


@dataclass(frozen=True, slots=True)
class WrapUpDue:
    """The agent is to say its last words. `why`: for the call's record."""

    why: str


@dataclass(frozen=True, slots=True)
class TimeUp:
    """A timer of `StartTimer` has expired."""

    timer: str


@dataclass(frozen=True, slots=True)
class CommandFailed:
    """A command could not be carried out; those behind it were dropped. Comes before what is queued."""

    command: Command
    reason: str
    gone: bool = False
    """True: what it acted on no longer exists, which is an answer and not an error."""
    full: bool = False
    """True: somebody was to be dialled, and the trunk has no room for one more."""
    unreachable: bool = False
    """True: Asterisk has no way to whom it was to dial, or to the worker."""


Input = PlaceKnown | RoomFound | NoWorkerFound | WrapUpDue | TimeUp | CommandFailed
