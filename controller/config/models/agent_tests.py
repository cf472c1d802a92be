"""config.yaml's `agents.*.tests` and `agent_tests`: what an agent is tested with, and who plays callers and judges.
[pure]

The rules between these keys are in `checks/agent_tests`.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from bridge.common import patterns
from controller.config.values import HttpUrl, Name, Secret, Section, SomeText, ToolName, wrong


class ChatModel(Section):
    """A model behind an API that is compatible with OpenAI's chat completions."""

    url: HttpUrl = "https://api.openai.com/v1"
    """The part before `/chat/completions`."""
    api_key: Secret
    model: SomeText
    timeout_s: float = Field(30.0, gt=0, le=300)
    """Seconds for one answer."""


class AgentTests(Section):
    caller: ChatModel | None = None
    """The model that plays simulated callers. null: only scripted callers."""
    judge: ChatModel | None = None
    """The model that answers questions and language checks of tests. null: such checks cannot be used."""
    parallel: int = Field(4, ge=1, le=50)
    """Conversations at the same time."""


def _short_for(key: str, model: Any) -> BeforeValidator:
    """A text alone stands for `{key: text}`."""
    return BeforeValidator(
        lambda value: {key: value} if isinstance(value, str) else value, json_schema_input_type=model | str
    )


class CallerLine(Section):
    text: SomeText
    """What the caller says, as text or by a speech synthesizer."""
    wav: SomeText | None = None
    """For tests by telephone: a WAV file (16 bit) that is played instead. Its path is relative to the folder of the
    test file, or else to the working directory."""


class SimulatedCaller(Section):
    """A caller that is played by a model (`agent_tests.caller`)."""

    goal: SomeText
    """What the caller wants. The caller hangs up when the goal is reached or cannot be reached."""
    persona: str = ""
    """Who the caller is and how they speak."""


class Words(Section):
    """Exactly one of these keys. A plain text means `text`."""

    text: SomeText | None = None
    """Words that occur in an answer. Case, spaces and types of quotation marks are ignored."""
    regex: SomeText | None = None
    """A regular expression that matches somewhere in an answer. Case is ignored."""
    question: SomeText | None = None
    """A question to the judge model about the whole conversation. The check passes if the answer is yes."""

    @field_validator("regex")
    @classmethod
    def _matchable(cls, pattern: str | None) -> str | None:
        if pattern is not None and (problem := patterns.problem(pattern)) is not None:
            raise wrong(problem)
        return pattern

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if sum(each is not None for each in (self.text, self.regex, self.question)) != 1:
            raise wrong("must say exactly one thing: text, regex, question")
        return self


class ToolCheck(Section):
    name: ToolName
    arguments: dict[str, Any] = Field(default_factory=dict)
    """Arguments that must have these values. The call may have further arguments."""


class Check(Section):
    """Exactly one of these keys."""

    said: Annotated[Words, _short_for("text", Words)] | None = None
    """The agent says this in at least one answer."""
    not_said: Annotated[Words, _short_for("text", Words)] | None = None
    """The agent says this in no answer. For a question: the judge model answers no."""
    tool_called: Annotated[ToolCheck, _short_for("name", ToolCheck)] | None = None
    """The name of a tool, or `{name, arguments}`."""
    tool_not_called: ToolName | None = None
    transferred_to: SomeText | None = None
    """The conversation ends with a transfer to this destination, named as the agent names it."""
    ended_by: Literal["agent", "caller"] | None = None
    """agent: the agent hung up or transferred the call."""
    max_turns: int | None = Field(None, ge=1, le=1000)
    """The caller speaks at most this many times."""
    latency_ms: int | None = Field(None, ge=1, le=600_000)
    """No answer of the agent takes longer than this."""
    language: SomeText | None = None
    """The agent speaks only this language, as the judge model decides: `German`, `Turkish`."""

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if sum(value is not None for value in dict(self).values()) != 1:
            raise wrong("must check exactly one thing: " + ", ".join(type(self).model_fields))
        return self


class VoiceOptions(Section):
    """For tests by telephone."""

    espeak_voice: str = Field("en-us", pattern=r"^[a-z]{2,8}(-[a-z0-9]{1,8}){0,3}$")
    """The espeak-ng voice for the caller's lines, usually a language such as de or tr."""

    noise_dbfs: float | None = Field(None, ge=-90, le=-10)
    """The level of background noise behind the caller. null: none."""
    interrupt_after_s: float | None = Field(None, ge=0.2, le=60)
    """The caller interrupts each answer this many seconds after its start. null: the caller waits for the end of the
    answer."""
    silence_s: float = Field(0.0, ge=0, le=60)
    """Seconds for which the caller is silent before each line."""


class AgentTest(Section):
    """A conversation with the agent, and checks of its result."""

    says: tuple[Annotated[CallerLine, _short_for("text", CallerLine)], ...] = Field((), max_length=200)
    """The caller's lines, in order. Then the caller hangs up. Use either this or `caller`."""
    caller: SimulatedCaller | None = None
    """A simulated caller, played by a model. Use either this or `says`."""
    checks: tuple[Check, ...] = Field(min_length=1, max_length=100)
    max_turns: int = Field(12, ge=1, le=200)
    """The caller hangs up after speaking this many times."""
    results: dict[ToolName, str] = Field(default_factory=dict)
    """Answers of tools, by name. These tools are not called. A `transfer` with a result fails with it."""
    real_tools: bool = False
    """true: HTTP tools without an entry in `results` are really called. false: the model gets an error for them."""
    variables: dict[Name, str] = Field(default_factory=dict)
    """Values for `{{name}}` in the agent's texts."""
    by_voice: VoiceOptions = Field(default_factory=VoiceOptions)

    @model_validator(mode="after")
    def _one_caller(self) -> Self:
        if bool(self.says) == (self.caller is not None):
            raise wrong("needs either `says` (the caller's lines) or `caller` (a goal for a simulated one)")
        return self
