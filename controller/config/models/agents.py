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
    """A server that speaks the Realtime protocol: OpenAI, or one that does as OpenAI does."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    url: RealtimeUrl = "wss://api.openai.com/v1/realtime"
    """The websocket, without `?model=`."""
    api_key: Secret
    model: SomeText = "gpt-realtime-2.1-mini"
    headers: HeaderValues = Field(default_factory=dict, repr=False)
    """Further headers of the websocket's handshake. Counted as secret."""
    ping_s: float = Field(10.0, ge=1, le=60)
    """Seconds between pings, and how long one may go unanswered: a frozen server is noticed within twice that."""
    max_session_s: float | None = Field(None, ge=10, le=86400)
    """How long the server lets a connection live; null: what its dialect says. Its `expires_at` counts if sooner."""


class Action(Section):
    """What to do with a call: `{transfer: destination}`, or the word `hang_up`."""

    transfer: PhoneText | None = None
    """As in POST /v1/calls/{id}/transfer: a number, an extension@context, or a name from `transfer.targets`."""
    hang_up: Literal[True] | None = None

    @model_validator(mode="after")
    def _exactly_one(self) -> "Action":
        if sum(value is not None for value in dict(self).values()) != 1:
            raise wrong("must say exactly one thing: " + ", ".join(type(self).model_fields))
        return self


class FailureStep(Action):
    """What to try for a caller without AI: `{say: sound}`, `{transfer: destination}`, or the word `hang_up`."""

    say: SoundName | None = None
    """A sound that Asterisk has, such as `voiceai/sorry`."""


DigitAction = Annotated[Action, ActionWord(Action, "hang_up")]
Step = Annotated[FailureStep, ActionWord(FailureStep, "hang_up")]


class Silence(NoInput):
    """What the agent says to a caller who says nothing, and when it gives up."""

    model_config = ConfigDict(use_attribute_docstrings=True)

    after_s: float = Field(8.0, ge=2, le=120)
    """Seconds of silence before each step."""
    prompts: tuple[SomeText, ...] = ("Are you still there?", "Hello? I can't hear you.")
    goodbye: SomeText = "I can't hear you, so I am hanging up now. Goodbye."


class Recordings(Section):
    path: SomeText
    """A folder on the workers' machines; each call is a stereo file `<call id>.wav` or `.ogg` in it."""
    format: Literal["wav", "ogg"] = "wav"
    consent: TemplateText | None = None
    """Said before the greeting, such as: This call is recorded. Nothing is recorded before it was heard in full."""
    on_request: bool = False
    """true: nothing is recorded until it is asked for over the API."""
    keep_days: int | None = Field(None, ge=1, le=36500)
    """Recordings older than this are deleted. null: kept for ever."""


class Voicemail(Section):
    message: SomeText
    """Said in full once the machine has finished, then the call ends. Variables of the call fill `{{name}}`."""


class HttpTool(Section):
    """A tool that the controller runs by one HTTP request. The model chooses the arguments and nothing else."""

    description: SomeText
    """For the model: what it does, and when to use it."""
    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE"] = "GET"
    """With POST, PUT and PATCH all arguments are sent as a JSON object."""
    url: UrlTemplate
    """`{argument}` in path or query becomes the argument, percent-encoded."""
    headers: HeaderValues = Field(default_factory=dict, repr=False)
    """Counted as secret."""
    parameters: dict[str, Any] = Field(default_factory=lambda: {"type": "object", "properties": {}})
    """JSON Schema of the arguments, for the model; arguments that do not fit it are not sent."""
    timeout_s: float = Field(10.0, gt=0, le=60)
    allowed_hosts: tuple[Host, ...] = ()
    """Hosts that may have private addresses. With any, the URL's host must be one of them."""
    filler: SomeText | None = None
    """What the agent says while the request runs, such as: One moment, I am looking that up."""


class Mcp(Section):
    """A remote tool server (Model Context Protocol). The AI provider calls it by itself."""

    url: HttpUrl
    authorization: OptionalSecret = None
    """A bearer token for it."""
    headers: HeaderValues = Field(default_factory=dict, repr=False)
    """Counted as secret."""
    allowed_tools: tuple[McpToolName, ...] = Field(min_length=1)
    """By name, those of its tools that the model may call: no others that the server has, or gets later."""
    require_approval: Literal["never"]
    """`never`: the model calls them without asking anybody. It has to be said: on a telephone nobody could approve."""


