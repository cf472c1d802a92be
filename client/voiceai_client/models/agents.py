"""Answers, and parts of requests: agents. Made from the OpenAPI document (`make reference`). [pure]"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NotRequired, TypedDict

from voiceai_client.decoding import Model


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class AgentTestList(Model):
    tests: Mapping[str, Any]
    """As in the config, defaults included."""


class CallerLineArgument(TypedDict):
    text: str
    """What the caller says, as text or by a speech synthesizer."""
    wav: NotRequired[str | None]
    """For tests by telephone: a WAV file (16 bit) that is played instead. Its path is relative to the folder of the
    test file, or else to the working directory."""


class SimulatedCallerArgument(TypedDict):
    """A caller that is played by a model (`agent_tests.caller`)."""

    goal: str
    """What the caller wants. The caller hangs up when the goal is reached or cannot be reached."""
    persona: NotRequired[str]
    """Who the caller is and how they speak."""


class WordsArgument(TypedDict):
    """Exactly one of these keys. A plain text means `text`."""

    text: NotRequired[str | None]
    """Words that occur in an answer. Case, spaces and types of quotation marks are ignored."""
    regex: NotRequired[str | None]
    """A regular expression that matches somewhere in an answer. Case is ignored."""
    question: NotRequired[str | None]
    """A question to the judge model about the whole conversation. The check passes if the answer is yes."""


class ToolCheckArgument(TypedDict):
    name: str
    arguments: NotRequired[Mapping[str, Any]]
    """Arguments that must have these values. The call may have further arguments."""


class CheckArgument(TypedDict):
    """Exactly one of these keys."""

    said: NotRequired[WordsArgument | str | None]
    """The agent says this in at least one answer."""
    not_said: NotRequired[WordsArgument | str | None]
    """The agent says this in no answer. For a question: the judge model answers no."""
    tool_called: NotRequired[ToolCheckArgument | str | None]
    """The name of a tool, or `{name, arguments}`."""
    tool_not_called: NotRequired[str | None]
    transferred_to: NotRequired[str | None]
    """The conversation ends with a transfer to this destination, named as the agent names it."""
    ended_by: NotRequired[Literal["agent", "caller"] | None]
    """agent: the agent hung up or transferred the call."""
    max_turns: NotRequired[int | None]
    """The caller speaks at most this many times."""
    latency_ms: NotRequired[int | None]
    """No answer of the agent takes longer than this."""
    language: NotRequired[str | None]
    """The agent speaks only this language, as the judge model decides: `German`, `Turkish`."""


class VoiceOptionsArgument(TypedDict):
    """For tests by telephone."""

    espeak_voice: NotRequired[str]
    """The espeak-ng voice for the caller's lines, usually a language such as de or tr. Default: `"en-us"`."""
    noise_dbfs: NotRequired[float | None]
    """The level of background noise behind the caller. null: none."""
    interrupt_after_s: NotRequired[float | None]
    """The caller interrupts each answer this many seconds after its start. null: the caller waits for the end of the
    answer."""
    silence_s: NotRequired[float]
    """Seconds for which the caller is silent before each line. Default: `0.0`."""


class AgentTestArgument(TypedDict):
    """A conversation with the agent, and checks of its result."""

    says: NotRequired[Sequence[CallerLineArgument | str]]
    """The caller's lines, in order. Then the caller hangs up. Use either this or `caller`."""
    caller: NotRequired[SimulatedCallerArgument | None]
    """A simulated caller, played by a model. Use either this or `says`."""
    checks: Sequence[CheckArgument]
    max_turns: NotRequired[int]
    """The caller hangs up after speaking this many times. Default: `12`."""
    results: NotRequired[Mapping[str, str]]
    """Answers of tools, by name. These tools are not called. A `transfer` with a result fails with it."""
    real_tools: NotRequired[bool]
    """true: HTTP tools without an entry in `results` are really called. false: the model gets an error for them.
    Default: `false`."""
    variables: NotRequired[Mapping[str, str]]
    """Values for `{{name}}` in the agent's texts."""
    by_voice: NotRequired[VoiceOptionsArgument]
