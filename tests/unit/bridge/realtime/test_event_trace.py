"""bridge.realtime.event_trace: kinds and times of what goes over the line to the AI, and nothing that is in it."""

import pytest

from bridge.contract import ConnectionStep
from bridge.realtime.event_trace import MOST, EventTrace
from bridge.realtime.protocol import server_events
from bridge.realtime.protocol.client_events import ItemDelete, ResponseCreate


def flight() -> EventTrace:
    made = EventTrace()
    made.begin(100.0)
    return made


def test_kinds_times_and_repetitions() -> None:
    kept = flight()
    kept.note("line up", 100.25)
    kept.sent(ResponseCreate("e", instructions="secret"), 100.5)
    for at in (100.75, 100.8, 100.9):
        kept.heard(server_events.AudioDelta("r", "i", 0, b""), at)
    kept.heard(server_events.ServerError("invalid_request_error", "rate_limited", "secret", "", ""), 101.0)
    assert kept.steps == (
        ConnectionStep(at_ms=250, kind="line up"),
        ConnectionStep(at_ms=500, kind="response.create", sent=True),
        ConnectionStep(at_ms=750, kind="AudioDelta", times=3),
        ConnectionStep(at_ms=1000, kind="ServerError rate_limited"),
    )


@pytest.mark.parametrize("code", ["secret words", "SECRET", "", "x" * 61])
def test_codes_that_are_none_are_left_out(code: str) -> None:
    kept = flight()
    kept.heard(server_events.ServerError("error", code, "secret", "", ""), 100.0)
    assert [each.kind for each in kept.steps] == ["ServerError"]


def test_the_latest_are_kept() -> None:
    kept = flight()
    for number in range(MOST + 10):
        kept.sent(ItemDelete("e", "i") if number % 2 else ResponseCreate("e"), 100.0 + number)
    assert len(kept.steps) == MOST
    assert kept.steps[-1].at_ms == 1000 * (MOST + 9)
