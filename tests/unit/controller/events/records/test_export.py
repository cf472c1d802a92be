"""controller.events.records.export: lines that other programs read."""

import csv
import io
import json
import re
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, strategies as st

from controller.events.records import export
from tests.unit.controller.views import CALL, STARTED


def call(**changes: Any) -> Any:
    values: dict[str, Any] = dict.fromkeys(export.COLUMNS) | {
        "call": CALL,
        "attempt": 1,
        "direction": "inbound",
        "agent": "reception",
        "trunk": "main",
        "caller": "+4930123",
        "callee": "5001",
        "started_at": STARTED,
        "answered_at": STARTED + timedelta(seconds=2),
        "ended_at": STARTED + timedelta(seconds=62.9),
        "outcome": "answered",
        "turns": 3,
        "cost": 0.01,
    }
    return SimpleNamespace(**values | changes)


def test_a_cdr_is_asterisks_row() -> None:
    row = next(csv.reader(io.StringIO(export.line(call(), "cdr"))))
    start = STARTED.strftime("%Y-%m-%d %H:%M:")
    assert row[:9] == [
        "",
        "+4930123",
        "5001",
        "voiceai",
        '"" <+4930123>',
        "main",
        "Stasis/voiceai-reception",
        "Stasis",
        "voiceai",
    ]
    assert row[9].startswith(start)
    assert row[12:] == ["62", "60", "ANSWERED", "DOCUMENTATION", f"{CALL}.1", "answered"]
    assert len(row) == 18


def test_a_cdr_has_quotes_where_asterisk_has_them() -> None:
    """As Asterisk 22 wrote of a caller who was refused: no answer is not an empty text."""
    line = export.line(call(answered_at=None, caller=None, callee='a"b', outcome="declined"), "cdr")
    assert line.startswith('"","","a""b","voiceai",""""" <>","main",')
    assert re.search(r'"voiceai","[-0-9: ]{19}",,"[-0-9: ]{19}",62,0,"NO ANSWER","DOCUMENTATION",', line)
    assert line.endswith(f'"{CALL}.1","declined"\n')


@pytest.mark.parametrize(
    ("outcome", "answered", "word"),
    [
        ("busy", False, "BUSY"),
        ("no_answer", False, "NO ANSWER"),
        ("declined", False, "NO ANSWER"),
        ("congestion", False, "CONGESTION"),
        ("invalid_number", False, "FAILED"),
        ("failed", True, "ANSWERED"),
        ("answered", False, "NO ANSWER"),
        (None, False, "NO ANSWER"),
    ],
)
def test_dispositions(outcome: str | None, answered: bool, word: str) -> None:
    assert export.disposition(outcome, STARTED if answered else None) == word


def test_json_is_one_object_a_line() -> None:
    line = export.line(call(detail="two\nlines"), "json")
    assert line.count("\n") == 1
    assert json.loads(line)["detail"] == "two\nlines"
    assert tuple(json.loads(line)) == export.COLUMNS


STARTS = st.sampled_from(["", "=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"])


@given(STARTS, st.text(max_size=30), st.sampled_from(["caller", "callee", "trunk", "outcome", "detail", "agent"]))
def test_no_cell_of_a_spreadsheet_is_a_formula(start: str, text: str, column: str) -> None:
    for form, columns in (("csv", len(export.COLUMNS)), ("cdr", 18)):
        line = export.line(call(**{column: start + text}), form)  # type: ignore[arg-type]
        cells = next(csv.reader(io.StringIO(line, newline="")))
        assert len(cells) == columns
        for cell in cells:
            assert not cell.startswith(("=", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠"))
            assert not cell.startswith("+") or cell[1:].isdigit()
    assert next(csv.reader(io.StringIO(export.head("csv")))) == list(export.COLUMNS)


@given(st.text(st.sampled_from('a1;,|\t\n "=+-@＝'), max_size=12))
def test_nor_is_one_where_semicolons_part_cells(text: str) -> None:
    for form in ("csv", "cdr"):
        line = export.line(call(caller=text), form)
        for cell in re.split("[;|]", line)[1:]:
            assert cell.lstrip(' "')[:1] not in tuple("=+-@\t\n＝"), line


@pytest.mark.parametrize("caller", ["+49301234567", "5001", "*72", "anonymous", None])
def test_an_ordinary_number_stays_as_it_is(caller: str | None) -> None:
    lines = [export.line(call(caller=caller), "csv"), export.line(call(caller=caller), "cdr")]
    assert all((caller or "") in next(csv.reader([line])) for line in lines)
