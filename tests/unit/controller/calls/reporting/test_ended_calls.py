"""How much is kept of calls that are over."""

from datetime import UTC, datetime
from unittest.mock import Mock

from controller.calls.reporting.call_log import Utterance
from controller.calls.reporting.ended_calls import MOST, MOST_CHARACTERS, EndedCalls
from controller.calls.reporting.view import CallDetail

AT = datetime(2026, 11, 30, tzinfo=UTC)


def detail(characters: int) -> CallDetail:
    return CallDetail(Mock(), (Utterance(AT, "agent", "x" * characters, False, None),))


def kept(calls: EndedCalls, total: int) -> list[int]:
    return [number for number in range(total) if calls.find(str(number)) is not None]


def test_the_newest_are_kept() -> None:
    calls = EndedCalls()
    for number in range(MOST + 3):
        calls.add(str(number), detail(10))
    assert kept(calls, MOST + 3) == list(range(3, MOST + 3))


def test_calls_of_many_words_leave_sooner() -> None:
    calls = EndedCalls()
    for number in range(20):
        calls.add(str(number), detail(MOST_CHARACTERS // 4))
    assert kept(calls, 20) == [16, 17, 18, 19]
    calls.add("20", detail(2 * MOST_CHARACTERS))
    assert kept(calls, 21) == [20]
    calls.add("21", detail(1))
    assert kept(calls, 22) == [21]


def test_another_attempt_of_a_call_replaces_the_one_before() -> None:
    calls = EndedCalls()
    for _ in range(20):
        calls.add("0", detail(MOST_CHARACTERS))
    calls.add("1", detail(0))
    assert kept(calls, 2) == [0, 1]
