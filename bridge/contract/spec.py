"""What a session is made of: all that a worker needs to know to carry one call. [pure]

Part of the public interface between controller and bridge: `contract` exports all names of this module. The
configuration uses the same shapes, so what an operator writes is what a worker gets.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_serializer


class StrictModel(BaseModel):
    """What all of our typed data has in common: immutable; an unknown key is an error, and NaN too."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class ServerVad(StrictModel):
    """OpenAI's silence-based turn detection. Durations in milliseconds, threshold 0..1."""

    type: Literal["server_vad"] = "server_vad"
    threshold: float = Field(0.7, ge=0, le=1)
    prefix_padding_ms: int = Field(500, ge=0, le=5000)
    silence_duration_ms: int = Field(300, ge=0, le=10000)
    idle_timeout_ms: int | None = Field(None, ge=5000, le=30000)
    create_response: bool = True
    interrupt_response: bool = True


class SemanticVad(StrictModel):
    """OpenAI's meaning-based turn detection."""

    type: Literal["semantic_vad"]
    eagerness: Literal["low", "medium", "high", "auto"] = "auto"
    create_response: bool = True
    interrupt_response: bool = True


TurnDetection = Annotated[ServerVad | SemanticVad, Field(discriminator="type")]


class NoiseReduction(StrictModel):
    """OpenAI's input filter: near_field for handsets, far_field for speakerphones."""

    type: Literal["near_field", "far_field"]


class Transcription(StrictModel):
    """Who writes down what the caller says; without it the records hold the agent's words only."""

    model: str = "gpt-transcribe"
    language: str | None = None
    prompt: str | None = None


class Provider(StrictModel):
    """One server that speaks the Realtime protocol. `url` is the websocket's, without `?model=`."""

    name: str = "openai"
    url: str = Field("wss://api.openai.com/v1/realtime", pattern=r"^wss?://")
    api_key: SecretStr
    model: str = "gpt-realtime-2.1-mini"
    headers: dict[str, str] = Field(default_factory=dict)
    dialect: Literal["openai", "azure", "xai", "openai-beta"] = "openai"
    """Which form of the protocol it speaks: OpenAI's GA, Azure's GA, xAI's, or the old event names and flat session."""
    ping_s: float = Field(10.0, gt=0, le=60)
    """Seconds between pings, and how long one may go unanswered: a frozen server is noticed within twice that."""
    max_session_s: float | None = Field(None, gt=0, le=86400)
    """How long the server lets a connection live; None: what the dialect says. Its `expires_at` counts if sooner."""

    @field_serializer("api_key", when_used="json")
    def _reveal(self, key: SecretStr) -> str:
        """The worker needs the key itself; the link is authenticated and is the only place that writes JSON."""
        return key.get_secret_value()


class FunctionTool(StrictModel):
    """A tool the model may call. The built-in ones are run by the controller."""

    name: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")
    description: str
    parameters: dict[str, Any]
    after_speech: bool = False
    """True: `ToolCalled` is sent only when what was said has been played in full (goodbye, transfer notice)."""
    timeout_s: float = Field(20.0, gt=0, le=120)
    """After this long without an `AnswerTool` the model is told that the tool did not answer."""
    filler: str | None = None
    """What the agent says while a slow tool runs, such as "one moment, I am looking that up"; None: nothing."""


class McpServer(StrictModel):
    """A remote tool server in the GA form: OpenAI calls it by itself, we only name it."""

    server_label: str = Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")
    server_url: str = Field(pattern=r"^https?://")
    authorization: SecretStr | None = None
    headers: dict[str, str] = Field(default_factory=dict, repr=False)
    allowed_tools: tuple[str, ...]
    """No others: not all that it has."""

    @field_serializer("authorization", when_used="json")
    def _reveal(self, secret: SecretStr | None) -> str | None:
        return None if secret is None else secret.get_secret_value()


class NoInput(StrictModel):
    """The ladder for a caller who says nothing: each prompt after another `after_s` of silence, then the goodbye."""

    after_s: float = Field(8.0, ge=2, le=120)
    prompts: tuple[str, ...] = ("Are you still there?", "Hello? I can't hear you.")
    goodbye: str = "I can't hear you, so I am hanging up now. Goodbye."


class Recording(StrictModel):
    """Where a worker writes the stereo recording of this call: caller left, agent right, 24 kHz, as heard.

    `path` is a folder on the worker's machine; the file is `<call>.wav` or `<call>.ogg` in it.
    """

    path: str
    format: Literal["wav", "ogg"] = "wav"


class HistoryItem(StrictModel):
    """One turn of a conversation as it was heard, or (`tool`) a call of a tool with its answer as `text`."""

    role: Literal["user", "assistant", "system", "tool"]
    text: str = Field(repr=False)
    name: str = ""
    arguments: str = Field("", repr=False)
    """A JSON object."""


class SessionSpec(StrictModel):
    """All that a worker needs to carry one call. Text is final: templates are already filled in."""

    agent: str
    provider: Provider
    modality: Literal["audio", "text"] = "audio"
    """text: nobody is on the telephone. What the user types comes as `UserMessage`, the agent answers in text."""
    instructions: str
    voice: str = "marin"
    consent: str | None = None
    """Said before the greeting and in full; nothing is recorded before it was heard. None: nothing has to be said."""
    greeting: str | None = None
    """What the agent says first; None: the agent waits for the caller to speak."""
    turn_detection: TurnDetection = Field(default_factory=lambda: ServerVad())
    noise_reduction: NoiseReduction | None = None
    transcription: Transcription | None = None
    speed: float = Field(1.0, ge=0.25, le=1.5)
    reasoning_effort: Literal["minimal", "low", "medium", "high", "xhigh"] | None = None
    max_output_tokens: int | None = Field(None, ge=1, le=4096)
    fallbacks: tuple[Provider, ...] = ()
    """Tried in order when `provider` can't be had, at the start or in the middle of the call."""
    tools: tuple[FunctionTool, ...] = ()
    mcp: tuple[McpServer, ...] = ()
    no_input: NoInput | None = None
    recording: Recording | None = None
    digit_actions: tuple[str, ...] = ()
    """Digits that the controller acts upon: reported as `DigitPressed` and not told to the model."""
    min_speech_ms: int = Field(0, ge=0, le=2000)
    """Speech shorter than this does not interrupt the agent. 0: the server decides, at once."""
    protect_greeting: bool = False
    """True: the caller can't interrupt the greeting."""
    consultation: bool = False
    """True: the agent speaks with somebody who may take the call over, and whom the caller does not hear."""
    playout_delay_ms: int = Field(0, ge=0, le=500)
    """How long a frame takes from Asterisk to the caller (jitter buffers); subtracted from what counts as heard."""
