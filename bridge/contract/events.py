"""The events of a worker to the controller. [pure]"""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, StringConstraints

from bridge.contract.load import Load
from bridge.contract.spec import StrictModel
from bridge.contract.versions import VERSION, Since

WORKER_NAME = r"[A-Za-z0-9][A-Za-z0-9._:-]{0,99}"
WorkerName = Annotated[str, StringConstraints(pattern=f"^{WORKER_NAME}$")]
"""The name of a worker in logs, metrics and the API."""


class Hello(StrictModel):
    """A worker introduces itself: where Asterisk should connect to, how many calls it can carry, which it has.

    `boot`: random, one for each start of the process. A worker that comes back with another one is a new worker: name
    and process id may well be those of the one before (containers).
    """

    type: Literal["hello"] = "hello"
    version: int = VERSION
    """Of this link."""
    worker: WorkerName
    boot: Annotated[str, StringConstraints(min_length=16, max_length=64)]
    pid: int
    host: Annotated[str, StringConstraints(min_length=1, max_length=253)]
    port: int = Field(ge=1, le=65_535)
    capacity: int = Field(ge=1, le=100_000)
    calls: tuple[str, ...] = ()


class Heartbeat(StrictModel):
    """Sent twice a second. A worker whose heartbeats stop for 1.5 s is dead: its supervisor kills it."""

    type: Literal["heartbeat"] = "heartbeat"
    load: Load


class Ready(StrictModel):
    """The AI session is configured: the call may be answered."""

    type: Literal["ready"] = "ready"
    call: str
    model: str
    session: str
    took_ms: int


class Failed(StrictModel):
    """There is no AI session for this call, and there will be none.

    `kind`: `config` and `account` will fail again for the next call too; `transient` may not. `refused`: the worker has
    not tried, because it is full or ends; another one may take the call.
    """

    type: Literal["failed"] = "failed"
    call: str
    kind: Literal["config", "account", "transient"]
    message: str
    refused: Annotated[bool, Since(10)] = False


class MediaConnected(StrictModel):
    """Asterisk connected, its media id was expected, silence is flowing: the leg may join the bridge."""

    type: Literal["media_connected"] = "media_connected"
    call: str


class MediaChecked(StrictModel):
    """Asterisk connected for a `CheckMedia`: it reaches this worker. `call` is the check's id."""

    type: Literal["media_checked"] = "media_checked"
    call: str


class MediaFormat(StrictModel):
    """The first audio frame has come: which rate, how many payload bytes (24000 Hz and 960 are right)."""

    type: Literal["media_format"] = "media_format"
    call: str
    rate: int
    frame_bytes: int


class CallerAudio(StrictModel):
    """Sound of the caller has ceased to come from Asterisk (`flowing` False), or it comes again.

    That is as it should be while the caller holds the line or sends nothing; only Asterisk knows whether they do.
    """

    type: Literal["caller_audio"] = "caller_audio"
    call: str
    flowing: bool


class MediaGone(StrictModel):
    """The AudioSocket connection of this call is over, whoever ended it."""

    type: Literal["media_gone"] = "media_gone"
    call: str
    reason: str


NOT_TRANSCRIBED = "(not transcribed)"
"""The text of a turn whose words were not transcribed."""


class Said(StrictModel):
    """One finished utterance. `text` is personal. For an interrupted agent it is cut at what was heard.

    A caller's words may be reported long after they were said, and not in order: `ago_ms` is the time since then.
    """

    type: Literal["said"] = "said"
    call: str
    who: Literal["caller", "agent"]
    text: str
    item: str
    interrupted: bool = False
    heard_ms: int | None = None
    ago_ms: int = Field(0, ge=0)
    """Since it was over."""
    took_ms: Annotated[int | None, Field(ge=0), Since(10)] = None
    """From its first sound to its end; None: not known."""
    consultation: bool = False
    """It began while the agent spoke with somebody else (`SessionSpec.consultation`): "caller" is that person."""


class TurnMeasured(StrictModel):
    """Latencies of one turn in milliseconds.

    `endpointing_ms`: from the caller's last sound, as the server reports it, to its report. With server VAD that
    is the configured silence, the network and the server's own delay; with semantic VAD it begins where the server
    took the turn to end. The others begin at the moment in which we were told. None: not known, or never came.
    `item`: of what the caller said in it, as in `Said`.
    """

    type: Literal["turn_measured"] = "turn_measured"
    call: str
    turn: int
    item: str = ""
    endpointing_ms: float | None = None
    first_delta_ms: float | None
    first_frame_ms: float | None


class TurnCompleted(StrictModel):
    """Of a text session: the agent has said all that it wants to say, no tool is open, and it waits for the user.

    Answers `Greet` and each `UserMessage`.
    """

    type: Literal["turn_completed"] = "turn_completed"
    call: str


class BargedIn(StrictModel):
    """The caller interrupted. `latency_ms`: from `speech_started` to silence; `heard_ms`: of the item cut off."""

    type: Literal["barged_in"] = "barged_in"
    call: str
    item: str | None
    heard_ms: int
    latency_ms: float


class DigitPressed(StrictModel):
    """A DTMF digit from AudioSocket 0x03."""

    type: Literal["digit"] = "digit"
    call: str
    digit: str


