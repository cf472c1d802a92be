"""What happens to transfers and supervision, as inputs of the call's queue. [pure]

Part of `inputs`, which names everything here again. Destinations were checked when it was asked. `by`: who asks.
"""

from dataclasses import dataclass, field

from controller.calls.machine.types import SupervisionMode, Target


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
    by: str


@dataclass(frozen=True, slots=True)
class TransferDecided:
    """Ops say for the target whether it takes the call."""

    accept: bool
    by: str


@dataclass(frozen=True, slots=True)
class DecideTool:
    """The target has told the agent whether it takes the call."""

    tool_call: str
    accept: bool


@dataclass(frozen=True, slots=True)
class LegReturned:
    """The person's leg is back from the dialplan, where it was sent to be referred. `status` is Asterisk's
    TRANSFERSTATUS, `sip_status` its TRANSFERSTATUSPROTOCOL."""

    channel: str
    status: str
    sip_status: int | None = None


@dataclass(frozen=True, slots=True)
class LegHungUp:
    """Asterisk has been told, from out there or by somebody else, to end the leg (ChannelHangupRequest). `LegGone`
    follows, but after a REFER only once its subscription is over: docs/transfers.md. `cause` is Q.850."""

    channel: str
    cause: int | None = None
    soft: bool = False
    """By Asterisk itself, or somebody who told it to, not by the far end."""


@dataclass(frozen=True, slots=True)
class LegJoined:
    """It is in the bridge (`ConfirmJoin`)."""

    channel: str


@dataclass(frozen=True, slots=True)
class SuperviseAsked:
    """Somebody is to supervise the call. `channel` is theirs to be."""

    channel: str
    target: Target
    mode: SupervisionMode
    by: str


@dataclass(frozen=True, slots=True)
class SupervisionChanged:
    mode: SupervisionMode
    by: str


@dataclass(frozen=True, slots=True)
class SupervisionEnded:
    by: str


Moving = (
    TransferCancelled
    | TransferDecided
    | LegReturned
    | LegHungUp
    | LegJoined
    | SuperviseAsked
    | SupervisionChanged
    | SupervisionEnded
)
