"""What a call did between two looks at it, as lifecycle events."""

from controller.calls.machine import inputs, table
from controller.calls.machine.call import Call
from controller.calls.machine.plan import AgentPlan, Plan, State
from controller.calls.machine.types import Target
from controller.calls.reporting.diff import changes, observed
from controller.calls.reporting.lifecycle import (
    CallAnswered,
    ControlChanged,
    ParticipantMoved,
    StateChanged,
    TransferMoved,
)
from tests.unit.controller.calls.machine.test_table import CALL, CALLER, IDS, SPEC
from tests.unit.controller.views import STARTED, later

TARGET = Target("PJSIP/4930@trunk", "4930")


def test_an_inbound_call_with_two_transfers() -> None:
    call = Call(Plan(CALL, "inbound", CALLER, AgentPlan(SPEC), {}), STARTED)
    table.start(call)
    told = []
    story: list[inputs.Input] = [
        inputs.AiReady(),
        inputs.LegEntered(IDS.media),
        inputs.MediaFlowing(),
        inputs.TransferAsked(TARGET, "ops"),
        inputs.LegGone(IDS.target(1), 17),
        inputs.Conversed(),
        inputs.TransferAsked(TARGET, "ops"),
        inputs.LegEntered(IDS.target(2)),
    ]
    for second, what in enumerate(story, start=1):
        before = observed(call)
        table.handle(call, what, later(second))
        told += changes(call, before)
    assert told == [
        CallAnswered(CALL, "inbound", 1.0),
        StateChanged(CALL, "connecting", "ringing"),
        StateChanged(CALL, "talking", "connecting"),
        TransferMoved(CALL, 1, "ringing", "4930", "ops", None),
        StateChanged(CALL, "transferring", "talking"),
        TransferMoved(CALL, 1, "failed", "4930", "ops", "busy"),
        StateChanged(CALL, "talking", "transferring"),
        TransferMoved(CALL, 2, "ringing", "4930", "ops", None),
        StateChanged(CALL, "transferring", "talking"),
        TransferMoved(CALL, 2, "answered", "4930", "ops", "answered"),
        StateChanged(CALL, "transferred", "transferring"),
    ]
    assert call.state is State.TRANSFERRED


def test_what_ops_do() -> None:
    call = Call(Plan(CALL, "inbound", CALLER, AgentPlan(SPEC), {}), STARTED)
    table.start(call)
    leg = IDS.participant("one")
    opening: list[inputs.Input] = [inputs.AiReady(), inputs.LegEntered(IDS.media), inputs.MediaFlowing()]
    story: list[inputs.Input] = [
        inputs.ParticipantAsked(leg, TARGET, "ops"),
        inputs.LegEntered(leg),
        inputs.HoldAsked("ops"),
        inputs.MuteAsked("caller", True, "ops"),
        inputs.MuteAsked("caller", True, "ops"),
        inputs.LegGone(CALLER),
    ]
    for what in opening:
        table.handle(call, what, STARTED)
    told = []
    for what in story:
        before = observed(call)
        table.handle(call, what, STARTED)
        told += changes(call, before)
    assert told == [
        ParticipantMoved(CALL, leg, "ringing", "4930", "ops", None),
        ParticipantMoved(CALL, leg, "joined", "4930", "ops", "answered"),
        ControlChanged(CALL, "reception", "ops", (), "off"),
        StateChanged(CALL, "holding", "talking"),
        ControlChanged(CALL, "reception", "ops", ("caller",), "off"),
        ParticipantMoved(CALL, leg, "left", "4930", "ops", "answered"),
        StateChanged(CALL, "ending", "holding"),
    ]


def test_nothing_changed() -> None:
    call = Call(Plan(CALL, "outbound", IDS.callee, AgentPlan(SPEC), {}), STARTED)
    assert changes(call, observed(call)) == []
