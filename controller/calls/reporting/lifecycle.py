"""What happens in calls that is worth counting or telling, for whoever counts and tells. [pure]

Owns the shapes. Call control says each once, as it happens; what workers tell of a call (`contract.CallEvent`) goes the
same way, but for `Used`, which comes priced (`UsageReported`). Seconds throughout. Telephone numbers are personal: they
are in no repr.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from bridge.contract import CallEvent, Used
from controller.calls.machine.commands import Command
from controller.calls.machine.inputs import Input
from controller.calls.reporting.view import CallView

Direction = Literal["inbound", "outbound"]


@dataclass(frozen=True, slots=True)
class CallBegan:
    direction: Direction
    call: CallView
    webhook: str | None = field(default=None, repr=False)
    """Who asked for this call wants to be told here what becomes of it."""
    attempt: int = 1
    """To call somebody, from 1."""


@dataclass(frozen=True, slots=True)
class CallAdopted:
    """An earlier controller began it; this one goes on with it."""

    call: CallView
    webhook: str | None = field(repr=False)
    attempt: int


@dataclass(frozen=True, slots=True)
class CallQueued:
    """A call waits to be placed, for the first time or again."""

    call: CallView
    webhook: str | None = field(repr=False)
    attempt: int
    """The one to come, from 1."""
    due_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class CallSettled:
    """The queue is done with a call. Its `outcome` is the last attempt's, or why there was none."""

    call: CallView
    webhook: str | None = field(repr=False)
    attempts: int
    """That there were."""


@dataclass(frozen=True, slots=True)
class CallerRefused:
    """A caller for whom no call began. `call`: what is written down of it."""

    reason: Literal["busy", "no_route"]
    call: CallView | None = None


@dataclass(frozen=True, slots=True)
class CallRang:
    """The caller hears ringing, or the callee's telephone rings. May be told more than once."""

    call: str


@dataclass(frozen=True, slots=True)
class CallAnswered:
    call: str
    after_s: float
    """From arrival, or the request to dial."""


@dataclass(frozen=True, slots=True)
class StateChanged:
    call: str
    state: str
    before: str


@dataclass(frozen=True, slots=True)
class TransferMoved:
    """A transfer began, or went on. `to` is what was asked for, and personal."""

    call: str
    attempt: int
    """Which transfer of this call, from 1."""
    state: str
    to: str = field(repr=False)
    by: str
    outcome: str | None


@dataclass(frozen=True, slots=True)
class ParticipantMoved:
    """Somebody is dialled into the call, or went on: as `view.ParticipantView`."""

    call: str
    leg: str
    state: str
    to: str = field(repr=False)
    by: str
    outcome: str | None


@dataclass(frozen=True, slots=True)
class SupervisionMoved:
    """A supervisor is dialled, hears the call in another way, or leaves. As in `view.SupervisionView`."""

    call: str
    state: str
    mode: str


@dataclass(frozen=True, slots=True)
class ControlChanged:
    """Who speaks, who hears whom, what is recorded: one of these is not as it was. As in `view.CallView`."""

    call: str
    agent: str
    held_by: str | None
    muted: tuple[str, ...]
    recording: str
    caller_hold: bool = False


@dataclass(frozen=True, slots=True)
class CallGreeted:
    """The agent was told to greet. `answer_s`: from arrival (or the request to dial) to the answer."""

    direction: Direction
    answer_s: float
    greet_s: float
    """From the answer."""


@dataclass(frozen=True, slots=True)
class CallFailedOver:
    """Another worker has taken the call over: the new agent was told to go on."""

    call: str
    gap_s: float
    """Since the loss was noticed."""


@dataclass(frozen=True, slots=True)
class LegRejoined:
    """Asterisk dropped what a leg sent, and the leg joined its bridge anew. `times`: so far in this call."""

    call: str
    times: int


@dataclass(frozen=True, slots=True)
class CallOver:
    direction: Direction
    outcome: str
    talked_s: float
    """From the answer; 0 for a call that was not answered."""
    call: CallView


@dataclass(frozen=True, slots=True)
class InputTaken:
    """The call's table is about to be asked what this input changes. Told of each input."""

    call: str
    what: Input = field(repr=False)


@dataclass(frozen=True, slots=True)
class CommandDone:
    """A command was carried out, or (`error`) could not be. Told of each command."""

    call: str
    command: Command = field(repr=False)
    error: Exception | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class UsageReported:
    """Tokens or seconds that the AI's provider bills. `cost`: in US dollars, by the price table."""

    call: str
    used: Used
    cost: float


@dataclass(frozen=True, slots=True)
class ToolAsked:
    """The model has called a tool. `tool` is one that the agent has, or `unknown`: models make up names."""

    call: str
    tool: str


@dataclass(frozen=True, slots=True)
class ToolTimed:
    """A tool was answered. `tool` as in `ToolAsked`."""

    tool: str
    seconds: float
    ok: bool
    call: str
    reason: str | None = None
    """Of a request that failed, or whose answer was cut: as in `request_failure`."""


LifecycleEvent = (
    CallBegan
    | CallAdopted
    | CallQueued
    | CallSettled
    | CallerRefused
    | CallRang
    | CallAnswered
    | StateChanged
    | ParticipantMoved
    | SupervisionMoved
    | ControlChanged
    | TransferMoved
    | CallGreeted
    | CallFailedOver
    | LegRejoined
    | CallOver
    | ToolAsked
    | ToolTimed
    | UsageReported
    | InputTaken
    | CommandDone
    | CallEvent
)
Observe = Callable[[LifecycleEvent], None]


def unobserved(_: LifecycleEvent) -> None:
    """For those who do not count."""
