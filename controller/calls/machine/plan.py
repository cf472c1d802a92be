"""What is settled about a call before it begins, and the states and parts that it may have. [pure]"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from bridge.contract import Recording, SessionSpec
from controller.calls.machine.call_loops import Origin
from controller.calls.machine.outcome import Outcome
from controller.calls.machine.types import (
    Direction,
    ParticipantState,
    SupervisionMode,
    SupervisionState,
    Target,
    TransferState,
)
from controller.calls.metadata import Metadata

RING_GRACE = 5.0  # seconds beyond a ring timeout after which Asterisk's own end of the ringing is not awaited


class State(StrEnum):
    WAITING = "waiting"
    RINGING = "ringing"
    PREPARING = "preparing"
    DIALING = "dialing"
    DETECTING = "detecting"
    CONNECTING = "connecting"
    TALKING = "talking"
    HOLDING = "holding"
    CLOSING = "closing"
    TRANSFERRING = "transferring"
    CONSULTING = "consulting"
    REFERRING = "referring"
    TRANSFERRED = "transferred"
    FAILOVER = "failover"
    FALLBACK = "fallback"
    ENDING = "ending"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class PlaySound:
    """A step of `on_ai_failure`. `media` is an ARI media URI, such as `sound:voiceai/sorry`."""

    media: str


@dataclass(frozen=True, slots=True)
class TransferTo:
    """A step of `on_ai_failure`: somebody else takes the call."""

    target: Target


FallbackStep = PlaySound | TransferTo


@dataclass(frozen=True, slots=True)
class Waiting:
    """A caller for whom there is no room yet. Seconds; `announce` None: the place in the line is never said."""

    longest: float
    announce: float | None
    then: tuple[str, str] | None
    """Where the dialplan goes on when the wait is over (extension, context). None: the caller is hung up on."""
    fallback: bool = False
    """Instead: what the plan's `on_ai_failure` says."""


@dataclass(frozen=True, slots=True)
class AgentPlan:
    """What the config makes of one agent for one call (`planner.agent_plan`). Times are seconds."""

    spec: SessionSpec
    template_vars: Mapping[str, str] = field(default_factory=dict, repr=False)
    """What has filled the agent's templates; another agent that takes over is given them too."""
    recording: Recording | None = None
    """How this call may be recorded on request; None: it may not."""
    on_ai_failure: tuple[FallbackStep, ...] = ()
    """What to try, in this order, when there is no AI for the caller (any more). Then the call is hung up."""
    digits: Mapping[str, Target | None] = field(default_factory=dict, repr=False)
    """What a key of the person's telephone does: a transfer, or (None) the end of the call."""
    max_call: float | None = None
    """The longest time with the agent. Then it wraps up."""
    max_caller_hold: float | None = None
    """The person may hold the call for this time. Then it ends."""
    wrap_up: str = "Goodbye."
    """What the agent says when the call has to end."""
    voicemail: str | None = None
    """What is left with an answering machine. None: it is hung up on."""
    answer_timeout: float = 4.0
    """An inbound caller hears ringing for at most this time while the AI session opens. Then the call is answered
    without it."""
    version: int | None = None
    """Which version of the agent it is; 0: a draft; None: not known."""

    @property
    def name(self) -> str:
        return self.spec.agent


@dataclass(frozen=True, slots=True)
class Plan:
    """What is settled about a call before it begins. `leg` is the channel of the person we talk to. Times are
    seconds."""

    call: str
    direction: Direction
    leg: str
    agent: AgentPlan
    variables: Mapping[str, str] = field(repr=False)
    """Channel variables of that leg: what CDRs and a later controller need to know."""
    trunk: str | None = None
    caller: str | None = field(default=None, repr=False)
    callee: str | None = field(default=None, repr=False)
    target: Target | None = None
    """Whom to dial; outbound only."""
    max_transfer: float | None = None
    """Without an agent, after a transfer, before the call ends."""
    origin: Origin = Origin()
    """For an inbound call: whether voiceai has sent it on, as far as the ringing legs show it."""
    marked_by: str | None = None
    """The channel variable that says so, too."""
    max_hops: int = 3
    """How often a caller may be sent on and come back."""
    answer_detection: bool = False
    """Outbound: find out whether a person or a machine has answered."""
    waiting: Waiting | None = None
    unserved: str | None = None
    """There is no agent for this caller, who gets what `on_ai_failure` says. Why."""
    overflow: tuple[str, str] | None = None
    """Where the dialplan goes on (extension, context) if no worker is found that Asterisk reaches."""
    webhook: str | None = field(default=None, repr=False)
    """A URL that whoever asked for this call wants its events sent to; checked by `events.webhooks.receivers`."""
    metadata: Metadata = field(default_factory=dict, repr=False)
    """With which the call begins."""
    attempt: int = 1
    """The number of this attempt to call somebody, from 1."""
    prepare_timeout: float = 15.0
    media_timeout: float = 3.0
    """A media leg must have come up within this time: it takes milliseconds. Else another worker is tried."""
    end_timeout: float = 2.0


@dataclass(slots=True)
class Participant:
    """Somebody whom ops dialled into the call. Stays in the call's view when they have left."""

    channel: str
    target: Target
    by: str
    state: ParticipantState = "ringing"
    outcome: Outcome | None = None
    """Of the dialling."""


@dataclass(slots=True)
class Transfer:
    """The latest transfer of a call. Stays in the call's view when it is over."""

    channel: str
    target: Target
    by: str
    tool_call: str | None
    state: TransferState = "ringing"
    outcome: Outcome | None = None
    announce: str | None = field(default=None, repr=False)
    decide: float = 60.0
    detail: str | None = None
    """Why the target was not dialled."""
    consultation: str | None = None
    """The bridge in which agent and target talk, while it exists."""


@dataclass(slots=True)
class Failover:
    """A call on its way from a lost worker to another one."""

    back_to: State
    """What the call goes on as."""
    joined: bool
    """The caller is in the bridge already."""
    phase: Literal["leaving", "looking", "joining"]
    """Awaited is: the end of the former session; a worker and the AI; the new media leg."""
    tone: str | None = None
    """The playback that the caller hears."""
    news: list[str] = field(default_factory=list, repr=False)
    """What tools of the former session answered meanwhile."""


@dataclass(slots=True)
class Supervision:
    """The latest supervision of a call. Stays in the call's view when it is over."""

    channel: str
    target: Target
    mode: SupervisionMode
    by: str
    state: SupervisionState = "ringing"
    outcome: Outcome | None = None
    """Of the dialling."""
    snoop: str | None = None
    """The snoop channel through which the supervisor hears the call; None once they are in its bridge."""
