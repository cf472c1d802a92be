"""The commands of the controller to a worker, and the JSON of both directions of the control link. [pure]

A worker dials the controller and says `Hello`; after
`Welcome` the controller sends commands and the worker sends events, one JSON object per websocket text frame.
Every per-call message names its call by the call's id. What Asterisk shows on AudioSocket is another one, the media id.
A media id is random, made for one connection and told to the worker only (`ExpectMedia`): it is the password of that
connection.

An event of a call is sent as `[number, event]`. The numbers rise for as long as the worker lives, so that an event that
is sent twice, around a link that breaks, is recognised.

Unknown types, unknown fields and another `VERSION` are refused. A frame that can't be read is logged, counted and
dropped; `head_of` tells which call it was about.
"""

from typing import Annotated, Literal

from pydantic import Field, PositiveInt, TypeAdapter

from bridge.contract.codec import (
    MAX_COMMAND_BYTES as MAX_COMMAND_BYTES,
    MAX_EVENT_BYTES as MAX_EVENT_BYTES,
    NEEDED as NEEDED,
    Head as Head,
    Unsendable as Unsendable,
    frame_of,
    head_of as head_of,
    without_nul,
)
from bridge.contract.events import (
    NOT_TRANSCRIBED as NOT_TRANSCRIBED,
    VERSION as VERSION,
    WORKER_NAME as WORKER_NAME,
    AiWarning as AiWarning,
    AiWarningKind as AiWarningKind,
    BargedIn as BargedIn,
    CallerAudio as CallerAudio,
    CallEvent as CallEvent,
    ConnectionStep as ConnectionStep,
    Counters as Counters,
    DigitPressed as DigitPressed,
    Ended as Ended,
    Event as Event,
    Failed as Failed,
    Heartbeat as Heartbeat,
    Hello as Hello,
    LiveReport as LiveReport,
    LiveStatus as LiveStatus,
    Load as Load,
    MediaChecked as MediaChecked,
    MediaConnected as MediaConnected,
    MediaFormat as MediaFormat,
    MediaGone as MediaGone,
    Ready as Ready,
    Reconnected as Reconnected,
    Recorded as Recorded,
    RecordingState as RecordingState,
    Said as Said,
    ToolCalled as ToolCalled,
    TurnMeasured as TurnMeasured,
    Used as Used,
    WrapUpDone as WrapUpDone,
)
from bridge.contract.spec import (
    FunctionTool as FunctionTool,
    HistoryItem as HistoryItem,
    McpServer as McpServer,
    NoInput as NoInput,
    NoiseReduction as NoiseReduction,
    Provider as Provider,
    Recording as Recording,
    SemanticVad as SemanticVad,
    ServerVad as ServerVad,
    SessionSpec as SessionSpec,
    StrictModel as StrictModel,
    Transcription as Transcription,
    TurnDetection as TurnDetection,
)

LINK_PATH = "/link"
"""Where the controller's HTTP server accepts workers (a websocket, bearer token required)."""

TOKEN_ENV = "VOICEAI_BRIDGE_TOKEN"
"""The environment variable in which a worker finds the link's bearer token."""


# ---------------------------------------------------------------- controller -> worker


class Retention(StrictModel):
    """Recordings in this folder of the worker's machine are deleted once they are so old."""

    path: str
    keep_days: int = Field(ge=1)


class Welcome(StrictModel):
    """The worker is accepted. Sent once, first."""

    type: Literal["welcome"] = "welcome"
    version: int = VERSION
    retention: tuple[Retention, ...] = ()


class Prepare(StrictModel):
    """Open the AI session of this call now. Answered by `Ready` or `Failed`.

    `history`: what was said before, where the session takes over from another worker's. Then `Greet` does not greet:
    the agent goes on.
    """

    type: Literal["prepare"] = "prepare"
    call: str
    spec: SessionSpec
    history: tuple[HistoryItem, ...] = ()


class ExpectMedia(StrictModel):
    """Asterisk is about to connect for this call and will show this media id (a UUID), within so many seconds.

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


AgentCommand = Speak | WrapUp | Hold | AddMessage | Mute | SwitchAgent | Rejoined
"""Commands to the agent of a call."""

ToCall = Prepare | ExpectMedia | Greet | AnswerTool | AgentCommand | Record | Close

Command = Welcome | ToCall | CheckMedia | Drain | WatchLive

_commands: TypeAdapter[Command] = TypeAdapter(Annotated[Command, Field(discriminator="type")])
_events: TypeAdapter[Event] = TypeAdapter(Event)
_told: TypeAdapter[Event | tuple[PositiveInt, CallEvent]] = TypeAdapter(
    Event | tuple[PositiveInt, Annotated[CallEvent, Field(discriminator="type")]]
)


def encode(message: StrictModel) -> str:
    """One websocket text frame, whatever texts are in the message. Raises Unsendable where it is too large or too
    deep for the other side."""
    return frame_of(message, MAX_COMMAND_BYTES if isinstance(message, Command) else MAX_EVENT_BYTES)


def encode_numbered(number: int, event: CallEvent) -> str:
    """The same for an event of a call."""
    return frame_of(event, MAX_EVENT_BYTES, number=number)


def decode_command(frame: str | bytes) -> Command:
    """Raises pydantic.ValidationError for anything that is not exactly one command."""
    return _commands.validate_json(without_nul(frame))


def decode_numbered(frame: str | bytes) -> tuple[int, Event]:
    """Number 0: it has none. Raises pydantic.ValidationError for anything that is not exactly one event."""
    told = _told.validate_json(without_nul(frame))
    return told if isinstance(told, tuple) else (0, told)


def decode_event(frame: str | bytes) -> Event:
    """Raises pydantic.ValidationError for anything that is not exactly one event."""
    return _events.validate_json(without_nul(frame))
