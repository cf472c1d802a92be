"""What can happen to a call, and (from `commands`) what can be done about it. [pure]

Inputs come from five sides (Asterisk, the worker, ops over HTTP, the model's tools, deadlines) and enter the same
ordered queue of their call.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bridge.contract import Counters
from controller.calls.machine.audio import (
    Audio as Audio,
    CallerAudio as CallerAudio,
    CountRtp as CountRtp,
    Rejoin as Rejoin,
    RestoreBridge as RestoreBridge,
    RtpCounted as RtpCounted,
    SipHold as SipHold,
)
from controller.calls.machine.commands import (
    WARNING_TONE as WARNING_TONE,
    Answer as Answer,
    AnswerAiTool as AnswerAiTool,
    CloseAi as CloseAi,
    Command as Command,
    ConfirmJoin as ConfirmJoin,
    CreateBridge as CreateBridge,
    DestroyBridge as DestroyBridge,
    Detect as Detect,
    Dial as Dial,
    ExcludeWorker as ExcludeWorker,
    GreetCaller as GreetCaller,
    HangUp as HangUp,
    Ids as Ids,
    Join as Join,
    LeaveAi as LeaveAi,
    OpenMedia as OpenMedia,
    OrderAi as OrderAi,
    PauseAi as PauseAi,
    Play as Play,
    PrepareAi as PrepareAi,
    Refer as Refer,
    ResumeAi as ResumeAi,
    Ring as Ring,
    SayLast as SayLast,
    SendAway as SendAway,
    SendDigits as SendDigits,
    SetVariables as SetVariables,
    Snoop as Snoop,
    StartMusic as StartMusic,
    StartTimer as StartTimer,
    StartTone as StartTone,
    StartTool as StartTool,
    StopMusic as StopMusic,
    StopTimer as StopTimer,
    StopTone as StopTone,
    made as made,
)
from controller.calls.machine.inputs.internal import (
    AgentLost as AgentLost,
    CallerBack as CallerBack,
    Internal as Internal,
    NextFallback as NextFallback,
    TransferAccepted as TransferAccepted,
    TransferFailed as TransferFailed,
)
from controller.calls.machine.inputs.operators import (
    DigitsAsked as DigitsAsked,
    HangUpAsked as HangUpAsked,
    HoldAsked as HoldAsked,
    MuteAsked as MuteAsked,
    ParticipantAsked as ParticipantAsked,
    ParticipantDropped as ParticipantDropped,
    RecordAction as RecordAction,
    RecordAsked as RecordAsked,
    RecordingTold as RecordingTold,
    ResumeAsked as ResumeAsked,
    SayAsked as SayAsked,
    Side as Side,
    SwitchAsked as SwitchAsked,
    Verb as Verb,
)
from controller.calls.machine.inputs.transfer import (
    DecideTool as DecideTool,
    LegHungUp as LegHungUp,
    LegJoined as LegJoined,
    LegReturned as LegReturned,
    Moving as Moving,
    SuperviseAsked as SuperviseAsked,
    SupervisionChanged as SupervisionChanged,
    SupervisionEnded as SupervisionEnded,
    TransferAsked as TransferAsked,
    TransferCancelled as TransferCancelled,
    TransferDecided as TransferDecided,
)
from controller.calls.machine.types import (
    SupervisionMode as SupervisionMode,
    Target as Target,
    TransferKind as TransferKind,
)

# ---------------------------------------------------------------- inputs: Asterisk


@dataclass(frozen=True, slots=True)
class LegEntered:
    """StasisStart of a channel that we created: it is answered (or connected, for media) and ours to move.

    `args`: what the dialplan has to say, where the channel comes from there (`Detect`).
    """

    channel: str
    args: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class LegRinging:
    channel: str


@dataclass(frozen=True, slots=True)
class PlaceKnown:
    """Of a caller who waits: 1 is next."""

    place: int


@dataclass(frozen=True, slots=True)
class RoomFound:
    """A caller who waits may have an agent now."""


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
    in_dialplan: bool = False
    """It has left our app and may go on in the dialplan (StasisEnd)."""


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
class WorkerLost:
    """The worker that carried the call is dead, or was killed because it stood still; session and media leg with it."""

    reason: str


@dataclass(frozen=True, slots=True)
class NoWorkerFound:
    """There is none that could carry the session, at the moment."""

    reason: str


@dataclass(frozen=True, slots=True)
class LastSaid:
    """What was to be said last has been played: a wrap-up, or the end of the ladder for silent callers."""

    why: str


@dataclass(frozen=True, slots=True)
class Conversed:
    """Somebody has said or pressed something: this is a conversation by now."""


@dataclass(frozen=True, slots=True)
class DigitPressed:
    """By the person, on their telephone."""

    digit: str = field(repr=False)


# ---------------------------------------------------------------- inputs: tools that the model asks for


@dataclass(frozen=True, slots=True)
class HangUpTool:
    """The model said goodbye, it was played in full, and it asks to end the call."""

    tool_call: str


@dataclass(frozen=True, slots=True)
class SendDigitsTool:
    tool_call: str
    digits: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class HoldTool:
    tool_call: str
    seconds: float


@dataclass(frozen=True, slots=True)
class VoicemailTool:
    """The model hears an answering machine."""

    tool_call: str


@dataclass(frozen=True, slots=True)
class WaitTool:
    """The model wants to say nothing."""

    tool_call: str


@dataclass(frozen=True, slots=True)
class RunTool:
    """A tool that runs outside, beside the call. Ends with `ToolDone`."""

    tool_call: str
    name: str
    arguments: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class ToolDone:
    tool_call: str
    output: str = field(repr=False)
    ok: bool
    reason: str | None = None
    """Of a request that failed: as in `request_failure`."""


# ---------------------------------------------------------------- inputs: ops, model, time, ourselves


@dataclass(frozen=True, slots=True)
class ToolRefused:
    """The model asked for what it may not have; `reason` is what it gets to read."""

    tool_call: str
    reason: str


@dataclass(frozen=True, slots=True)
class WrapUpDue:
    """The agent is to say its last words now. `why` is for the record."""

    why: str


@dataclass(frozen=True, slots=True)
class TimeUp:
    timer: str


@dataclass(frozen=True, slots=True)
class CommandFailed:
    """A command could not be carried out; the commands behind it were dropped."""

    command: Command
    reason: str
    gone: bool = False
    """True: what it acted on no longer exists, which is an answer and not an error."""
    full: bool = False
    """True: somebody was to be dialled, and the trunk has no room for one more."""
    unreachable: bool = False
    """True: Asterisk has no way to whom it was to dial, or to the worker."""


Input = (
    LegEntered
    | LegRinging
    | LegGone
    | PlaceKnown
    | RoomFound
    | SoundOver
    | AiReady
    | AiFailed
    | MediaFlowing
    | MediaLost
    | Audio
    | SessionOver
    | WorkerLost
    | NoWorkerFound
    | LastSaid
    | Conversed
    | DigitPressed
    | HangUpTool
    | SendDigitsTool
    | HoldTool
    | VoicemailTool
    | WaitTool
    | RunTool
    | ToolDone
    | Verb
    | TransferAsked
    | DecideTool
    | Moving
    | ToolRefused
    | WrapUpDue
    | TimeUp
    | CommandFailed
)

Step = Command | Internal
"""What a row of the table returns."""

Tool = (
    HangUpTool
    | SendDigitsTool
    | HoldTool
    | VoicemailTool
    | WaitTool
    | RunTool
    | TransferAsked
    | DecideTool
    | ToolRefused
)
"""What a model asks for. Each is to be answered once."""
