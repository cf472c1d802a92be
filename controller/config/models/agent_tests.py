"""config.yaml's `agents.*.tests` and `agent_tests`: what an agent is tested with, and who plays callers and judges.
[pure]

The rules between these keys are in `checks/agent_tests`.
"""

from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from bridge.common import patterns
from controller.config.values import HttpUrl, Name, Secret, Section, SomeText, ToolName, wrong


class ChatModel(Section):
    """A model behind an API of OpenAI's form (chat completions)."""

    url: HttpUrl = "https://api.openai.com/v1"
    """Before `/chat/completions`."""
    api_key: Secret
    model: SomeText
    timeout_s: float = Field(30.0, gt=0, le=300)
    """For one answer."""


class AgentTests(Section):
    caller: ChatModel | None = None
    """Plays simulated callers. null: tests have scripted ones only."""
    judge: ChatModel | None = None
    """Answers the questions and the language checks of tests. null: there are none."""
    parallel: int = Field(4, ge=1, le=50)
    """Conversations at once."""


def _short_for(key: str, model: Any) -> BeforeValidator:
    """A text alone stands for `{key: text}`."""
    return BeforeValidator(
        lambda value: {key: value} if isinstance(value, str) else value, json_schema_input_type=model | str
    )


class CallerLine(Section):
    text: SomeText
    """What the caller says: typed, or spoken by a speech synthesiser."""
    wav: SomeText | None = None
    """For tests by voice: a WAV file (16 bit) that is played instead; from the folder of the file with the tests, or
    from where the command is run."""


class SimulatedCaller(Section):
    """A caller who is played by a model (`agent_tests.caller`)."""

    goal: SomeText
    """What the caller wants to reach. They hang up when they have reached it, or can't."""
    persona: str = ""
    """Who they are and how they speak."""


class Words(Section):
    """Exactly one of these. A text alone is `text`."""

    text: SomeText | None = None
    """Words that stand there; case, spaces and kinds of quotation marks do not matter."""
    regex: SomeText | None = None
    """A regular expression that matches somewhere in it; case does not matter."""
    question: SomeText | None = None
    """A question for the judge, about the whole conversation. It holds if the answer is yes."""

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
    """Those that must be as given; the call may have others."""


class Check(Section):
    """Exactly one of these."""

    said: Annotated[Words, _short_for("text", Words)] | None = None
    """The agent says this, in any of its answers."""
    not_said: Annotated[Words, _short_for("text", Words)] | None = None
    """The agent says this in none of its answers; of a question: the judge's answer is no."""
    tool_called: Annotated[ToolCheck, _short_for("name", ToolCheck)] | None = None
    """A tool alone, or `{name, arguments}`."""
    tool_not_called: ToolName | None = None
    transferred_to: SomeText | None = None
    """The conversation ends with a transfer to this destination, as the agent names it."""
    ended_by: Literal["agent", "caller"] | None = None
    """agent: by hanging up or transferring."""
    max_turns: int | None = Field(None, ge=1, le=1000)
    """The caller says something so many times at most."""
    latency_ms: int | None = Field(None, ge=1, le=600_000)
    """No answer of the agent takes longer."""
    language: SomeText | None = None
    """All that the agent says is in this language, as the judge hears it: `German`, `Turkish`."""

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if sum(value is not None for value in dict(self).values()) != 1:
            raise wrong("must check exactly one thing: " + ", ".join(type(self).model_fields))
        return self


class VoiceOptions(Section):
    """Of tests by voice."""

    espeak_voice: str = Field("en-us", pattern=r"^[a-z]{2,8}(-[a-z0-9]{1,8}){0,3}$")
    """The voice in which espeak-ng speaks the caller's lines; a language such as de or tr is one."""

    noise_dbfs: float | None = Field(None, ge=-90, le=-10)
    """Noise behind the caller's words, as loud as this. null: none."""
    interrupt_after_s: float | None = Field(None, ge=0.2, le=60)
    """The caller speaks into the agent's answers after so many seconds of them. null: they let the agent finish."""
    silence_s: float = Field(0.0, ge=0, le=60)
    """The caller says nothing for so long before each of their lines."""


class AgentTest(Section):
    """A conversation with the agent, and what must come of it."""

    says: tuple[Annotated[CallerLine, _short_for("text", CallerLine)], ...] = Field((), max_length=200)
    """The caller's lines, in order; then they hang up. Or `caller`."""
    caller: SimulatedCaller | None = None
    """A model plays the caller. Or `says`."""
    checks: tuple[Check, ...] = Field(min_length=1, max_length=100)
    max_turns: int = Field(12, ge=1, le=200)
    """The caller hangs up after having said something so many times."""
    results: dict[ToolName, str] = Field(default_factory=dict)
    """What tools answer, by name: they are not asked. A `transfer` with a result fails with it."""
    real_tools: bool = False
    """Tools over HTTP without a result are really asked. false: the model is told that they were not run."""
    variables: dict[Name, str] = Field(default_factory=dict)
    """Fill `{{name}}` in the agent's texts."""
    by_voice: VoiceOptions = Field(default_factory=VoiceOptions)

    @model_validator(mode="after")
    def _one_caller(self) -> Self:
        if bool(self.says) == (self.caller is not None):
            raise wrong("needs either `says` (the caller's lines) or `caller` (a goal for a simulated one)")
        return self
