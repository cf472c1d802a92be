"""What the table declares of the states that follow each other: as ARCHITECTURE.md shows it, and kept to."""

from collections import defaultdict
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from controller.calls.machine import commands, inputs, table
from controller.calls.machine.outcome import Outcome
from controller.calls.machine.plan import State
from controller.calls.machine.row import END, Row
from controller.calls.machine.rows import hold
from tests.unit.controller.calls.machine.test_table import NOW, OVER, feed, inbound, outbound, talking
from tests.unit.controller.calls.runtime.test_actor import OPENING, Rig

DOCUMENT = Path(__file__).parents[5] / "ARCHITECTURE.md"
IN_PRODUCTION = table.undeclared


def listed() -> str:
    """A row a state: those that may follow, each with the inputs that lead there."""
    found: dict[State, dict[State, set[str]]] = defaultdict(lambda: defaultdict(set))
    for (state, kind), row in table.TABLE.items():
        for after in row.to - END - {state}:
            found[state][after].add(kind.__name__)
    lines = ["| state | followed by |", "|---|---|"]
    for state in State:
        names = (f"`{each.value}` ({', '.join(sorted(found[state][each]))})" for each in State if each in found[state])
        if state in found:
            lines.append(f"| `{state.value}` | {', '.join(names)} |")
    return "\n".join(lines)


def test_the_document_lists_the_states_that_follow() -> None:
    shown = DOCUMENT.read_text().partition("compares -->\n")[2].partition("\n<!-- /states -->")[0]
    assert shown == listed()


def test_nothing_but_the_end_follows_from_rows_of_every_state() -> None:
    rows = [*table.ALWAYS.values(), *(row for _, row in table.TAKEN_FIRST)]
    assert all(row.to <= END for row in rows)


def test_a_key_is_given_once() -> None:
    row: dict[type, Row] = {inputs.AiReady: Row(lambda *_: [])}
    other: dict[type, Row] = {inputs.AiFailed: Row(lambda *_: [])}
    assert table.merged([row, other]).keys() == {inputs.AiReady, inputs.AiFailed}
    with pytest.raises(ValueError, match="AiReady"):
        table.merged([row, dict(row)])


def test_a_transition_that_no_row_declares_is_an_error_here(monkeypatch: pytest.MonkeyPatch) -> None:
    call = talking()
    monkeypatch.setitem(table.TABLE, (State.TALKING, inputs.HoldAsked), Row(hold.asked))
    with pytest.raises(AssertionError, match="does not declare"):
        feed(call, inputs.HoldAsked("ops"))


def test_a_transition_that_no_row_declares_ends_no_call_in_production(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "undeclared", IN_PRODUCTION)
    monkeypatch.setitem(table.TABLE, (State.TALKING, inputs.HoldAsked), Row(hold.asked))
    call = talking()
    assert commands.PauseAi() in feed(call, inputs.HoldAsked("ops"))
    assert (call.state, call.undeclared) == (State.HOLDING, "talking to holding on HoldAsked")


def test_a_transition_that_has_no_row_at_all_keeps_no_caller_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "undeclared", IN_PRODUCTION)
    monkeypatch.delitem(table.ALWAYS, inputs.AgentLost)
    call = outbound()
    table.start(call)
    table.handle(call, inputs.MediaLost("gone"), NOW)
    assert (call.state, call.outcome) == (State.ENDING, Outcome.FAILED)
    assert (call.detail, call.undeclared) == ("no row for AgentLost", "preparing to preparing on AgentLost")


def test_inputs_that_come_late_have_no_row() -> None:
    call = inbound()
    table.start(call)
    assert table.handle(call, inputs.LastSaid("wrap-up"), NOW) == []
    assert call.undeclared is None


async def test_a_transition_that_no_row_declares_is_one_line_of_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "undeclared", IN_PRODUCTION)
    monkeypatch.setitem(table.TABLE, (State.TALKING, inputs.HoldAsked), Row(hold.asked))
    rig = Rig()
    rig.put(*OPENING, inputs.HoldAsked("ops"), inputs.DigitsAsked("1", "ops"), inputs.HangUpAsked("ops"), OVER)
    with capture_logs() as logs:
        await rig.actor.run()
    assert [each["was"] for each in logs if each["log_level"] == "error"] == ["talking to holding on HoldAsked"]
    assert rig.actor.call.ended_by == "ops"
