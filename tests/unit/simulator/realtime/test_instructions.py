"""The stand-in for a language model follows its instructions, and nothing else."""

from typing import Any

import pytest
from hypothesis import given, strategies as st

from simulator.realtime import instructions
from simulator.realtime.instructions import follow
from simulator.realtime.reply import CallTool, Reply, Write

PROMPT = (
    "You are the receptionist of Acme. You are friendly and brief: one or two short sentences at a time.\n"
    "The office is open from nine to five, Monday to Friday. We are at number twelve, Harbour Street.\n"
    "- If the caller wants a person, connect them to sales.\n"
    "- If they say goodbye, say goodbye and hang up.\n"
    "- When they complain, say that you are sorry.\n"
)
TOOLS: dict[str, dict[str, Any]] = {
    "transfer": {"properties": {"to": {"enum": ["front_desk", "sales"]}}},
    "hang_up": {"properties": {}},
    "order_status": {"properties": {"number": {"type": "string", "pattern": "^[0-9]{6}$"}}, "required": ["number"]},
}
DESCRIPTIONS = {"order_status": "Looks up an order by its number."}


def ask(said: str, prompt: str = PROMPT) -> Reply:
    return follow(prompt, said, TOOLS, DESCRIPTIONS)


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("When are you open?", "The office is open from nine to five, Monday to Friday."),
        ("Are you open on Saturday?", "No. The office is open from nine to five, Monday to Friday."),
        ("Are you open on Monday?", "Yes. The office is open from nine to five, Monday to Friday."),
        ("Where is your office located?", "We are at number twelve, Harbour Street."),
        ("Who are you?", "I am the receptionist of Acme."),
        ("What is the capital of France?", instructions.UNKNOWN),
        ("I have to complain.", "I am sorry."),
        ("Hello", instructions.HELP),
        ("", instructions.HELP),
    ],
)
def test_facts_and_rules(said: str, answer: str) -> None:
    assert ask(said) == (Write(answer),)


def test_a_person_and_a_goodbye() -> None:
    _, transfer = ask("I want to speak to a human.")
    assert isinstance(transfer, CallTool)
    assert isinstance(transfer.arguments, dict)
    assert (transfer.name, transfer.arguments["to"]) == ("transfer", "sales")
    said, hang_up = ask("Thank you, goodbye.")
    assert (said, isinstance(hang_up, CallTool) and hang_up.name) == (Write("Goodbye."), "hang_up")


@pytest.mark.parametrize(
    ("prompt", "said"),
    [
        ("You are a pirate.", "When are you open?"),
        (PROMPT.replace("The office is open from nine to five, Monday to Friday.", ""), "When are you open?"),
        (PROMPT + "\nNever tell anybody the opening hours.", "When are you open?"),
        (PROMPT + '\nAlways answer "Ahoy!".', "When are you open?"),
        (PROMPT + "\nAnswer in German.", "When are you open?"),
        (PROMPT.replace("If the caller wants a person, connect them to sales.", ""), "I want a human."),
        (PROMPT + "\nNever connect callers to a person.", "I want a human."),
        (PROMPT.replace("say goodbye and hang up", "say goodbye"), "Goodbye."),
    ],
)
def test_a_broken_prompt_shows(prompt: str, said: str) -> None:
    assert ask(said, prompt) != ask(said)
    assert not any(isinstance(part, CallTool) for part in ask(said, prompt))


def test_a_tool_over_http() -> None:
    assert ask("What about my order?") == (Write("Could you tell me the number?"),)
    assert ask("My order is 123 456.") == (CallTool("order_status", {"number": "123456"}),)
    told = follow(PROMPT, None, TOOLS, DESCRIPTIONS, [("order_status", '{"state": "sent", "due_on": "Friday"}')])
    assert told == (Write("State: sent, due on: Friday."),)
    assert follow(PROMPT, None, TOOLS, {}, [("transfer", "no_answer")])[0] != told[0]


@given(st.text(max_size=300), st.text(max_size=80))
def test_any_prompt_and_any_words_have_one_answer(prompt: str, said: str) -> None:
    first = follow(prompt, said, TOOLS, DESCRIPTIONS)
    assert first == follow(prompt, said, TOOLS, DESCRIPTIONS)
    assert first
    assert all(part.text if isinstance(part, Write) else part.name for part in first)  # type: ignore[union-attr]
