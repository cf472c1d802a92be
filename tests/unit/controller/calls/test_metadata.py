"""Metadata of calls: what a call may have, how it changes, what a filter finds."""

from typing import Any

import pytest

from controller.calls.machine import inputs
from controller.calls.machine.call import Call
from controller.calls.machine.rows import agent_control
from controller.calls.metadata import LONGEST, MOST, TooMuch, fitting, has, merged
from controller.calls.reporting.call_log import CallLog
from controller.calls.reporting.diff import changes, observed
from controller.calls.reporting.lifecycle import MetadataChanged
from controller.calls.reporting.view import view_of
from controller.calls.runtime.lookup import Found, found_in
from controller.calls.tools.http import Answer
from tests.unit.controller.calls.machine.test_table import NOW, talking

FULL = {f"key-{number}": "x" for number in range(MOST)}


@pytest.mark.parametrize(
    ("before", "asked", "after"),
    [
        ({}, {"order": "17"}, {"order": "17"}),
        ({"order": "17"}, {"order": "18", "shop": "b"}, {"order": "18", "shop": "b"}),
        ({"order": "17", "shop": "b"}, {"order": None}, {"shop": "b"}),
        ({}, {"order": None}, {}),
        (FULL, {"key-0": None, "new": ""}, {key: "x" for key in FULL if key != "key-0"} | {"new": ""}),
    ],
)
def test_changes_are_merged(before: dict[str, str], asked: dict[str, str | None], after: dict[str, str]) -> None:
    assert merged(before, asked) == after


def test_there_is_a_most() -> None:
    with pytest.raises(TooMuch):
        merged(FULL, {"one-more": "x"})


@pytest.mark.parametrize(
    ("found", "kept"),
    [
        (None, {}),
        (["order"], {}),
        ({"order": 17, "a b": "x", "=": "x", "": "x", "list": [], "k" * 65: "x"}, {"order": "17"}),
        ({"order": "1\x007"}, {"order": "1 7"}),
        ({"order": "x" * (LONGEST + 1)}, {"order": "x" * LONGEST}),
        ({f"k{number}": "x" for number in range(MOST + 4)}, {f"k{number}": "x" for number in range(MOST)}),
    ],
)
def test_of_what_others_tell_as_much_is_kept_as_fits(found: Any, kept: dict[str, str]) -> None:
    assert fitting(found) == kept


def test_a_filter_wants_every_pair() -> None:
    assert has({"order": "17", "shop": "b"}, [("order", "17")])
    assert not has({"order": "17"}, [("order", "17"), ("shop", "b")])
    assert has({}, [])


def test_a_change_shows_in_the_view_and_is_told_once() -> None:
    call: Call = talking()
    before = observed(call)
    assert agent_control.metadata(call, inputs.MetadataAsked({"order": "17"}, "ops"), NOW) == []
    assert changes(call, before) == [MetadataChanged(call.plan.call, {"order": "17"})]
    assert view_of(call, CallLog()).metadata == {"order": "17"}
    agent_control.metadata(call, inputs.MetadataAsked(dict(FULL), "ops"), NOW)
    assert call.metadata == {"order": "17"}  # no room: as before
    assert hash(view_of(call, CallLog()))  # observers look views up


def test_it_is_in_no_repr() -> None:
    call = talking()
    agent_control.metadata(call, inputs.MetadataAsked({"order": "secret"}, "ops"), NOW)
    shown = [call, call.plan, view_of(call, CallLog()), inputs.MetadataAsked({"order": "secret"}, "ops")]
    assert "secret" not in repr(shown)


def test_a_look_up_tells_variables_and_metadata() -> None:
    told = Answer(True, '{"name": "Ada", "metadata": {"crm:id": "0036A", "score": 7, "a b": "x", "half": "\\ud83d"}}')
    found = found_in(told, "c1")
    assert found == Found({"name": "Ada"}, {"crm:id": "0036A", "score": "7", "half": "\ufffd"})
    assert "Ada" not in repr(found)
