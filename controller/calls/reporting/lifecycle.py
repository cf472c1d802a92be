"""Lifecycle events: what happens in calls, for metrics, traces and whoever receives events. [pure]

Owns their types. Call control reports each once, as it happens. Workers' events (`contract.CallEvent`) are reported in
the same way, except `Used`, which comes with its price (`UsageReported`). Times are seconds. Telephone numbers are
personal: they are in no repr.

A new kind: its class here and in `LifecycleEvent`, and where it happens (`diff` finds what a row of the machine
changes). Who observes takes it by rule; as an event for receivers it has a class in `controller.events.schemas`.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from bridge.contract import CallEvent, Used
from controller.calls.machine.commands import Command
from controller.calls.machine.inputs import Input
from controller.calls.machine.types import Direction
from controller.calls.metadata import Metadata
from controller.calls.reporting.instructions import AgentInstructed as AgentInstructed
from controller.calls.reporting.view import CallView


@dataclass(frozen=True, slots=True)
class CallBegan:
    direction: Direction
    call: CallView
    webhook: str | None = field(default=None, repr=False)
    """The URL to which whoever asked for this call wants its events sent."""
    attempt: int = 1
    """Which attempt to reach somebody, from 1."""


@dataclass(frozen=True, slots=True)
class CallAdopted:
    """This controller goes on with a call that an earlier one began."""

    call: CallView
    webhook: str | None = field(repr=False)
    attempt: int


@dataclass(frozen=True, slots=True)
class CallQueued:
    """A call waits to be placed, for the first time or again."""

    call: CallView
    webhook: str | None = field(repr=False)
    attempt: int
    """The next one, from 1."""
    due_at: datetime
    expires_at: datetime


@dataclass(frozen=True, slots=True)
class CallSettled:
    """A call of the queue has ended for good. Its `outcome` is that of the last attempt, or why there was none."""

    call: CallView
    webhook: str | None = field(repr=False)
    attempts: int
    """How many there were."""


@dataclass(frozen=True, slots=True)
class CallerRefused:
    """No call began for a caller. `call`: what is recorded of it."""

    reason: Literal["busy", "no_route"]
    call: CallView | None = None


@dataclass(frozen=True, slots=True)
class CallRang:
    """The caller hears ringing, or the callee's telephone rings. May be told more than once."""

    call: str


@dataclass(frozen=True, slots=True)
class CallAnswered:
    call: str
    direction: Direction
    after_s: float
    """From the beginning of the call: of an inbound one when its variables are read, a worker was waited for and the
    look-up is done; of an outbound one before the AI session is opened and the number is dialled."""


@dataclass(frozen=True, slots=True)
class StateChanged:
    call: str
    state: str
    before: str


@dataclass(frozen=True, slots=True)
class TransferMoved:
    """A transfer began, or its state has changed. `to` is what was asked for, and personal."""

    call: str
    attempt: int
    """Which transfer of this call, from 1."""
    state: str
    to: str = field(repr=False)
    by: str
    outcome: str | None
    kind: str = "blind"
    """As in `view.TransferView`."""


@dataclass(frozen=True, slots=True)
class ParticipantMoved:
    """A participant is dialled, or its state has changed. Fields as in `view.ParticipantView`."""

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
    number: int = 1
    """Which supervision of this call, from 1."""
    to: str = field(default="", repr=False)
    by: str = ""
    outcome: str | None = None


@dataclass(frozen=True, slots=True)
class ControlChanged:
    """Who speaks, who hears whom or what is recorded has changed. Fields as in `view.CallView`."""

    call: str
    agent: str
    held_by: str | None
    muted: tuple[str, ...]
    recording: str
    caller_hold: bool = False
    agent_version: int | None = None


@dataclass(frozen=True, slots=True)
class MetadataChanged:
    """Somebody has changed the metadata of the call: all of it, as it is now."""

    call: str
    metadata: Metadata = field(repr=False)


@dataclass(frozen=True, slots=True)
class CallGreeted:
    """The agent was told to greet."""

    direction: Direction
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
class CallLost:
    """A call of another node has ended with that node. `talked_s` as in `CallOver`."""

    talked_s: float
    call: CallView
    webhook: str | None = field(repr=False)
    attempt: int


@dataclass(frozen=True, slots=True)
class InputTaken:
    """An input was taken from the call's queue and is about to be handled."""

    call: str
    what: Input = field(repr=False)


@dataclass(frozen=True, slots=True)
class CommandDone:
    """A command of the call's table was carried out, or failed (`error`)."""

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
    | AgentInstructed
    | ControlChanged
    | TransferMoved
    | MetadataChanged
    | CallGreeted
    | CallFailedOver
    | LegRejoined
    | CallOver
    | CallLost
    | ToolAsked
    | ToolTimed
    | UsageReported
    | InputTaken
    | CommandDone
    | CallEvent
)
Observe = Callable[[LifecycleEvent], None]


def unobserved(_: LifecycleEvent) -> None:
    """An observer that does nothing."""
