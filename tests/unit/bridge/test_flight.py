"""bridge.realtime.event_trace: kinds and times of what goes over the line to the AI, and nothing that is in it."""

import json

import pytest

from bridge.contract import LineStep
from bridge.realtime.event_trace import MOST, EventTrace
from bridge.realtime.protocol import server_events


def flight() -> EventTrace:
    made = EventTrace()
    made.begin(100.0)
    return made


def test_kinds_times_and_repetitions() -> None:
    kept = flight()
    kept.note("line up", 100.25)
    kept.sent(b'{"type": "response.create", "response": {"instructions": "secret"}}', 100.5)
    for at in (100.75, 100.8, 100.9):
        kept.heard(server_events.AudioDelta("r", "i", 0, b""), at)
    kept.heard(server_events.ServerError("invalid_request_error", "rate_limited", "secret", "", ""), 101.0)
    assert kept.steps == (
        LineStep(at_ms=250, kind="line up"),
        LineStep(at_ms=500, kind="response.create", sent=True),
        LineStep(at_ms=750, kind="AudioDelta", times=3),
        LineStep(at_ms=1000, kind="ServerError rate_limited"),
    )


@pytest.mark.parametrize("frame", [b"", b"{}", b'{"text": "secret"}', b'{"type": "SECRET WORDS"}', b"\xff"])
def test_a_frame_without_a_type_is_told_without_its_words(frame: bytes) -> None:
    kept = flight()
    kept.sent(frame, 100.0)
    assert [each.kind for each in kept.steps] == ["?"]


@pytest.mark.parametrize("code", ["secret words", "SECRET", "", "x" * 61])
def test_codes_that_are_none_are_left_out(code: str) -> None:
    kept = flight()
    kept.heard(server_events.ServerError("error", code, "secret", "", ""), 100.0)
    assert [each.kind for each in kept.steps] == ["ServerError"]


def test_the_latest_are_kept() -> None:
    kept = flight()
    for number in range(MOST + 10):
        kept.sent(json.dumps({"type": "a" if number % 2 else "b"}).encode(), 100.0 + number)
    assert len(kept.steps) == MOST
    assert kept.steps[-1].at_ms == 1000 * (MOST + 9)
