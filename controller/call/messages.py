"""What can happen to a call (inputs) and what can be done about it (commands). [pure]

Inputs come from five sides (Asterisk, the worker, ops over HTTP, the model's tools, deadlines) and enter the same
ordered queue of their call. Commands leave `machine.py` and are carried out by `actor.py`, in order.
Channels are named by their Asterisk channel id throughout.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bridge.contract import Counters, SessionSpec


@dataclass(frozen=True, slots=True)
class Ids:
    """The names of everything one call owns on Asterisk, chosen before acting so no event precedes its owner."""

    call: str

    @property
    def bridge(self) -> str:
        return f"call-{self.call}-bridge"

    @property
    def media(self) -> str:
        return f"call-{self.call}-media"

    @property
    def callee(self) -> str:
        return f"call-{self.call}-callee"

    def target(self, attempt: int) -> str:
        return f"call-{self.call}-target{attempt}"

    def sound(self, number: int) -> str:
        return f"call-{self.call}-sound{number}"

    @staticmethod
    def call_of(channel_or_bridge: str) -> str | None:
        """The call that an id of ours belongs to; None for ids that are not of this form."""
        head, rest = channel_or_bridge[:5], channel_or_bridge[5:]
        return rest[:36] if head == "call-" and len(rest) > 36 and rest[36] == "-" else None


@dataclass(frozen=True, slots=True)
class Target:
    """Where a transfer or an outbound call goes. Both fields can hold a number, so neither is ever shown."""

    dial: str = field(repr=False)
    """What Asterisk dials, such as `PJSIP/4930@trunk` or `Local/9001@internal/n`."""
    shown: str = field(repr=False)
    """What a person asked for."""
    caller_id: str | None = field(default=None, repr=False)
    timeout: float = 30.0
    """Seconds that it may ring."""


# ---------------------------------------------------------------- inputs: Asterisk


@dataclass(frozen=True, slots=True)
class LegEntered:
    """StasisStart of a channel that we created: it is answered (or connected, for media) and ours to move."""

    channel: str


@dataclass(frozen=True, slots=True)
class LegRinging:
    channel: str


@dataclass(frozen=True, slots=True)
class SoundOver:
    """A sound was played to its end, or could not be played."""

    playback: str


@dataclass(frozen=True, slots=True)
class LegGone:
    """StasisEnd, ChannelDestroyed, or missing at a reconcile. Causes are Q.850 and SIP, None when not told."""

    channel: str
    cause: int | None = None
    sip_status: int | None = None


# ---------------------------------------------------------------- inputs: the worker


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
class SessionOver:
    reason: str
    counters: Counters


@dataclass(frozen=True, slots=True)
class HangUpTool:
    """The model said goodbye, it was played in full, and it asks to end the call."""

    tool_call: str


# ---------------------------------------------------------------- inputs: ops, model, time, ourselves


@dataclass(frozen=True, slots=True)
class HangUpAsked:
    by: str


@dataclass(frozen=True, slots=True)
class TransferAsked:
    """By ops (`tool_call` None) or by the model. The destination has been checked already."""

    target: Target
    by: str
    tool_call: str | None = None


@dataclass(frozen=True, slots=True)
class ToolRefused:
    """The model asked for what it may not have; `reason` is what it gets to read."""

    tool_call: str
    reason: str


@dataclass(frozen=True, slots=True)
class TimeUp:
    timer: str


@dataclass(frozen=True, slots=True)
class CommandFailed:
    """A command could not be carried out; the commands behind it were dropped."""

    command: "Command"
    reason: str
    gone: bool = False
    """True: what it acted on no longer exists, which is an answer and not an error."""


Input = (
    LegEntered
    | LegRinging
    | LegGone
    | SoundOver
    | AiReady
    | AiFailed
    | MediaFlowing
    | MediaLost
    | SessionOver
    | HangUpTool
    | HangUpAsked
    | TransferAsked
    | ToolRefused
    | TimeUp
    | CommandFailed
)


# ---------------------------------------------------------------- commands: Asterisk


@dataclass(frozen=True, slots=True)
class Ring:
    channel: str


@dataclass(frozen=True, slots=True)
class Answer:
    channel: str


@dataclass(frozen=True, slots=True)
class SetVariables:
    channel: str
    variables: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class CreateBridge:
    bridge: str


@dataclass(frozen=True, slots=True)
class DestroyBridge:
    bridge: str


@dataclass(frozen=True, slots=True)
class Join:
    bridge: str
    channels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OpenMedia:
    """Originate the AudioSocket channel towards the worker that holds the session."""

    channel: str


@dataclass(frozen=True, slots=True)
class Dial:
    channel: str
    target: Target
    variables: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Play:
    """A sound for one channel, whether it is in a bridge or not. Ends with `SoundOver`."""

    channel: str
    playback: str
    media: str


@dataclass(frozen=True, slots=True)
class HangUp:
    """`sip_reason` matters for a caller who was not answered yet: an ARI hang-up reason such as `congestion`."""

    channel: str
    sip_reason: str = "normal"


# ---------------------------------------------------------------- commands: the worker, time, the outside


@dataclass(frozen=True, slots=True)
class PrepareAi:
    """Pick a worker and let it open the AI session."""

    spec: SessionSpec


@dataclass(frozen=True, slots=True)
class GreetCaller:
    pass


@dataclass(frozen=True, slots=True)
class AnswerAiTool:
    tool_call: str
    output: str
    ok: bool
    respond: bool = True


@dataclass(frozen=True, slots=True)
class CloseAi:
    reason: str


@dataclass(frozen=True, slots=True)
class StartTimer:
    timer: str
    seconds: float


@dataclass(frozen=True, slots=True)
class StopTimer:
    timer: str


Command = (
    Ring
    | Answer
    | SetVariables
    | CreateBridge
    | DestroyBridge
    | Join
    | OpenMedia
    | Dial
    | Play
    | HangUp
    | PrepareAi
    | GreetCaller
    | AnswerAiTool
    | CloseAi
    | StartTimer
    | StopTimer
)
