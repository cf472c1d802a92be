"""What can happen to a call, and (from `commands`) what can be done about it. [pure]

Inputs come from five sides (Asterisk, the worker, ops over HTTP, the model's tools, deadlines) and enter the same
ordered queue of their call.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bridge.contract import Counters
from controller.call.commands import WARNING_TONE as WARNING_TONE
from controller.call.commands import Answer as Answer
from controller.call.commands import AnswerAiTool as AnswerAiTool
from controller.call.commands import CloseAi as CloseAi
from controller.call.commands import Command as Command
from controller.call.commands import ConfirmJoin as ConfirmJoin
from controller.call.commands import CreateBridge as CreateBridge
from controller.call.commands import DestroyBridge as DestroyBridge
from controller.call.commands import Detect as Detect
from controller.call.commands import Dial as Dial
from controller.call.commands import ExcludeWorker as ExcludeWorker
from controller.call.commands import GreetCaller as GreetCaller
from controller.call.commands import HangUp as HangUp
from controller.call.commands import Ids as Ids
from controller.call.commands import Join as Join
from controller.call.commands import LeaveAi as LeaveAi
from controller.call.commands import OpenMedia as OpenMedia
from controller.call.commands import OrderAi as OrderAi
from controller.call.commands import PauseAi as PauseAi
from controller.call.commands import Play as Play
from controller.call.commands import PrepareAi as PrepareAi
from controller.call.commands import Refer as Refer
from controller.call.commands import ResumeAi as ResumeAi
from controller.call.commands import Ring as Ring
from controller.call.commands import SayLast as SayLast
from controller.call.commands import SendAway as SendAway
from controller.call.commands import SendDigits as SendDigits
from controller.call.commands import SetVariables as SetVariables
from controller.call.commands import Snoop as Snoop
from controller.call.commands import StartMusic as StartMusic
from controller.call.commands import StartTimer as StartTimer
from controller.call.commands import StartTone as StartTone
from controller.call.commands import StartTool as StartTool
from controller.call.commands import StopMusic as StopMusic
from controller.call.commands import StopTimer as StopTimer
from controller.call.commands import StopTone as StopTone
from controller.call.commands import Target as Target
from controller.call.commands import TransferKind as TransferKind
from controller.call.commands import made as made
from controller.call.messages_audio import Audio as Audio
from controller.call.messages_audio import CallerAudio as CallerAudio
from controller.call.messages_audio import CountRtp as CountRtp
from controller.call.messages_audio import Rejoin as Rejoin
from controller.call.messages_audio import RestoreBridge as RestoreBridge
from controller.call.messages_audio import RtpCounted as RtpCounted
from controller.call.messages_audio import SipHold as SipHold
from controller.call.messages_transfer import DecideTool as DecideTool
from controller.call.messages_transfer import LegHungUp as LegHungUp
from controller.call.messages_transfer import LegJoined as LegJoined
from controller.call.messages_transfer import LegReturned as LegReturned
from controller.call.messages_transfer import Moving as Moving
from controller.call.messages_transfer import SuperviseAsked as SuperviseAsked
from controller.call.messages_transfer import SupervisionChanged as SupervisionChanged
from controller.call.messages_transfer import SupervisionEnded as SupervisionEnded
from controller.call.messages_transfer import SupervisionMode as SupervisionMode
from controller.call.messages_transfer import TransferAsked as TransferAsked
from controller.call.messages_transfer import TransferCancelled as TransferCancelled
from controller.call.messages_transfer import TransferDecided as TransferDecided
from controller.call.messages_verbs import DigitsAsked as DigitsAsked
from controller.call.messages_verbs import HangUpAsked as HangUpAsked
from controller.call.messages_verbs import HoldAsked as HoldAsked
from controller.call.messages_verbs import MuteAsked as MuteAsked
from controller.call.messages_verbs import ParticipantAsked as ParticipantAsked
from controller.call.messages_verbs import ParticipantDropped as ParticipantDropped
from controller.call.messages_verbs import RecordAction as RecordAction
from controller.call.messages_verbs import RecordAsked as RecordAsked
from controller.call.messages_verbs import RecordingTold as RecordingTold
from controller.call.messages_verbs import ResumeAsked as ResumeAsked
from controller.call.messages_verbs import SayAsked as SayAsked
from controller.call.messages_verbs import Side as Side
from controller.call.messages_verbs import SwitchAsked as SwitchAsked
from controller.call.messages_verbs import Verb as Verb

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
