"""config.yaml's `agents` and what they use: providers, tools over HTTP, remote tool servers, recordings. [pure]

The rules between these keys are in `checks/references`.
"""

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, SecretStr, field_validator, model_validator

from bridge.contract import NoInput, NoiseReduction, Provider, ServerVad, Transcription, TurnDetection
from controller.config.models.agent_tests import AgentTest
from controller.config.values import (
    ActionWord,
    Digit,
    HeaderValues,
    Host,
    HttpUrl,
    McpToolName,
    Name,
    OptionalSecret,
    PhoneText,
    RealtimeUrl,
    Secret,
    Section,
    SomeText,
    SoundName,
    TemplateText,
    ToolName,
    TransferKind,
    UrlTemplate,
    wrong,
)

BUILT_IN_TOOLS = ("transfer", "hang_up", "send_dtmf", "hold", "wait_for_user", "voicemail")


class AiProvider(Provider):
    """A server for the Realtime API: OpenAI, or a compatible one."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    url: RealtimeUrl = "wss://api.openai.com/v1/realtime"
    """The websocket URL, without `?model=`."""
    api_key: Secret
    """The API key."""
    model: SomeText = "gpt-realtime-2.1-mini"
    """The model, or at Azure the deployment."""
    headers: HeaderValues = Field(default_factory=dict, repr=False)
    """Further headers of the websocket handshake. They are treated as secrets."""
    ping_s: float = Field(10.0, ge=1, le=60)
    """Seconds between pings, and the time limit for their answers. A frozen server is detected within twice this
    time."""
    max_session_s: float | None = Field(None, ge=10, le=86400)
    """The longest time in seconds that the server keeps a connection open. null: 3600, or 1800 for `xai` and
    `openai-beta`. The server's own `expires_at` applies if it is earlier."""


class Action(Section):
    """What to do with a call: `{transfer: destination}`, or the word `hang_up`."""

    transfer: PhoneText | None = None
    """The destination, as in POST /v1/calls/{id}/transfer: a number, `extension@context`, or a name from
    `transfer.targets`."""
    hang_up: Literal[True] | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> "Action":
        if sum(value is not None for value in dict(self).values()) != 1:
            raise wrong("must say exactly one thing: " + ", ".join(type(self).model_fields))
        return self


class FailureStep(Action):
    """A step for a caller when the AI has failed: `{say: sound}`, `{transfer: destination}`, or the word `hang_up`."""

    say: SoundName | None = None
    """A sound file of Asterisk, such as `voiceai/sorry`."""


DigitAction = Annotated[Action, ActionWord(Action, "hang_up")]
Step = Annotated[FailureStep, ActionWord(FailureStep, "hang_up")]


class Silence(NoInput):
    """What the agent says to a caller who is silent, and when it hangs up."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    after_s: float = Field(8.0, ge=2, le=120)
    """Seconds of silence before each prompt, and before the goodbye."""
    prompts: tuple[SomeText, ...] = ("Are you still there?", "Hello? I can't hear you.")
    """Prompts, in this order."""
    goodbye: SomeText = "I can't hear you, so I am hanging up now. Goodbye."
    """Said after the last prompt. Then the call ends."""


class Recordings(Section):
    path: SomeText
    """A folder on the workers' machines. Each call becomes a stereo file `<call id>.wav` or `.ogg` (left: caller,
    right: agent)."""
    format: Literal["wav", "ogg"] = "wav"
    consent: TemplateText | None = None
    """Said before the greeting, such as "This call is recorded." The recording starts after this text was heard in
    full."""
    on_request: bool = False
    """true: a recording starts only when it is requested over the API."""
    keep_days: int | None = Field(None, ge=1, le=36500)
    """Days after which a recording is deleted. null: never."""


class Voicemail(Section):
    message: SomeText
    """Said in full after the announcement of the machine. Then the call ends. `{{name}}` is replaced by the call
    variable."""


class HttpTool(Section):
    """A tool that is one HTTP request of the controller. The model chooses only the arguments."""

    description: SomeText
    """For the model: what the tool does, and when to use it."""
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    """With POST, PUT and PATCH, all arguments are sent as a JSON object."""
    url: UrlTemplate
    """`{argument}` in the path or query is replaced by the argument, percent-encoded. Not allowed in the host."""
    headers: HeaderValues = Field(default_factory=dict, repr=False)
    """They are treated as secrets."""
    parameters: dict[str, Any] = Field(default_factory=lambda: {"type": "object", "properties": {}})
    """JSON Schema (2020-12) of the arguments, with `type: object`. Arguments that do not match are not sent, and the
    model gets an error. `$ref` may only name `#/$defs/…`, without cycles. Not supported: `patternProperties`, and
    `anyOf` or similar at the top level, which OpenAI rejects."""
    timeout_s: float = Field(10.0, gt=0, le=60)
    """Seconds for the whole request."""
    allowed_hosts: tuple[Host, ...] = ()
    """Hosts that may have private addresses. If the list is not empty, the URL's host must be in it."""
    filler: SomeText | None = None
    """What the agent says while the request runs, such as: One moment, I am looking that up."""


class Mcp(Section):
    """A remote tool server (Model Context Protocol). The AI provider calls it, not voiceai, so the provider must be
    able to reach it."""

    url: HttpUrl
    authorization: OptionalSecret = None
    """A bearer token for the server."""
    headers: HeaderValues = Field(default_factory=dict, repr=False)
    """They are treated as secrets."""
    allowed_tools: tuple[McpToolName, ...] = Field(min_length=1)
    """The names of the tools that the model may call. Other tools of the server are not offered."""
    require_approval: Literal["never"]
    """Must be `never`: the model calls the tools without approval. The key is required because nobody can approve
    during a phone call."""


