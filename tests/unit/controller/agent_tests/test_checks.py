"""Whether a conversation is as a test wants it."""

from typing import Any

import pytest
from hypothesis import given, strategies as st

from controller.agent_tests import checks
from controller.agent_tests.checks import Question, Verdict
from controller.agent_tests.conversation import Conversation, Line, ToolUse
from controller.config.models.agent_tests import Check

TALK = Conversation(
    (
        Line("agent", "Good day."),
        Line("caller", "When are you open, nine to six?"),
        Line("agent", "We’re open from nine\nto five."),
        ToolUse("order", {"number": "123456", "options": {"express": True, "count": 2}}),
        Line("caller", "A person, please."),
        ToolUse("transfer", {"to": "colleague", "reason": "wanted"}),
    ),
    latencies_ms=(400, 900),
    ended_by="agent",
    how="transfer",
    to="colleague",
)


def verdict(check: dict[str, Any], conversation: Conversation = TALK) -> Verdict:
    told = checks.evaluate(Check.model_validate(check), conversation)
    assert isinstance(told, Verdict)
    return told


@pytest.mark.parametrize(
    ("check", "passed"),
    [
        ({"said": "NINE to five"}, True),
        ({"said": "we're open"}, True),
        ({"said": "nine to six"}, False),  # the caller said it
        ({"said": {"regex": "(nine|9)\\s+to\\s+(five|5)"}}, True),
        ({"not_said": "six"}, True),
        ({"not_said": "five"}, False),
        ({"not_said": {"regex": "f[a-z]ve"}}, False),
        ({"tool_called": "order"}, True),
        ({"tool_called": {"name": "order", "arguments": {"number": "123456"}}}, True),
        ({"tool_called": {"name": "order", "arguments": {"options": {"count": 2}}}}, True),
        ({"tool_called": {"name": "order", "arguments": {"options": {"express": 1}}}}, False),
        ({"tool_called": {"name": "order", "arguments": {"number": 123456}}}, False),
        ({"tool_called": "hang_up"}, False),
        ({"tool_not_called": "hang_up"}, True),
        ({"tool_not_called": "order"}, False),
        ({"transferred_to": "colleague"}, True),
        ({"transferred_to": "sales"}, False),
        ({"ended_by": "agent"}, True),
        ({"ended_by": "caller"}, False),
        ({"max_turns": 2}, True),
        ({"max_turns": 1}, False),
        ({"latency_ms": 900}, True),
        ({"latency_ms": 899}, False),
    ],
    ids=str,
)
def test_checks(check: dict[str, Any], passed: bool) -> None:
    told = verdict(check)
    assert told.passed is passed
    assert bool(told.why) is not passed


def test_nothing_was_said_and_nothing_ended() -> None:
    assert verdict({"said": "a"}, Conversation()).why == "the agent said: nothing"
    assert verdict({"ended_by": "agent"}, Conversation()).why == "it was ended by nobody ()"
    assert verdict({"transferred_to": "a"}, Conversation()).why == "there was no transfer"


@pytest.mark.parametrize(
    ("check", "answer", "passed"),
    [
        ({"said": {"question": "Is it open?"}}, '{"yes": true, "reason": "so"}', True),
        ({"said": {"question": "Is it open?"}}, '{"yes": false, "reason": "no"}', False),
        ({"not_said": {"question": "Is it rude?"}}, '{"yes": false, "reason": "no"}', True),
        ({"not_said": {"question": "Is it rude?"}}, '{"yes": true, "reason": "so"}', False),
        ({"language": "German"}, '{"yes": true, "reason": "so"}', True),
        ({"language": "German"}, "perhaps", False),
        ({"language": "German"}, '{"yes": "true"}', False),
        ({"language": "German"}, None, False),
    ],
)
def test_what_the_judge_is_asked(check: dict[str, Any], answer: str | None, passed: bool) -> None:
    asked = checks.evaluate(Check.model_validate(check), TALK)
    assert isinstance(asked, Question)
    assert "agent: Good day." in asked.text
    assert "(the agent transfers the caller to colleague)" in asked.text
    assert checks.judged(asked, answer).passed is passed


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)


@given(st.dictionaries(st.text(max_size=3), JSON, max_size=4), st.dictionaries(st.text(max_size=3), JSON, max_size=4))
def test_arguments_are_in_themselves_and_in_those_with_more(wanted: dict[str, Any], more: dict[str, Any]) -> None:
    assert checks.subset(wanted, wanted)
    assert checks.subset(wanted, {**more, **wanted})
    assert not checks.subset({**wanted, "another key": 1}, wanted)


@given(st.text(max_size=40), st.text(max_size=20), st.text(max_size=20))
def test_words_are_found_wherever_they_stand(words: str, before: str, after: str) -> None:
    if not words.strip():
        return
    line = f"{before} {words.upper() if words.isascii() else words} {after}"
    assert verdict({"said": words}, Conversation((Line("agent", line),))).passed
    assert not verdict({"not_said": words}, Conversation((Line("agent", line),))).passed
