"""What a tool call would do, without a call."""

from typing import Any

import pytest
from hypothesis import given, strategies as st

from bridge.contract import ToolCalled
from controller.calls.planning import planner
from controller.config.loader import parse
from controller.text_sessions import tool_outcomes
from controller.text_sessions.text_spec import text_spec
from controller.text_sessions.tool_outcomes import Answered, Ends, Runs

CONFIG = parse(
    """
asterisk: {ari: {password: p-12345678}}
openai: {api_key: sk-1234567890}
trunks: {main: {endpoint: "PJSIP/{number}@t", allow: ["[0-9+]+"], country_code: "49"}}
transfer: {targets: {colleague: "+493012345678"}}
http_tools:
  order:
    description: Looks it up.
    url: "https://shop.example/{number}"
    parameters: {type: object, properties: {number: {type: string}}, required: [number]}
agents:
  reception:
    instructions: Be kind.
    greeting: Hello.
    tools: [transfer, hang_up, send_dtmf, hold, wait_for_user, voicemail, order]
    idle: {after_s: 5}
    recording: {path: /srv, consent: This is recorded.}
""",
    {},
)
AGENT = planner.agent_plan(CONFIG, "reception", {}, None)
PLAN = tool_outcomes.plan_of("text-1", AGENT)


def outcome(
    name: str, arguments: dict[str, Any], results: dict[str, str] | None = None, *, conversed: bool = True
) -> Any:
    called = ToolCalled(call="text-1", tool_call="c1", name=name, arguments=arguments)
    return tool_outcomes.outcome_of(CONFIG, PLAN, called, results or {}, conversed=conversed)


@pytest.mark.parametrize(
    ("name", "arguments", "how"),
    [("hang_up", {}, "hang_up"), ("transfer", {"to": "colleague"}, "transfer"), ("voicemail", {}, "voicemail")],
)
def test_what_ends_the_agents_part(name: str, arguments: dict[str, Any], how: str) -> None:
    told = outcome(name, arguments)
    assert isinstance(told, Ends)
    assert (told.ending.by, told.ending.how, told.ending.to) == ("agent", how, arguments.get("to"))


@pytest.mark.parametrize(
    ("name", "arguments", "by", "ok", "respond"),
    [
        ("transfer", {"to": "+4911111"}, "check", False, True),
        ("transfer", {}, "check", False, True),
        ("send_dtmf", {"digits": "12#"}, "built_in", True, False),
        ("send_dtmf", {"digits": "x"}, "check", False, True),
        ("hold", {"seconds": 10}, "built_in", True, True),
        ("hold", {"seconds": "long"}, "check", False, True),
        ("wait_for_user", {}, "built_in", True, False),
        ("order", {}, "check", False, True),
        ("order", {"number": 5}, "check", False, True),
        ("fly", {}, "check", False, True),
    ],
)
def test_what_is_answered(name: str, arguments: dict[str, Any], by: str, ok: bool, respond: bool) -> None:
    told = outcome(name, arguments)
    assert isinstance(told, Answered)
    assert (told.by, told.ok, told.respond) == (by, ok, respond)


def test_given_results_and_tools_that_run() -> None:
    assert outcome("order", {"number": "5"}) == Runs("order", {"number": "5"})
    assert outcome("order", {"number": "5"}, {"order": "sent"}) == Answered("sent", True, "test")
    assert outcome("transfer", {"to": "colleague"}, {"transfer": "busy"}) == Answered("busy", False, "test")
    assert not outcome("hang_up", {}, conversed=False).ok


JSON = st.recursive(st.none() | st.booleans() | st.floats() | st.text(max_size=5), lambda e: st.lists(e, max_size=2))


@given(st.sampled_from(["transfer", "send_dtmf", "hold", "order", "hang_up", "x"]), st.dictionaries(st.text(), JSON))
def test_any_arguments_have_one_outcome(name: str, arguments: dict[str, Any]) -> None:
    more = {"to": arguments.get("to"), "seconds": arguments.get("seconds"), "number": arguments.get("number")}
    assert isinstance(outcome(name, {**arguments, **more}), Answered | Ends | Runs)


def test_what_of_an_agent_is_left_without_sound() -> None:
    spec = text_spec(AGENT.spec, by_hand=True, mcp=False)
    assert spec.modality == "text"
    assert (spec.greeting, spec.consent, spec.no_input, spec.recording) == ("Hello.", None, None, None)
    assert {tool.timeout_s for tool in spec.tools} == {120.0}