class Price(Section):
    """Of one model, in US dollars per million tokens."""

    text_in: float = Field(0.0, ge=0)
    text_out: float = Field(0.0, ge=0)
    audio_in: float = Field(0.0, ge=0)
    audio_out: float = Field(0.0, ge=0)
    cached_in: float | None = Field(None, ge=0)
    """Of input, text or audio, that the provider had in its cache. null: like other input."""
    per_minute: float = Field(0.0, ge=0)
    """For transcriptions that are billed by time: US dollars per minute of audio."""


class Agent(Section):
    """Who answers: a prompt, a voice and tools."""

    max_calls: int | None = Field(None, ge=1)
    """Calls at once that this agent has."""
    calls_per_minute: int | None = Field(None, ge=1)
    """Calls of this agent that may begin in one minute, in and out."""
    lookup: ToolName | None = None
    """As `routes[].lookup`, for calls that come in by a route without one."""
    lookup_s: float = Field(1.0, gt=0, le=5)
    """As `routes[].lookup_s`."""
    instructions: TemplateText
    """The prompt. `{{name}}` becomes the call variable of that name, or nothing."""
    voice: SomeText = "marin"
    greeting: TemplateText | None = None
    """What the agent says first; without it, it waits for the caller to speak."""
    providers: tuple[Name, ...] = Field(("openai",), min_length=1)
    """`openai` and names from `providers`. Each further one is tried when those before it can't be had."""
    on_ai_failure: tuple[Step, ...] = ()
    """What a caller gets when there is no AI (any more), in this order, until a transfer succeeds. Then: hang-up."""
    turn_detection: TurnDetection = Field(default_factory=lambda: ServerVad())
    min_speech_ms: int = Field(0, ge=0, le=2000)
    """Speech shorter than this does not interrupt the agent. 0: the server decides, at once."""
    noise_reduction: NoiseReduction | None = None
    transcription: Transcription | None = Field(default_factory=lambda: Transcription())
    """Writes down what the caller says, at a small cost; null: logs and records hold the agent's words only."""
    speed: float = Field(1.0, ge=0.25, le=1.5)
    reasoning_effort: Literal["minimal", "low", "medium", "high", "xhigh"] | None = None
    """For reasoning models (gpt-realtime-2 and later) only."""
    max_output_tokens: int | None = Field(None, ge=1, le=4096)
    protect_greeting: bool = False
    """True: the caller can't interrupt the greeting."""
    playout_delay_ms: int = Field(0, ge=0, le=500)
    """How long sound takes from Asterisk to the caller (jitter buffers); not counted as heard."""
    tools: tuple[ToolName, ...] = ("transfer", "hang_up")
    """transfer, hang_up, send_dtmf, hold, wait_for_user, voicemail, and names from `http_tools`."""
    transfer_kind: TransferKind = "blind"
    """How this agent's callers are transferred; attended: it talks to who answers first (docs/transfers.md)."""
    mcp: tuple[ToolName, ...] = ()
    """Names from `mcp`: tool servers that this agent may use."""
    dtmf: dict[Digit, DigitAction] = Field(default_factory=dict)
    """What a key of the caller's telephone does. Other digits are told to the agent."""
    idle: Silence | None = None
    """For callers who say nothing. null: silence is never the agent's business."""
    max_call_s: float | None = Field(7200.0, ge=10, le=86400)
    """Seconds with the agent, after which it says `wrap_up` and the call ends. null: no limit."""
    wrap_up: TemplateText = "I am sorry, but we have to end this call now. Thank you, and goodbye."
    """What the agent says when `max_call_s` or a spend limit has been reached."""
    caller_hold_s: float | None = Field(600.0, ge=5, le=86400)
    """Seconds for which the caller's or callee's telephone may keep the call on hold. The agent is paused and costs
    nothing; then the call ends. null: no limit."""
    voicemail: Voicemail | None = None
    """What is left with an answering machine that took our call, by the tool `voicemail`. null: nothing."""
    recording: Recordings | None = None
    """null: nothing is recorded."""
    tests: dict[Name, AgentTest] = Field(default_factory=dict)
    """Conversations with it, and what must come of them: `voiceai test` (docs/testing-agents.md)."""
    answer_deadline_s: float = Field(4.0, gt=0, le=60)
    """A call is answered once the AI is ready, and after this many seconds of ringing at the latest."""

    @field_validator("on_ai_failure")
    @classmethod
    def _end_last(cls, steps: tuple[FailureStep, ...]) -> tuple[FailureStep, ...]:
        if any(step.hang_up for step in steps[:-1]):
            raise wrong("has steps behind hang_up, which are never reached")
        return steps


def star(headers: dict[str, str]) -> dict[str, str]:
    """Headers for display."""
    return dict.fromkeys(headers, str(SecretStr("x")))
