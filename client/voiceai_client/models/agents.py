"""Answers, and parts of requests: agents. Made from the OpenAPI document (`make reference`). [pure]"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NotRequired, TypedDict

from voiceai_client.decoding import Model


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class AgentTestList(Model):
    tests: Mapping[str, Any]
    """As in the config, defaults included."""


class CallerLine(TypedDict):
    text: str
    """What the caller says: typed, or spoken by a speech synthesiser."""
    wav: NotRequired[str | None]
    """For tests by voice: a WAV file (16 bit) that is played instead; from the folder of the file with the tests, or
    from where the command is run."""


class SimulatedCaller(TypedDict):
    """A caller who is played by a model (`agent_tests.caller`)."""

    goal: str
    """What the caller wants to reach. They hang up when they have reached it, or can't."""
    persona: NotRequired[str]
    """Who they are and how they speak."""


class Words(TypedDict):
    """Exactly one of these. A text alone is `text`."""

    text: NotRequired[str | None]
    """Words that stand there; case, spaces and kinds of quotation marks do not matter."""
    regex: NotRequired[str | None]
    """A regular expression that matches somewhere in it; case does not matter."""
    question: NotRequired[str | None]
    """A question for the judge, about the whole conversation. It holds if the answer is yes."""


class ToolCheck(TypedDict):
    name: str
    arguments: NotRequired[Mapping[str, Any]]
    """Those that must be as given; the call may have others."""


class Check(TypedDict):
    """Exactly one of these."""

    said: NotRequired[Words | str | None]
    """The agent says this, in any of its answers."""
    not_said: NotRequired[Words | str | None]
    """The agent says this in none of its answers; of a question: the judge's answer is no."""
    tool_called: NotRequired[ToolCheck | str | None]
    """A tool alone, or `{name, arguments}`."""
    tool_not_called: NotRequired[str | None]
    transferred_to: NotRequired[str | None]
    """The conversation ends with a transfer to this destination, as the agent names it."""
    ended_by: NotRequired[Literal["agent", "caller"] | None]
    """agent: by hanging up or transferring."""
    max_turns: NotRequired[int | None]
    """The caller says something so many times at most."""
    latency_ms: NotRequired[int | None]
    """No answer of the agent takes longer."""
    language: NotRequired[str | None]
    """All that the agent says is in this language, as the judge hears it: `German`, `Turkish`."""


class VoiceOptions(TypedDict):
    """Of tests by voice."""

    espeak_voice: NotRequired[str]
    """The voice in which espeak-ng speaks the caller's lines; a language such as de or tr is one."""
    noise_dbfs: NotRequired[float | None]
    """Noise behind the caller's words, as loud as this. null: none."""
    interrupt_after_s: NotRequired[float | None]
    """The caller speaks into the agent's answers after so many seconds of them. null: they let the agent finish."""
    silence_s: NotRequired[float]
    """The caller says nothing for so long before each of their lines."""


class AgentTest(TypedDict):
    """A conversation with the agent, and what must come of it."""

    says: NotRequired[Sequence[CallerLine | str]]
    """The caller's lines, in order; then they hang up. Or `caller`."""
    caller: NotRequired[SimulatedCaller | None]
    """A model plays the caller. Or `says`."""
    checks: Sequence[Check]
    max_turns: NotRequired[int]
    """The caller hangs up after having said something so many times."""
    results: NotRequired[Mapping[str, str]]
    """What tools answer, by name: they are not asked. A `transfer` with a result fails with it."""
    real_tools: NotRequired[bool]
    """Tools over HTTP without a result are really asked. false: the model is told that they were not run."""
    variables: NotRequired[Mapping[str, str]]
    """Fill `{{name}}` in the agent's texts."""
    by_voice: NotRequired[VoiceOptions]