class Price(Section):
    """The price of a model, in US dollars per million tokens."""

    text_in: float = Field(0.0, ge=0)
    text_out: float = Field(0.0, ge=0)
    audio_in: float = Field(0.0, ge=0)
    audio_out: float = Field(0.0, ge=0)
    cached_in: float | None = Field(None, ge=0)
    """Input tokens, text or audio, that the provider had cached. null: the price of other input."""
    per_minute: float = Field(0.0, ge=0)
    """For transcription that is billed by time: US dollars per minute of audio."""


class Agent(Section):
    """An agent: a prompt, a voice and tools."""

    max_calls: int | None = Field(None, ge=1)
    """Concurrent calls of this agent."""
    calls_per_minute: int | None = Field(None, ge=1)
    """Calls of this agent that may start in one minute, inbound and outbound."""
    lookup: ToolName | None = None
    """Like `routes[].lookup`, for inbound calls by a route that has none."""
    lookup_s: float = Field(1.0, gt=0, le=5)
    """Like `routes[].lookup_s`."""
    instructions: TemplateText
    """The prompt, a template (docs/routing.md). `{{name}}` is replaced by the call variable, or by nothing."""
    voice: SomeText = "marin"
    """The voice of the model: alloy, ash, ballad, cedar, coral, echo, marin, sage, shimmer or verse at OpenAI."""
    greeting: TemplateText | None = None
    """What the agent says first. Without it, the agent waits until the caller speaks."""
    providers: tuple[Name, ...] = Field(("openai",), min_length=1)
    """`openai` and names from `providers`. If one is not available, the next one is tried, also during a call."""
    on_ai_failure: tuple[Step, ...] = ()
    """The steps for a caller when the AI is not available or fails, in this order, until a transfer succeeds. Then the
    call is hung up."""
    turn_detection: TurnDetection = Field(default_factory=lambda: ServerVad())
    min_speech_ms: int = Field(0, ge=0, le=2000)
    """Speech of the caller that is shorter than this does not interrupt the agent. 0: the server decides at once."""
    noise_reduction: NoiseReduction | None = None
    """None: off."""
    transcription: Transcription | None = Field(default_factory=lambda: Transcription())
    """Transcribes what the caller says, at a small cost. null: logs and records contain only the agent's words."""
    speed: float = Field(1.0, ge=0.25, le=1.5)
    """The speed of the speech."""
    reasoning_effort: Literal["minimal", "low", "medium", "high", "xhigh"] | None = None
    """Only for reasoning models (gpt-realtime-2 and newer); refused for others, because the server would refuse the
    session. None: the default of the model."""
    max_output_tokens: int | None = Field(None, ge=1, le=4096)
    """For each answer."""
    protect_greeting: bool = False
    """true: the caller cannot interrupt the greeting."""
    playout_delay_ms: int = Field(0, ge=0, le=500)
    """The delay of audio from Asterisk to the caller (jitter buffers). After an interruption, audio of this length
    counts as not heard."""
    tools: tuple[ToolName, ...] = ("transfer", "hang_up")
    """Built-in tools (transfer, hang_up, send_dtmf, hold, wait_for_user, voicemail) and names from `http_tools`."""
    transfer_kind: TransferKind = "blind"
    """How callers are transferred. attended: the agent talks with the target first (docs/transfers.md)."""
    mcp: tuple[ToolName, ...] = ()
    """Names from `mcp`: tool servers of this agent."""
    dtmf: dict[Digit, DigitAction] = Field(default_factory=dict)
    """What a DTMF digit of the caller does, such as `{"0": {transfer: support}, "9": hang_up}`. Other digits are sent
    to the model as text."""
    idle: Silence | None = None
    """For silent callers. null: the agent waits without limit."""
    max_call_s: float | None = Field(7200.0, ge=10, le=86400)
    """Seconds with the agent, without the time after a transfer. Then the agent says `wrap_up`, and the call ends at
    most 20 seconds later. null: no limit."""
    wrap_up: TemplateText = "I am sorry, but we have to end this call now. Thank you, and goodbye."
    """What the agent says when `max_call_s` or a spend limit is reached."""
    caller_hold_s: float | None = Field(600.0, ge=5, le=86400)
    """Seconds for which the phone of the caller or callee may keep the call on hold. The agent is paused meanwhile and
    costs nothing. Then the call ends. null: no limit."""
    voicemail: Voicemail | None = None
    """The message that the tool `voicemail` leaves on an answering machine, in outbound calls. null: none."""
    recording: Recordings | None = None
    """null: calls are not recorded."""
    tests: dict[Name, AgentTest] = Field(default_factory=dict)
    """Test conversations and their checks, for `voiceai test` (docs/testing-agents.md)."""
    answer_deadline_s: float = Field(4.0, gt=0, le=60)
    """A call is answered when the AI is ready, and at the latest after this many seconds of ringing."""

    @field_validator("on_ai_failure")
    @classmethod
    def _end_last(cls, steps: tuple[FailureStep, ...]) -> tuple[FailureStep, ...]:
        if any(step.hang_up for step in steps[:-1]):
            raise wrong("has steps behind hang_up, which are never reached")
        return steps


def star(headers: dict[str, str]) -> dict[str, str]:
    """Headers for display."""
    return dict.fromkeys(headers, str(SecretStr("x")))