class ToolCalled(StrictModel):
    """The model asks for a built-in tool. Answer with `AnswerTool`, always. `arguments` is a JSON object."""

    type: Literal["tool_called"] = "tool_called"
    call: str
    tool_call: str
    name: str
    arguments: dict[str, Any]


class Used(StrictModel):
    """What one response or one transcription cost in tokens (`usage` as OpenAI counts), or in seconds of audio."""

    type: Literal["used"] = "used"
    call: str
    provider: str
    model: str
    kind: Literal["response", "transcription"]
    usage: dict[str, int]
    seconds: float | None = None


class Reconnected(StrictModel):
    """The AI connection broke and is back, with the history of the conversation. `gap_ms`: from loss to ready."""

    type: Literal["reconnected"] = "reconnected"
    call: str
    provider: str
    attempts: int
    gap_ms: int
    reason: str
    planned: bool = False
    """True: a renewal before the provider's time limit."""


AiWarningKind = Literal[
    "response_incomplete",
    "response_failed",
    "response_silent",
    "rate_limited",
    "transcription_failed",
    "audio_without_transcript",
    "transcript_without_audio",
    "mcp_list_tools_failed",
    "mcp_call_failed",
    "session_differs",
    "server_error",
    "malformed_event",
]


class AiWarning(StrictModel):
    """Something went wrong at the AI's side, and the call goes on.

    `code`: the provider's short name of the reason, or the label of an MCP server; no text. `detail`: for the log.
    `times`: how many this stands for. The first ones of a kind are told one by one, the rest when the call ends.
    """

    type: Literal["ai_warning"] = "ai_warning"
    call: str
    kind: AiWarningKind
    code: str = ""
    detail: str = ""
    times: int = Field(1, ge=1)


class Recorded(StrictModel):
    """The recording of this call is complete."""

    type: Literal["recorded"] = "recorded"
    call: str
    path: str
    seconds: float


class RecordingState(StrictModel):
    """Answers each `Record`: what the recording of this call is now."""

    type: Literal["recording_state"] = "recording_state"
    call: str
    state: Literal["on", "paused", "off"]


class WrapUpDone(StrictModel):
    """What was to be said last (`WrapUp`, the goodbye of `NoInput`) has been played: hang up."""

    type: Literal["wrap_up_done"] = "wrap_up_done"
    call: str
    why: str


class Counters(StrictModel):
    """What one session did, told once at its end."""

    frames_in: int = 0
    """20 ms each, from the caller."""
    frames_out: int = 0
    """To the caller, silence too."""
    speech_frames_out: int = 0
    """Those of them with sound of the agent."""
    late_frames: int = 0
    """Of the caller, dropped because they came late."""
    dropped_frames: int = 0
    """Of the caller, not taken by the AI's connection."""
    late_frames_out: int = 0
    """To the caller, never sent: the worker stood still."""
    dropped_frames_out: int = 0
    """To the caller, not taken by Asterisk."""
    barge_ins: int = 0
    false_barge_ins: int = 0
    turns: int = 0
    reconnects: int = 0
    benign_errors: int = 0
    usage: dict[str, int] = Field(default_factory=dict)


class ConnectionStep(StrictModel):
    """Events that went over the connection to the AI: their kind, never their content."""

    at_ms: int
    """Since the session began."""
    kind: str
    """The class of `server_events`, or the `type` of what was sent."""
    sent: bool = False
    times: int = 1
    """In a row."""


class Ended(StrictModel):
    """The session is over and holds nothing any more. Its last event: each `Prepare` gets one."""

    type: Literal["ended"] = "ended"
    call: str
    reason: str
    counters: Counters = Field(default_factory=Counters)
    connection_trace: tuple[ConnectionStep, ...] = ()
    """The latest events on the connection to the AI."""


class LiveStatus(StrictModel):
    """What is heard in one call at this moment. Personal.

    Levels in dBFS: the loudest since the last report; None: not a sound. `saying`: the agent's present words, as far as
    they were heard by now.
    """

    call: str
    caller_dbfs: float | None
    agent_dbfs: float | None
    speaking: tuple[Literal["caller", "agent"], ...]
    saying: str


class LiveReport(StrictModel):
    """With each heartbeat, while somebody watches (`WatchLive`). Not kept while the link is down: the next one says it
    all."""

    type: Literal["live_report"] = "live_report"
    calls: tuple[LiveStatus, ...]


class NotUnderstood(StrictModel):
    """A command came that this worker can't read: it is of another release. Nothing was done. If its call can't do
    without it, the session is ended besides. `command`, `call`: as far as the frame said."""

    SINCE: ClassVar[int] = 10

    type: Literal["not_understood"] = "not_understood"
    command: str = Field(max_length=40)
    call: str = Field("", max_length=64)


CallEvent = (
    Ready
    | Failed
    | MediaConnected
    | MediaChecked
    | MediaFormat
    | CallerAudio
    | MediaGone
    | Said
    | TurnMeasured
    | TurnCompleted
    | BargedIn
    | DigitPressed
    | ToolCalled
    | Used
    | Reconnected
    | AiWarning
    | Recorded
    | RecordingState
    | WrapUpDone
    | Ended
)
"""Everything that concerns one call, in the order in which it happened."""

Event = Annotated[Hello | Heartbeat | LiveReport | NotUnderstood | CallEvent, Field(discriminator="type")]
