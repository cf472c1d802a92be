"""The lines that the demo prints of the log."""

import io
from typing import Any

import pytest
from rich.console import Console

from demo.printer import CallPrinter

CALL = {"call": "c1"}


@pytest.fixture
def out() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def printer(out: io.StringIO) -> CallPrinter:
    return CallPrinter(Console(file=out, width=80))


def lines(out: io.StringIO) -> list[str]:
    return [line[8:] for line in out.getvalue().splitlines()]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ({"event": "call arrived", "agent": "reception", **CALL}, "call    c1 arrived, agent reception"),
        ({"event": "session ready", "model": "m", "ms": 9, **CALL}, "session ready: m, after 9 ms"),
        (
            {"event": "audio", "rate": 24000, "chunk": 960, **CALL},
            "audio   Audio: 24kHz (chunk=960B, AudioSocket type 0x13)",
        ),
        ({"event": "said", "who": "agent", "text_pii": "Hello.", **CALL}, "agent   “Hello.”"),
        (
            {"event": "said", "who": "agent", "text_pii": "Hel", "interrupted": True, "heard_ms": 120, **CALL},
            "agent   “Hel” (interrupted after 120 ms)",
        ),
        (
            {"event": "turn", "turn": 1, "first_delta_ms": 200.04, "first_frame_ms": 210.31, **CALL},
            "turn    first sound from the model after 200 ms, sent to Asterisk 10.3 ms later",
        ),
        ({"event": "tool called", "tool": "transfer", **CALL}, "tool    transfer"),
        ({"event": "worker lost", "level": "error", "reason": "killed"}, "error   worker lost killed"),
    ],
)
def test_lines(printer: CallPrinter, out: io.StringIO, line: dict[str, Any], told: str) -> None:
    printer.hear(line)
    assert lines(out) == [told]


def test_what_worker_and_controller_both_log_is_told_once(printer: CallPrinter, out: io.StringIO) -> None:
    for first_frame in (210.3, 210.31):
        printer.hear({"event": "turn", "turn": 1, "first_delta_ms": 200.0, "first_frame_ms": first_frame, **CALL})
        printer.hear({"event": "audio", "rate": 24000, "chunk": 960, **CALL})
    assert len(lines(out)) == 2
    printer.hear({"event": "audio", "rate": 8000, "chunk": 320, "call": "c2"})
    assert "8kHz (chunk=320B, AudioSocket type 0x10)" in lines(out)[2]
    assert printer.first_frame_ms == [pytest.approx(10.3)]


def test_words_are_remembered_in_order(printer: CallPrinter) -> None:
    for who, text in (("agent", "Hello."), ("caller", "stop")):
        printer.hear({"event": "said", "who": who, "text_pii": text, **CALL})
    assert printer.said == [("agent", "Hello."), ("caller", "stop")]


def test_going_down_is_no_part_of_the_story(printer: CallPrinter, out: io.StringIO) -> None:
    printer.hear({"event": "controller going down", "level": "info"})
    printer.hear({"event": "worker link broke", "level": "warning"})
    assert lines(out) == []
    assert printer.problems == []


def test_a_line_with_nothing_in_it_is_told_without(printer: CallPrinter, out: io.StringIO) -> None:
    for event in ("call arrived", "session configured", "session ready", "audio", "said", "barged in", "call ended"):
        printer.hear({"event": event})
    printer.hear({"event": "turn"})
    printer.hear({})
    assert len(lines(out)) == 7
