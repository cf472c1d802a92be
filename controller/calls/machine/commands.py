"""What can be done about a call. [pure]

Commands leave `table.py` and are carried out by `actor.py`, in order. Channels are named by their Asterisk channel id
throughout.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bridge.contract import Greet, Order, Record, SessionSpec
from controller.calls.machine.types import Target

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
    instead: str | None = None
    """Who leaves that bridge for it, and is back in it if this fails."""


@dataclass(frozen=True, slots=True)
class CountRtp:
    """Ask Asterisk what it has received of this leg. Ends with `RtpCounted`."""

    channel: str


@dataclass(frozen=True, slots=True)
class Rejoin:
    """A leg that is in this bridge joins it anew."""

    bridge: str
    channel: str


@dataclass(frozen=True, slots=True)
class RestoreBridge:
    """Of these legs, those that are not in this bridge join it. One that is gone is left out: its end is told."""

    bridge: str
    channels: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ConfirmJoin:
    """The last, behind a `Join`: once that is done the call gets `LegJoined`, before anything that is queued."""

    channel: str


@dataclass(frozen=True, slots=True)
class OpenMedia:
    """Originate the AudioSocket channel towards the worker that holds the session."""

    channel: str


@dataclass(frozen=True, slots=True)
class ExcludeWorker:
    """Asterisk did not reach the worker of this call, which is to get another one."""

    reason: str


@dataclass(frozen=True, slots=True)
class Dial:
    channel: str
    target: Target
    variables: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Detect:
    """Send the channel into the dialplan, where Asterisk listens who has answered. It comes back as `LegEntered`."""

    channel: str
    context: str
    extension: str


@dataclass(frozen=True, slots=True)
class Refer:
    """Send the person's leg to the dialplan, which asks its far end to call somebody else. Ends with `LegReturned`."""

    channel: str
    to: str = field(repr=False)
    leg: str = ""
    """Under which name it counts as a leg over `trunk`, until the far end has said what became of it."""
    trunk: str | None = None


@dataclass(frozen=True, slots=True)
class Snoop:
    """A channel that hears all that `channel` hears and says, and speaks to it alone (`whisper`) or not at all."""

    channel: str
    snoop: str
    whisper: bool


@dataclass(frozen=True, slots=True)
class Play:
    """A sound for one channel, whether it is in a bridge or not. Ends with `SoundOver`."""

    channel: str
    playback: str
    media: tuple[str, ...]


TONE = "tone:523/160,0/40,659/160,0/1640"
"""For whoever waits until the agent is back: two soft notes every two seconds, in Asterisk's own words."""
WARNING_TONE = "tone:!1400/250,!0/150,!1400/250"
"""For whoever has half a minute left. Ends by itself."""


@dataclass(frozen=True, slots=True)
class StartTone:
    """Soft tones for one channel, until `StopTone`: what comes from its bridge is not heard meanwhile."""

    channel: str
    playback: str
    tone: str = TONE


@dataclass(frozen=True, slots=True)
class StopTone:
    playback: str


@dataclass(frozen=True, slots=True)
class SendAway:
    """The dialplan goes on there, and the channel is ours no longer."""

    channel: str
    context: str
    extension: str


@dataclass(frozen=True, slots=True)
class StartMusic:
    """Music on hold for one channel: what comes from its bridge is not heard meanwhile."""

    channel: str


@dataclass(frozen=True, slots=True)
class StopMusic:
    channel: str


@dataclass(frozen=True, slots=True)
class SendDigits:
    """DTMF to the person's telephone or machine."""

    channel: str
    digits: str = field(repr=False)
    tool_call: str | None = None


@dataclass(frozen=True, slots=True)
class HangUp:
    """`sip_reason` matters for a caller who was not answered yet: an ARI hang-up reason such as `congestion`."""

    channel: str
    sip_reason: str = "normal"


# ---------------------------------------------------------------- commands: the worker, time, the outside


@dataclass(frozen=True, slots=True)
class PrepareAi:
    """Pick a worker and let it open the AI session. `resumed`: it is told what was said, and goes on."""

    spec: SessionSpec
    resumed: bool = False


@dataclass(frozen=True, slots=True)
class GreetCaller:
    pass


@dataclass(frozen=True, slots=True)
class AnswerAiTool:
    tool_call: str
    output: str
    ok: bool
    respond: bool = True
    reason: str | None = None
    """As in `ToolDone`."""


@dataclass(frozen=True, slots=True)
class PauseAi:
    """The agent neither hears nor speaks."""


@dataclass(frozen=True, slots=True)
class ResumeAi:
    """`note` is told to the model."""

    note: str | None = None


@dataclass(frozen=True, slots=True)
class OrderAi:
    """What the worker is told as it is, and does not answer."""

    order: Order | Record | Greet = field(repr=False)


@dataclass(frozen=True, slots=True)
class SayLast:
    """Say this and then nothing more. Ends with `LastSaid`. `after_silence`: once the other side has finished."""

    text: str
    why: str
    after_silence: bool = False


@dataclass(frozen=True, slots=True)
class CloseAi:
    reason: str


@dataclass(frozen=True, slots=True)
class LeaveAi:
    """End the session at a worker that may be gone already. Ends with `SessionOver`, at once if nobody can tell it."""

    reason: str


@dataclass(frozen=True, slots=True)
class StartTool:
    """Run a tool beside the call. Ends with `ToolDone`."""

    tool_call: str
    name: str
    arguments: Mapping[str, Any] = field(repr=False)


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
    | CountRtp
    | Rejoin
    | RestoreBridge
    | ConfirmJoin
    | OpenMedia
    | ExcludeWorker
    | Dial
    | Detect
    | Refer
    | Snoop
    | Play
    | StartTone
    | StopTone
    | SendAway
    | StartMusic
    | StopMusic
    | SendDigits
    | HangUp
    | PrepareAi
    | GreetCaller
    | AnswerAiTool
    | PauseAi
    | ResumeAi
    | OrderAi
    | SayLast
    | CloseAi
    | LeaveAi
    | StartTool
    | StartTimer
    | StopTimer
)

Making = CreateBridge | Dial | OpenMedia | Snoop
"""What makes a channel or a bridge."""


def made(command: Making) -> str:
    """The id of the channel or bridge that comes of it."""
    match command:
        case CreateBridge(bridge):
            return bridge
        case Snoop(snoop=snoop):
            return snoop
        case Dial(channel) | OpenMedia(channel):
            return channel
