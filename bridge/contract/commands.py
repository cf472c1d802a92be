"""The commands of the controller to a worker. [pure]

A per-call command names its call by the call's id. What Asterisk shows on AudioSocket is another one, the media id: it
is random, made for one connection and told to the worker only (`ExpectMedia`), so it is the password of that
connection.
"""

from typing import Annotated, Literal

from pydantic import Field

from bridge.contract.load import NodeName
from bridge.contract.spec import HistoryItem, Recording, SessionSpec, StrictModel
from bridge.contract.versions import VERSION, Since


class Retention(StrictModel):
    """Recordings in this folder of the worker's machine are deleted once they are so old."""

    path: str
    keep_days: int = Field(ge=1)


class Welcome(StrictModel):
    """The worker is accepted. Sent once, first."""

    type: Literal["welcome"] = "welcome"
    version: int = VERSION
    """Of this link."""
    retention: tuple[Retention, ...] = ()
    node: Annotated[NodeName, Since(10)] = ""


class Prepare(StrictModel):
    """Open the AI session of this call now. Answered by `Ready` or `Failed`.

    A worker has one session of a call at most: if a former one is still there, it is ended, and nothing is told of the
    new one before the `Ended` of the former one. The controller waits for that `Ended` before it asks this worker again
    (it may ask another one at once), so what a worker tells of a call is always of the session asked for last.

    `history`: what was said before, where the session takes over from another worker's. Then `Greet` does not greet:
    the agent goes on.
    """

    type: Literal["prepare"] = "prepare"
    call: str
    spec: SessionSpec
    history: tuple[HistoryItem, ...] = ()


class ExpectMedia(StrictModel):
    """Asterisk is about to connect for this call and will show this media id (a UUID), within `seconds`.

    Replaces an earlier one of the call. Answered by `MediaConnected` once Asterisk has connected. The connection may be
    there before this command is.
    """

    type: Literal["expect_media"] = "expect_media"
    call: str
    media: str = Field(repr=False)
    seconds: float = Field(gt=0)


class CheckMedia(StrictModel):
    """As `ExpectMedia`, but for no call: to find out whether Asterisk reaches this worker. The connection is closed at
    once and answered by `MediaChecked` with this id."""

    type: Literal["check_media"] = "check_media"
    check: str
    media: str = Field(repr=False)
    seconds: float = Field(gt=0)


class Greet(StrictModel):
    """The media leg is in the bridge and the caller listens: hear them and speak the greeting."""

    type: Literal["greet"] = "greet"
    call: str


class AnswerTool(StrictModel):
    """The result of a `ToolCalled`. `output` is what the model reads; `ok` False is a refusal or failure.

    `respond` False: the model is not asked to say anything about it.
    """

    type: Literal["answer_tool"] = "answer_tool"
    call: str
    tool_call: str
    output: str
    ok: bool = True
    respond: bool = True


class Speak(StrictModel):
    """Let the agent say something now: `text` word for word if `exact`, else as an instruction to it."""

    type: Literal["speak"] = "speak"
    call: str
    text: str
    exact: bool = True


class WrapUp(StrictModel):
    """Say this and then end: answered by `WrapUpDone` once it has been played, whatever the caller says meanwhile.

    `after_silence`: say it once the other side, a machine with its announcement, has been silent for a while.
    """

    type: Literal["wrap_up"] = "wrap_up"
    call: str
    text: str
    why: str
    after_silence: bool = False


class Hold(StrictModel):
    """`on`: the agent neither hears nor speaks (the caller is on hold or elsewhere); off: it goes on.

    `note` is told to the model when it goes on, such as how a transfer failed.
    """

    type: Literal["hold"] = "hold"
    call: str
    on: bool
    note: str | None = None


class AddMessage(StrictModel):
    """Tell the model something about the call, as a system message. `respond`: it is asked to react to it."""

    type: Literal["add_message"] = "add_message"
    call: str
    text: str
    respond: bool = False


class UserMessage(StrictModel):
    """What the user of a text session has typed: the agent answers it. Followed by `TurnCompleted`."""

    type: Literal["user_message"] = "user_message"
    call: str
    text: str = Field(repr=False)


class Mute(StrictModel):
    """Who is not heard from now on: `caller` by the agent (keys included), `agent` by the caller."""

    type: Literal["mute"] = "mute"
    call: str
    caller: bool
    agent: bool


class SwitchAgent(StrictModel):
    """Go on as this agent. What is being said is said to its end. `again`: it was sent before, and may have been
    lost; where an agent of that name with these instructions speaks, nothing changes.

    Instructions, tools and how the agent listens change at once; another voice, model, speed or provider comes with
    a new connection that is told the conversation, at the next moment when nobody speaks.
    """

    type: Literal["switch_agent"] = "switch_agent"
    call: str
    spec: SessionSpec
    again: bool = False


class Rejoined(StrictModel):
    """The caller's leg joins its bridge anew: a key that is down is told now, and again when it ends."""

    type: Literal["rejoined"] = "rejoined"
    call: str


class Record(StrictModel):
    """Begin a recording (as `recording` says), pause it (silence in the file), go on, or complete it (`Recorded`).

    `tell` changes nothing, nor does what makes no sense at the moment. Answered by `RecordingState`.
    """

    type: Literal["record"] = "record"
    call: str
    action: Literal["start", "pause", "resume", "stop", "tell"]
    recording: Recording | None = None


class Close(StrictModel):
    """End the session: the AI connection and the media leg. Answered by `Ended`. Unknown calls are ignored."""

    type: Literal["close"] = "close"
    call: str
    reason: str


class Drain(StrictModel):
    """Take no new call and end with the last one, or after `seconds`: what is left then is closed (`Ended`)."""

    type: Literal["drain"] = "drain"
    seconds: float


class WatchLive(StrictModel):
    """Somebody watches the live calls: send a `LiveReport` with each heartbeat for so many seconds."""

    type: Literal["watch_live"] = "watch_live"
    seconds: float


AgentCommand = Speak | WrapUp | Hold | AddMessage | UserMessage | Mute | SwitchAgent | Rejoined
"""Commands to the agent of a call."""

ToCall = Prepare | ExpectMedia | Greet | AnswerTool | AgentCommand | Record | Close

Command = Welcome | ToCall | CheckMedia | Drain | WatchLive
