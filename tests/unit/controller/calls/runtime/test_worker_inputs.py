"""What workers report, as inputs: tools checked, words and money kept apart."""

from typing import Any

import pytest

from bridge import contract
from controller.calls.machine import inputs
from controller.calls.machine.plan import Plan, PlaySound, TransferTo
from controller.calls.machine.types import Target
from controller.calls.planning import planner, routing
from controller.calls.runtime.worker_inputs import inputs_of
from tests.unit.controller.configs import FULL, config

CALL = "5f1c9f0e-8a43-4b8e-9b57-2a6f0d3f9c11"
CONFIG = config(
    FULL,
    http_tools={"look_up": {"description": "Looks up.", "url": "https://shop.example"}},
    agents__night={
        "instructions": "Be quiet.",
        "tools": ["transfer", "hang_up", "send_dtmf", "hold", "wait_for_user", "look_up"],
        "on_ai_failure": [{"say": "voiceai/sorry"}, {"transfer": "sales"}, {"transfer": "support"}, "hang_up"],
        "dtmf": {"0": {"transfer": "support"}, "9": "hang_up"},
        "max_call_s": 60,
        "wrap_up": "Time is up.",
    },
)
SALES = Target("PJSIP/4930555@trunk", "4930555", caller_id="+4930123", timeout=30.0, trunk="main")
SUPPORT = Target("Local/7000@queues/n", "7000@queues", trunk="main")


def plan(trunk: str | None = "main") -> Plan:
    arrival = routing.Arrival(CALL, "5001", "+4930", trunk)
    return planner.inbound(CONFIG, arrival, "night", leg="1.1", template_vars={})


def asked(name: str, **arguments: Any) -> inputs.Input:
    event = contract.ToolCalled(call=CALL, tool_call="t1", name=name, arguments=arguments)
    (what,) = inputs_of(CONFIG, plan(), event)
    return what


@pytest.mark.parametrize(
    ("name", "arguments", "expected"),
    [
        ("hang_up", {"reason": 5}, inputs.HangUpTool("t1")),
        ("transfer", {"to": "sales"}, inputs.TransferAsked(SALES, "agent", "t1")),
        ("transfer", {"to": "support"}, inputs.TransferAsked(SUPPORT, "agent", "t1")),
        ("send_dtmf", {"digits": "12#w"}, inputs.SendDigitsTool("t1", "12#w")),
        ("hold", {}, inputs.HoldTool("t1", 30.0)),
        ("hold", {"seconds": 1}, inputs.HoldTool("t1", 5.0)),
        ("hold", {"seconds": 1e9}, inputs.HoldTool("t1", 90.0)),
        ("wait_for_user", {}, inputs.WaitTool("t1")),
        ("look_up", {"a": 1}, inputs.RunTool("t1", "look_up", {"a": 1})),
    ],
)
def test_tools(name: str, arguments: dict[str, Any], expected: inputs.Input) -> None:
    assert asked(name, **arguments) == expected


@pytest.mark.parametrize(
    ("name", "arguments", "words"),
    [
        ("transfer", {"to": "0900123456"}, "There are: sales, support."),
        ("transfer", {}, "Unknown destination"),
        ("transfer", {"to": ["sales"]}, "Unknown destination"),
        ("send_dtmf", {"digits": "12 34"}, "no keys"),
        ("send_dtmf", {"digits": "1" * 33}, "no keys"),
        ("send_dtmf", {}, "no keys"),
        ("hold", {"seconds": "long"}, "number"),
        ("hold", {"seconds": True}, "number"),
        ("hold", {"seconds": float("nan")}, "number"),
        ("dance", {}, "no tool named dance"),
    ],
)
def test_misuse_is_refused_with_a_reason(name: str, arguments: dict[str, Any], words: str) -> None:
    refused = asked(name, **arguments)
    assert isinstance(refused, inputs.ToolRefused)
    assert words in refused.reason
    assert "0900" not in refused.reason


def test_a_tool_that_this_agent_does_not_have() -> None:
    other = planner.inbound(CONFIG, routing.Arrival(CALL, "", "", None), "reception", leg="1.1", template_vars={})
    event = contract.ToolCalled(call=CALL, tool_call="t1", name="look_up", arguments={})
    assert inputs_of(CONFIG, other, event) == [inputs.ToolRefused("t1", "There is no tool named look_up.")]


@pytest.mark.parametrize(
    ("event", "story"),
    [
        (contract.Ready(call=CALL, model="x", session="s", took_ms=5), [inputs.AiReady()]),
        (contract.Failed(call=CALL, kind="account", message="no"), [inputs.AiFailed("account", "no")]),
        (contract.MediaConnected(call=CALL), [inputs.MediaFlowing()]),
        (contract.MediaGone(call=CALL, reason="eof"), [inputs.MediaLost("eof")]),
        (contract.Said(call=CALL, who="agent", text="Hi", item="i"), [inputs.Conversed()]),
        (contract.DigitPressed(call=CALL, digit="0"), [inputs.Conversed(), inputs.DigitPressed("0")]),
        (contract.WrapUpDone(call=CALL, why="idle"), [inputs.LastSaid("idle")]),
        (contract.Ended(call=CALL, reason="over"), [inputs.SessionOver("over", contract.Counters())]),
        (contract.MediaFormat(call=CALL, rate=24000, frame_bytes=960), []),
    ],
)
def test_other_reports(event: contract.CallEvent, story: list[inputs.Input]) -> None:
    assert inputs_of(CONFIG, plan(), event) == story


def test_a_plan_has_what_the_agent_says() -> None:
    made = plan().agent
    assert made.on_ai_failure == (PlaySound("sound:voiceai/sorry"), TransferTo(SALES), TransferTo(SUPPORT))
    assert made.digits == {"0": SUPPORT, "9": None}
    assert (made.max_call, made.wrap_up) == (60.0, "Time is up.")
    assert made.spec.digit_actions == ("0", "9")


def test_a_step_that_the_calls_own_trunk_may_not_dial_goes_over_the_first_one() -> None:
    """The trunk `desk` allows four digits; the step was checked against the first trunk."""
    assert plan("desk").agent.on_ai_failure[1] == TransferTo(SALES)


@pytest.mark.parametrize(
    ("event", "what"),
    [
        (contract.CallerAudio(call=CALL, flowing=False), inputs.CallerAudio(False)),
        (contract.RecordingState(call=CALL, state="paused"), inputs.RecordingTold("paused")),
        (
            contract.ToolCalled(call=CALL, tool_call="t1", name="refuse_transfer", arguments={}),
            inputs.DecideTool("t1", accept=False),
        ),
    ],
)
def test_what_else_becomes_an_input(event: contract.CallEvent, what: inputs.Input) -> None:
    assert inputs_of(CONFIG, plan(), event) == [what]
