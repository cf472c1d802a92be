"""The log's lines: one for each event a session tells, words only where the log can leave them out."""

from typing import Any

import pytest

from bridge import contract
from bridge.contract.log_lines import line_of

SECRET = "4711"
EVENTS: list[tuple[contract.CallEvent, str]] = [
    (contract.Ready(call="c", model="m", session="s", took_ms=3), "session ready"),
    (contract.Failed(call="c", kind="config", message="x"), "no AI session"),
    (contract.MediaConnected(call="c"), "media leg connected"),
    (contract.MediaFormat(call="c", rate=24000, frame_bytes=960), "audio"),
    (contract.MediaGone(call="c", reason="x"), "media leg gone"),
    (contract.Said(call="c", who="caller", text=SECRET, item="i"), "caller said"),
    (contract.Said(call="c", who="agent", text=SECRET, item="i", heard_ms=5), "agent said"),
    (
        contract.TurnMeasured(call="c", turn=1, endpointing_ms=345.678, first_delta_ms=1.234, first_frame_ms=None),
        "turn",
    ),
    (contract.BargedIn(call="c", item="i", heard_ms=5, latency_ms=1.26), "caller interrupted"),
    (contract.DigitPressed(call="c", digit=SECRET), "digit"),
    (contract.ToolCalled(call="c", tool_call="t", name="n", arguments={"to": SECRET}), "tool called"),
    (contract.AiWarning(call="c", kind="rate_limited", code="x"), "the AI's side had a problem"),
    (contract.Ended(call="c", reason="x"), "session ended"),
]


@pytest.mark.parametrize(("event", "text"), EVENTS, ids=[text for _, text in EVENTS])
def test_each_event_has_its_line(event: contract.CallEvent, text: str) -> None:
    words, fields = line_of(event)
    assert words == text
    open_fields: dict[str, Any] = {name: value for name, value in fields.items() if not name.endswith("_pii")}
    assert SECRET not in str(open_fields)


def test_the_rate_and_chunk_of_a_call_are_stated() -> None:
    assert line_of(EVENTS[3][0]) == ("audio", {"rate": 24000, "chunk": 960})


def test_times_are_rounded() -> None:
    fields = {"turn": 1, "endpointing_ms": 345.7, "first_delta_ms": 1.2, "first_frame_ms": None}
    assert line_of(EVENTS[7][0])[1] == fields
