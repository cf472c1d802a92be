"""What ops ask of a live call, as inputs of its queue. [pure]

Part of `inputs`, which names everything here again. State and arguments were checked when it was asked; what has
changed since is for the machine's rows to see. `by`: who asks.
"""

from dataclasses import dataclass, field
from typing import Literal

from controller.calls.machine.plan import Plan
from controller.calls.machine.types import Target

Side = Literal["caller", "agent"]
RecordAction = Literal["start", "pause", "resume", "stop"]


@dataclass(frozen=True, slots=True)
class HangUpAsked:
    by: str
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class HoldAsked:
    """Until `ResumeAsked`."""

    by: str


@dataclass(frozen=True, slots=True)
class ResumeAsked:
    by: str


@dataclass(frozen=True, slots=True)
class MuteAsked:
    """Who is not to be heard by the other (`on`), or is again."""

    side: Side
    on: bool
    by: str


@dataclass(frozen=True, slots=True)
class DigitsAsked:
    """To the person's telephone or machine."""

    digits: str = field(repr=False)
    by: str


@dataclass(frozen=True, slots=True)
class SayAsked:
    """Word for word if `exact`, else as an instruction to the agent."""

    text: str = field(repr=False)
    exact: bool
    by: str


@dataclass(frozen=True, slots=True)
class SwitchAsked:
    """The call goes on with another agent, or with other instructions: `plan` differs in what an agent decides."""

    plan: Plan = field(repr=False)
    by: str


@dataclass(frozen=True, slots=True)
class RecordingTold:
    """What the recording is, by the worker that has it."""

    state: Literal["on", "paused", "off"]


@dataclass(frozen=True, slots=True)
class RecordAsked:
    action: RecordAction
    by: str


@dataclass(frozen=True, slots=True)
class ParticipantAsked:
    """Somebody is to join the call. The destination has been checked already."""

    channel: str
    target: Target
    by: str


@dataclass(frozen=True, slots=True)
class ParticipantDropped:
    channel: str
    by: str


Verb = (
    HangUpAsked
    | HoldAsked
    | ResumeAsked
    | MuteAsked
    | DigitsAsked
    | SayAsked
    | SwitchAsked
    | RecordAsked
    | RecordingTold
    | ParticipantAsked
    | ParticipantDropped
)
