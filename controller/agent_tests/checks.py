"""Whether a conversation is as a test wants it. [pure]

`evaluate` answers each check at once, or says what the judge is to be asked; `judged` reads the judge's answer.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bridge.common import patterns
from controller.agent_tests.conversation import Conversation
from controller.config.models.agent_tests import Check, Words

INSTRUCTIONS = """\
You judge a telephone conversation between a caller and an agent of a company. You get the transcript and a question
about it. Answer the question by the transcript alone: "yes" is true only if it is surely so. "reason": one short
sentence."""
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"yes": {"type": "boolean"}, "reason": {"type": "string"}},
    "required": ["yes", "reason"],
    "additionalProperties": False,
}
LANGUAGE = "Is everything that the agent says in {}?"
LONGEST = 300

_SAME = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "–": "-", "—": "-", "\u00a0": " "})


@dataclass(frozen=True, slots=True)
class Verdict:
    """`check`: what was checked, for people. `why`: what was found instead; empty if it holds."""

    check: str
    passed: bool
    why: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Question:
    """For the judge. It holds if the answer is `wanted`."""

    check: str
    question: str
    wanted: bool
    text: str = field(repr=False)
    """The transcript."""


def label(check: Check) -> str:
    """A check in few words."""
    key, value = next((key, value) for key, value in dict(check).items() if value is not None)
    if isinstance(value, Words):
        kind, words = next((kind, words) for kind, words in dict(value).items() if words is not None)
        return f"{key} {words!r}" if kind == "text" else f"{key} {kind} {words!r}"
    if key == "tool_called":
        arguments = f" {json.dumps(value.arguments, ensure_ascii=False)}" if value.arguments else ""
        return f"{key} {value.name}{arguments}"
    return f"{key} {value}"


def evaluate(check: Check, conversation: Conversation) -> Verdict | Question:
    name = label(check)
    words = check.said or check.not_said
    if words is not None and words.question is not None:
        return Question(name, words.question, check.said is not None, conversation.text())
    if check.language is not None:
        return Question(name, LANGUAGE.format(check.language), True, conversation.text())
    why = _said(words, conversation, wanted=check.said is not None) if words else _other(check, conversation)
    return Verdict(name, why is None, why or "")


def judged(question: Question, answer: str | None) -> Verdict:
    """`answer`: of the judge; None: it gave none."""
    try:
        told = json.loads(answer or "")
    except ValueError:
        told = None
    if not isinstance(told, dict) or not isinstance(told.get("yes"), bool):
        return Verdict(question.check, False, "the judge gave no answer that can be read")
    passed = told["yes"] is question.wanted
    return Verdict(question.check, passed, "" if passed else f"the judge says: {told.get('reason', '')}"[:LONGEST])


def _said(words: Words, conversation: Conversation, *, wanted: bool) -> str | None:
    """What is wrong; None: nothing."""
    lines = conversation.said_by("agent")
    found = next((line for line in lines if _matches(words, line)), None)
    if wanted:
        return None if found is not None else f"the agent said: {_quoted(lines)}"
    return None if found is None else f"the agent said: {_quoted((found,))}"


def _matches(words: Words, line: str) -> bool:
    if words.regex is not None:
        return patterns.search(f"(?i){words.regex}", line)
    return _plain(words.text or "") in _plain(line)


def _other(check: Check, conversation: Conversation) -> str | None:
    if check.tool_called is not None:
        same = [each for each in conversation.tools() if each.name == check.tool_called.name]
        if any(subset(check.tool_called.arguments, each.arguments) for each in same):
            return None
        called = [
            f"{each.name} {json.dumps(dict(each.arguments), ensure_ascii=False)}" for each in conversation.tools()
        ]
        return f"tools called: {', '.join(called) or 'none'}"[:LONGEST]
    if check.tool_not_called is not None:
        return f"{check.tool_not_called} was called" if check.tool_not_called in _names(conversation) else None
    if check.transferred_to is not None:
        to = conversation.to
        return None if to == check.transferred_to else f"transferred to {to}" if to else "there was no transfer"
    if check.ended_by is not None:
        by = conversation.ended_by
        return None if by == check.ended_by else f"it was ended by {by or 'nobody'} ({conversation.how})"
    if check.max_turns is not None:
        return (
            None if conversation.turns <= check.max_turns else f"the caller said something {conversation.turns} times"
        )
    slowest = max(conversation.latencies_ms, default=0)
    return None if slowest <= (check.latency_ms or 0) else f"the slowest answer took {slowest} ms"


def _names(conversation: Conversation) -> set[str]:
    return {each.name for each in conversation.tools()}


def subset(wanted: Any, given: Any) -> bool:
    """Whether all that is wanted is in what was given: of objects the keys, of lists all in order, of values equality,
    where true is not 1."""
    if isinstance(wanted, Mapping):
        if not isinstance(given, Mapping):
            return False
        return all(key in given and subset(value, given[key]) for key, value in wanted.items())
    if isinstance(wanted, list | tuple):
        fits = isinstance(given, list | tuple) and len(wanted) == len(given)
        return fits and all(map(subset, wanted, given))
    if isinstance(wanted, bool) or isinstance(given, bool):
        return wanted is given
    return bool(wanted == given)


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", text.translate(_SAME)).strip().casefold()


def _quoted(lines: tuple[str, ...]) -> str:
    text = " / ".join(lines) or "nothing"
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}…"
