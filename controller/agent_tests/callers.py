"""What the caller of a test says next: the next of its lines, or what the model that plays it is asked. [pure]

A conversation has `max_turns` of the caller, whoever plays them; then they hang up.
"""

import json
from dataclasses import dataclass, field
from typing import Any

from controller.agent_tests.conversation import Conversation
from controller.config.models.agent_tests import AgentTest, CallerLine, SimulatedCaller

INSTRUCTIONS = """\
You play a person who calls a company by telephone. You are the caller; an agent of the company answers. Stay in your
part. Say one short thing at a time, as people do on the telephone. Say nothing that you were not asked for and that
your goal does not need. When you have reached your goal, or see that you can't, say goodbye and hang up.

Goal: {goal}
Persona: {persona}

Answer with what you say now ("say"; empty if you only hang up), and whether you hang up right after it ("hang_up")."""
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {"say": {"type": "string"}, "hang_up": {"type": "boolean"}},
    "required": ["say", "hang_up"],
    "additionalProperties": False,
}
LONGEST = 2000
"""Characters of one line."""


@dataclass(frozen=True, slots=True)
class Say:
    """`last`: the caller hangs up after the agent's answer."""

    line: CallerLine
    last: bool = False


@dataclass(frozen=True, slots=True)
class HangUp:
    """The caller has said all."""


@dataclass(frozen=True, slots=True)
class AskModel:
    """The model that plays the caller is asked; `answered` reads what it says."""

    system: str = field(repr=False)
    text: str = field(repr=False)


Step = Say | HangUp | AskModel


def next_step(test: AgentTest, conversation: Conversation) -> Step:
    """It is the caller's turn."""
    turns = conversation.turns
    if turns >= test.max_turns:
        return HangUp()
    if test.caller is not None:
        return AskModel(_instructions(test.caller), f"The conversation so far:\n{conversation.text()}")
    return Say(test.says[turns]) if turns < len(test.says) else HangUp()


def answered(text: str) -> Step | None:
    """The model's answer; None: it makes no sense."""
    try:
        told = json.loads(text)
    except ValueError:
        return None
    if not isinstance(told, dict) or not isinstance(told.get("say"), str):
        return None
    said = " ".join(told["say"].split())[:LONGEST]
    if not said:
        return HangUp() if told.get("hang_up") is True else None
    return Say(CallerLine(text=said), last=told.get("hang_up") is True)


def _instructions(caller: SimulatedCaller) -> str:
    return INSTRUCTIONS.format(goal=caller.goal, persona=caller.persona or "anybody")
