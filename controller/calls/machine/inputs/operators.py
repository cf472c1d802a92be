"""What ops ask of a live call (HTTP API, console), as inputs of its queue. [pure]

State and arguments were checked when it was asked; what has changed since is for the machine's rows to see. `by`: who
asks.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from controller.calls.machine.plan import Plan
from controller.calls.machine.types import SupervisionMode, Target

Side = Literal["caller", "agent"]
RecordAction = Literal["start", "pause", "resume", "stop"]


@dataclass(frozen=True, slots=True)
class HangUpAsked:
    """The call is to end. `detail`: for its record."""

    by: str
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class HoldAsked:
    """Until `ResumeAsked`."""

    by: str


@dataclass(frozen=True, slots=True)
class ResumeAsked:
    """The hold ends."""

    by: str


@dataclass(frozen=True, slots=True)
class MuteAsked:
    """`side` is not heard by the other any more (`on`), or is again."""

    side: Side
    on: bool
    by: str


@dataclass(frozen=True, slots=True)
class DigitsAsked:
    """DTMF for the person's telephone or machine."""

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
    """The call goes on with another agent, or with other instructions: `plan` differs in what an agent decides.
    `instructions`: as they were written by who asks."""

    plan: Plan = field(repr=False)
    by: str
    instructions: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class RecordAsked:
    """The recording is to begin, pause, go on or end."""

    action: RecordAction
    by: str


@dataclass(frozen=True, slots=True)
class MetadataAsked:
    """A value replaces the one with its key, None removes it."""

    changes: Mapping[str, str | None] = field(repr=False)
    by: str


@dataclass(frozen=True, slots=True)
class ParticipantAsked:
    """Somebody is to join the call. The destination has been checked already."""

    channel: str
    target: Target
    by: str


@dataclass(frozen=True, slots=True)
class ParticipantDropped:
    """A participant is to leave the call."""

    channel: str
    by: str


@dataclass(frozen=True, slots=True)
class TransferAsked:
    """By ops (`tool_call` None) or by the model. How it is done is `target.kind`."""

    target: Target
    by: str
    tool_call: str | None = None
    announce: str | None = field(default=None, repr=False)
    """Attended only: what the agent says first to who answers, word for word."""
    decide: float = 60.0
    """Attended only: seconds in which who answered has to accept."""


@dataclass(frozen=True, slots=True)
class TransferCancelled:
    """The transfer that is under way is called off."""

    by: str


@dataclass(frozen=True, slots=True)
class TransferDecided:
    """Ops say for the target whether it takes the call."""

    accept: bool
    by: str


@dataclass(frozen=True, slots=True)
class SuperviseAsked:
    """Somebody is to supervise the call. `channel` is theirs to be."""

    channel: str
    target: Target
    mode: SupervisionMode
    by: str


@dataclass(frozen=True, slots=True)
class SupervisionChanged:
    """The supervisor is to do something else."""

    mode: SupervisionMode
    by: str


@dataclass(frozen=True, slots=True)
class SupervisionEnded:
    """The supervisor is to leave."""

    by: str


Input = (
    HangUpAsked
    | HoldAsked
    | ResumeAsked
    | MuteAsked
    | DigitsAsked
    | SayAsked
    | SwitchAsked
    | RecordAsked
    | MetadataAsked
    | ParticipantAsked
    | ParticipantDropped
    | TransferAsked
    | TransferCancelled
    | TransferDecided
    | SuperviseAsked
    | SupervisionChanged
    | SupervisionEnded
)
