"""The door between controller and bridge: what is said over the control link, and nothing else. [pure]

Owns the message shapes and their JSON, both ways. A worker dials the controller and says `Hello`; after
`Welcome` the controller sends commands and the worker sends events, one JSON object per websocket text frame.
Every per-call message names its call by the UUID that is also the AudioSocket UUID.

Refuses unknown types, unknown fields and another `VERSION`: two halves that disagree must not guess.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, TypeAdapter, field_serializer

VERSION = 1
"""Of the link. A worker and a controller with different versions refuse each other at `Hello`."""

LINK_PATH = "/link"
"""Where the controller's HTTP server accepts workers (a websocket, bearer token required)."""

TOKEN_ENV = "VOICEAI_BRIDGE_TOKEN"
"""The environment variable in which a worker finds the link's bearer token."""


class Shape(BaseModel):
    """What all of our typed data has in common: immutable, and an unknown key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


# ---------------------------------------------------------------- what a session is made of


class ServerVad(Shape):
    """OpenAI's silence-based turn detection. Durations in milliseconds, threshold 0..1."""

    type: Literal["server_vad"] = "server_vad"
    threshold: float = Field(0.7, ge=0, le=1)
    prefix_padding_ms: int = Field(500, ge=0, le=5000)
    silence_duration_ms: int = Field(300, ge=0, le=10000)
    idle_timeout_ms: int | None = Field(None, ge=5000, le=30000)
    create_response: bool = True
    interrupt_response: bool = True


class SemanticVad(Shape):
    """OpenAI's meaning-based turn detection."""

    type: Literal["semantic_vad"]
    eagerness: Literal["low", "medium", "high", "auto"] = "auto"
    create_response: bool = True
    interrupt_response: bool = True


TurnDetection = Annotated[ServerVad | SemanticVad, Field(discriminator="type")]


class NoiseReduction(Shape):
    """OpenAI's input filter: near_field for handsets, far_field for speakerphones."""

    type: Literal["near_field", "far_field"]


class Transcription(Shape):
    """Who writes down what the caller says; without it the records hold the agent's words only."""

    model: str = "gpt-transcribe"
    language: str | None = None
    prompt: str | None = None


class Provider(Shape):
    """One server that speaks the Realtime protocol. `url` is the websocket's, without `?model=`."""

    name: str = "openai"
    url: str = Field("wss://api.openai.com/v1/realtime", pattern=r"^wss?://")
    api_key: SecretStr
    model: str = "gpt-realtime-2.1-mini"
    headers: dict[str, str] = Field(default_factory=dict)

    @field_serializer("api_key", when_used="json")
    def _reveal(self, key: SecretStr) -> str:
        """The worker needs the key itself; the link is authenticated and is the only place that writes JSON."""
        return key.get_secret_value()


class FunctionTool(Shape):
    """A tool the model may call. The built-in ones are run by the controller."""

    name: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")
    description: str
    parameters: dict[str, Any]
    after_speech: bool = False
    """True: `ToolCalled` is sent only when what was said has been played in full (goodbye, transfer notice)."""


class SessionSpec(Shape):
    """All that a worker needs to carry one call. Text is final: templates are already filled in."""

    agent: str
    provider: Provider
    instructions: str
    voice: str = "marin"
    greeting: str | None = None
    """What the agent says first; None: the agent waits for the caller to speak."""
    turn_detection: TurnDetection = Field(default_factory=lambda: ServerVad())
    noise_reduction: NoiseReduction | None = None
    transcription: Transcription | None = None
    speed: float = Field(1.0, ge=0.25, le=1.5)
    reasoning_effort: Literal["minimal", "low", "medium", "high", "xhigh"] | None = None
    max_output_tokens: int | None = Field(None, ge=1, le=4096)
    tools: tuple[FunctionTool, ...] = ()
    protect_greeting: bool = False
    """True: the caller can't interrupt the greeting."""
    playout_delay_ms: int = Field(0, ge=0, le=500)
    """What the far end still holds when a frame was handed to Asterisk; subtracted from what counts as heard."""


# ---------------------------------------------------------------- controller -> worker


class Welcome(Shape):
    """The worker is accepted. Sent once, first."""

    type: Literal["welcome"] = "welcome"
    version: int = VERSION


class Prepare(Shape):
    """Expect this UUID on AudioSocket and open the AI session now. Answered by `Ready` or `Failed`."""

    type: Literal["prepare"] = "prepare"
    call: str
    spec: SessionSpec


class Greet(Shape):
    """The media leg is in the bridge and the caller listens: speak the greeting, open the ears."""

    type: Literal["greet"] = "greet"
    call: str


class AnswerTool(Shape):
    """The result of a `ToolCalled`. `output` is what the model reads; `ok` False is a refusal or failure.

    `respond` False: the model is not asked to say anything about it.
    """

    type: Literal["answer_tool"] = "answer_tool"
    call: str
    tool_call: str
    output: str
    ok: bool = True
    respond: bool = True


