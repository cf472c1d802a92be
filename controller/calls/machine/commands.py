"""What the table wants done about a call. [pure]

Commands leave `table` and are carried out by `runtime.actor`, in order. `channel`, `bridge` and `playback` are ids on
Asterisk (`ids`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bridge.contract import AgentCommand, Greet, Record, SessionSpec
from controller.calls.machine.types import Target

# ---------------------------------------------------------------- commands: Asterisk


@dataclass(frozen=True, slots=True)
class Ring:
    """The caller hears ringing (SIP 180)."""

    channel: str


@dataclass(frozen=True, slots=True)
class Answer:
    channel: str


@dataclass(frozen=True, slots=True)
class SetVariables:
    """Channel variables, in this order."""

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
    """These channels join the bridge."""

    bridge: str
    channels: tuple[str, ...]
    instead: str | None = None
    """A channel that leaves the bridge for them, and is back in it if this fails."""


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
    """The last command, behind a `Join`: the call gets `LegJoined` at once, before anything that is queued."""

    channel: str


@dataclass(frozen=True, slots=True)
class OpenMedia:
    """Originate the AudioSocket channel towards the worker that holds the session."""

    channel: str


@dataclass(frozen=True, slots=True)
class ExcludeWorker:
    """Asterisk did not reach the worker of this call: another one is asked from now on."""

    reason: str


@dataclass(frozen=True, slots=True)
class Dial:
    """Call somebody; the new channel gets this id. Ends with `LegEntered`, or `LegGone` with the cause."""

    channel: str
    target: Target
    variables: Mapping[str, str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Detect:
    """Send the channel to a place in the dialplan where `AMD()` listens. It comes back as `LegEntered`."""

    channel: str
    context: str
    extension: str


@dataclass(frozen=True, slots=True)
class Refer:
    """Send the person's leg to the dialplan, which asks its far end to call somebody else. Ends with `LegReturned`."""

    channel: str
    to: str = field(repr=False)
    leg: str = ""
    """The id under which it counts as a leg over `trunk`, until the far end has told the result."""
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
"""An ARI media URI: two soft notes every two seconds, for a caller who waits until the agent is back."""
WARNING_TONE = "tone:!1400/250,!0/150,!1400/250"
"""For a call that ends in half a minute. Plays once."""


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
    """The channel goes on in the dialplan, and is ours no longer (ARI `continue`)."""

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
    """The agent hears the caller from now on, and says its greeting."""


@dataclass(frozen=True, slots=True)
class AnswerAiTool:
    """What the model gets to read. `respond`: it goes on talking at once."""

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
    """A command that is passed to the worker unchanged. Nothing answers it."""

    order: AgentCommand | Record | Greet = field(repr=False)


@dataclass(frozen=True, slots=True)
class SayLast:
    """The agent's last words. Ends with `LastSaid`. `after_silence`: it waits until the other side has finished."""

    text: str
    why: str
    after_silence: bool = False


@dataclass(frozen=True, slots=True)
class CloseAi:
    """End the session. Ends with `SessionOver`."""

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
    """Ends with `TimeUp`. A timer of this name that runs is set anew."""

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
    """The id of the channel or bridge that it makes."""
    match command:
        case CreateBridge(bridge):
            return bridge
        case Snoop(snoop=snoop):
            return snoop
    return command.channel
