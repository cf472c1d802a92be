"""Calls as spans: what there is of each, when it began, and that nothing personal is in it."""

from dataclasses import replace
from datetime import timedelta

from bridge import contract
from controller.calls.machine.call import Call
from controller.calls.machine.plan import AgentPlan, Plan
from controller.calls.reporting import lifecycle
from controller.calls.reporting.call_log import CallLog
from controller.calls.reporting.view import CallView, view_of
from controller.telemetry.spans import MOST, Span, Spans
from tests.unit.controller.calls.machine.test_table import CALL, CALLER, NOW, SPEC

PLAN = Plan(CALL, "inbound", CALLER, AgentPlan(SPEC), {})
VIEW = replace(view_of(Call(PLAN, NOW), CallLog()), caller="+4930123456", agent="reception", trunk="main")


def at(seconds: float) -> timedelta:
    return timedelta(seconds=seconds)


def told(*steps: tuple[float, lifecycle.LifecycleEvent], view: CallView = VIEW) -> list[Span]:
    spans = Spans()
    assert spans.observe(lifecycle.CallBegan("inbound", view), NOW) is None
    for seconds, what in steps:
        assert spans.observe(what, NOW + at(seconds)) is None
    over = lifecycle.CallOver("inbound", "answered", 58.5, replace(view, ended_by="caller", cause=16, cost=0.25))
    done = spans.observe(over, NOW + at(60))
    assert done is not None
    assert done[0] == CALL
    assert spans.observe(over, NOW + at(61)) is None, "once"
    return done[1]


def test_the_call_is_the_first_span_and_holds_all_others() -> None:
    root, *inner = told(
        (0.5, contract.Ready(call=CALL, model="m", session="s", took_ms=400)),
        (1.5, lifecycle.CallAnswered(CALL, "inbound", 1.5)),
        (9.0, contract.TurnMeasured(call=CALL, turn=1, endpointing_ms=300, first_delta_ms=500, first_frame_ms=700)),
        (12.0, contract.BargedIn(call=CALL, item="i", heard_ms=900, latency_ms=20)),
        (15.0, lifecycle.ToolTimed("look_up", 2.0, ok=False, call=CALL)),
        (20.0, lifecycle.TransferMoved(CALL, 1, "ringing", "+4930999", "agent", None)),
        (25.0, lifecycle.TransferMoved(CALL, 1, "failed", "+4930999", "agent", "busy")),
        (30.0, lifecycle.CallFailedOver(CALL, 1.0)),
    )
    assert (root.name, root.begin, root.end, root.ok) == ("call", NOW, NOW + at(60), True)
    facts = {"agent": "reception", "outcome": "answered", "ended_by": "caller", "cause": 16, "cost": 0.25}
    assert facts.items() <= root.facts.items()
    found = {span.name: (span.begin - NOW, span.end - NOW) for span in inner}
    assert found == {
        "session": (at(0.1), at(0.5)),
        "setup": (at(0), at(1.5)),
        "turn": (at(8.0), at(9.0)),
        "barge-in": (at(11.98), at(12.0)),
        "tool": (at(13.0), at(15.0)),
        "transfer": (at(20.0), at(25.0)),
        "rehome": (at(29.0), at(30.0)),
    }
    assert [span.ok for span in inner if span.name == "tool"] == [False]


def test_no_number_and_no_word() -> None:
    spans = told(
        (1.0, contract.Said(call=CALL, who="caller", text="my pin is 4711", item="i")),
        (2.0, contract.DigitPressed(call=CALL, digit="7")),
        (3.0, contract.ToolCalled(call=CALL, tool_call="t", name="look_up", arguments={"id": "4711"})),
        (4.0, lifecycle.TransferMoved(CALL, 1, "failed", "+4930999", "agent", "busy")),
    )
    text = str(spans)
    assert [word for word in ("4930123456", "4711", "4930999") if word in text] == []


def test_a_call_that_does_not_end_its_turns_is_bounded() -> None:
    turn = contract.BargedIn(call=CALL, item=None, heard_ms=1, latency_ms=1.0)
    assert len(told(*[(1.0, turn)] * (MOST + 5))) == MOST + 1


def test_what_is_told_of_no_live_call_is_nothing() -> None:
    spans = Spans()
    assert spans.observe(lifecycle.CallAnswered(CALL, "inbound", 1.0), NOW) is None
    assert spans.observe(lifecycle.CallerRefused("busy"), NOW) is None