class Close(Shape):
    """End the session: the AI connection and the media leg. Answered by `Ended`. Unknown calls are ignored."""

    type: Literal["close"] = "close"
    call: str
    reason: str


Command = Annotated[Welcome | Prepare | Greet | AnswerTool | Close, Field(discriminator="type")]


# ---------------------------------------------------------------- worker -> controller


class Load(Shape):
    """How a worker is doing. Lateness is that of the 20 ms tick over the last beat interval."""

    sessions: int = 0
    legs: int = 0
    lateness_p99_ms: float = 0.0
    lateness_max_ms: float = 0.0


class Hello(Shape):
    """A worker introduces itself: where Asterisk should connect to, how many calls it can carry, which it has."""

    type: Literal["hello"] = "hello"
    version: int = VERSION
    worker: str
    pid: int
    host: str
    port: int
    capacity: int
    calls: tuple[str, ...] = ()


class Beat(Shape):
    """Sent twice a second. A worker whose beats stop for 1.5 s is dead: its supervisor kills it."""

    type: Literal["beat"] = "beat"
    load: Load


class Ready(Shape):
    """The AI session is configured: the call may be answered."""

    type: Literal["ready"] = "ready"
    call: str
    model: str
    session: str
    took_ms: int


class Failed(Shape):
    """There is no AI session for this call, and there will be none.

    `kind`: `config` and `account` will fail again for the next call too; `transient` may not.
    """

    type: Literal["failed"] = "failed"
    call: str
    kind: Literal["config", "account", "transient"]
    message: str


class MediaConnected(Shape):
    """Asterisk connected, its UUID was expected, silence is flowing: the leg may join the bridge."""

    type: Literal["media_connected"] = "media_connected"
    call: str


class MediaFormat(Shape):
    """The first audio frame has come: which rate, how many payload bytes (24000 Hz and 960 are right)."""

    type: Literal["media_format"] = "media_format"
    call: str
    rate: int
    frame_bytes: int


class MediaGone(Shape):
    """The AudioSocket connection of this call is over, whoever ended it."""

    type: Literal["media_gone"] = "media_gone"
    call: str
    reason: str


class Said(Shape):
    """One finished utterance. `text` is personal. For an interrupted agent it is cut at what was heard."""

    type: Literal["said"] = "said"
    call: str
    who: Literal["caller", "agent"]
    text: str
    item: str
    interrupted: bool = False
    heard_ms: int | None = None


class TurnMeasured(Shape):
    """Latencies of one turn in milliseconds, from the moment the server said that the caller stopped."""

    type: Literal["turn_measured"] = "turn_measured"
    call: str
    turn: int
    first_delta_ms: float | None
    first_frame_ms: float | None


class BargedIn(Shape):
    """The caller interrupted. `cut_ms`: from `speech_started` to silence; `heard_ms`: of the item cut off."""

    type: Literal["barged_in"] = "barged_in"
    call: str
    item: str | None
    heard_ms: int
    cut_ms: float


class DigitPressed(Shape):
    """A DTMF digit from AudioSocket 0x03."""

    type: Literal["digit"] = "digit"
    call: str
    digit: str


class ToolCalled(Shape):
    """The model asks for a built-in tool. Answer with `AnswerTool`, always. `arguments` is a JSON object."""

    type: Literal["tool_called"] = "tool_called"
    call: str
    tool_call: str
    name: str
    arguments: dict[str, Any]


class Counters(Shape):
    """What one session did, told once at its end."""

    frames_in: int = 0
    frames_out: int = 0
    late_frames: int = 0
    dropped_frames: int = 0
    barge_ins: int = 0
    turns: int = 0
    reconnects: int = 0
    benign_errors: int = 0
    usage: dict[str, int] = Field(default_factory=dict)


class Ended(Shape):
    """The session is over and holds nothing any more. The last event of a call."""

    type: Literal["ended"] = "ended"
    call: str
    reason: str
    counters: Counters = Field(default_factory=Counters)


CallEvent = (
    Ready
    | Failed
    | MediaConnected
    | MediaFormat
    | MediaGone
    | Said
    | TurnMeasured
    | BargedIn
    | DigitPressed
    | ToolCalled
    | Ended
)
"""Everything that concerns one call, in the order in which it happened."""

Event = Annotated[Hello | Beat | CallEvent, Field(discriminator="type")]

_commands: TypeAdapter[Command] = TypeAdapter(Command)
_events: TypeAdapter[Event] = TypeAdapter(Event)


def encode(message: Shape) -> str:
    """One websocket text frame."""
    return message.model_dump_json()


def decode_command(frame: str | bytes) -> Command:
    """Raises pydantic.ValidationError for anything that is not exactly one command."""
    return _commands.validate_json(frame)


def decode_event(frame: str | bytes) -> Event:
    """Raises pydantic.ValidationError for anything that is not exactly one event."""
    return _events.validate_json(frame)
