"""Which agent a call gets, and what its session is made of."""

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.contract import Prepare, Retention, decode_command, encode
from controller.routing import (
    Routed,
    UnknownAgent,
    fill,
    first_agent,
    first_trunk,
    retention,
    route,
    session_spec,
    trunk_of,
)
from tests.unit.controller.configs import FULL, SMALL, config, with_

AGENTS = {name: {"instructions": name} for name in ("exact", "local", "vip", "desk", "rest")}
ROUTED = config(
    with_(
        FULL,
        agents=AGENTS,
        routes=[
            {"to": "5001", "agent": "exact"},
            {"to": "*98", "agent": "exact"},
            {"to": "+4930*", "caller": "+1555*", "agent": "vip"},
            {"to": "+4930*", "agent": "local"},
            {"to": "*", "trunk": "desk", "agent": "desk"},
            {"to": "+*", "caller": "*", "agent": "rest"},
        ],
    )
)


@pytest.mark.parametrize(
    ("to", "caller", "trunk", "agent"),
    [
        ("5001", None, None, "exact"),
        ("50011", None, None, None),
        ("*98", "+1555", "main", "exact"),
        ("198", None, "main", None),
        ("+493012", "+15551", "main", "vip"),
        ("+493012", "+1444", "main", "local"),
        ("+493012", None, "desk", "local"),
        ("+4930", "", None, "local"),
        ("1234", None, "desk", "desk"),
        ("+48", None, "main", "rest"),
        ("48", "+1555", "main", None),
    ],
)
def test_the_first_route_that_fits_wins(to: str, caller: str | None, trunk: str | None, agent: str | None) -> None:
    expected = Routed(agent, ROUTED.agents[agent]) if agent else None
    assert route(ROUTED, to=to, caller=caller, trunk=trunk) == expected


def test_without_routes_the_first_agent_answers() -> None:
    routed = route(config(SMALL), to="anything", caller=None, trunk=None)
    assert routed is not None
    assert routed.agent_name == "reception"


@given(st.text(max_size=20), st.none() | st.text(max_size=20), st.none() | st.text(max_size=5))
def test_a_last_star_fits_everybody(to: str, caller: str | None, trunk: str | None) -> None:
    assert route(config(), to=to, caller=caller, trunk=trunk) is not None


@pytest.mark.parametrize(
    ("channel", "trunk"),
    [
        ("PJSIP/trunk-0000002a", "main"),
        ("PJSIP/phones-00000001", "desk"),
        ("PJSIP/trunk-2-00000001", None),
        ("PJSIP/other-00000001", None),
        ("Local/trunk-0000002a", None),
        ("PJSIP/trunk", None),
        ("", None),
    ],
)
def test_the_trunk_of_a_channel(channel: str, trunk: str | None) -> None:
    assert trunk_of(config(), channel) == trunk


def test_the_first_ones() -> None:
    assert (first_trunk(config()), first_agent(config())) == ("main", "reception")
    assert first_trunk(config(SMALL)) is None


# ---------------------------------------------------------------- sessions


def test_a_session_has_all_of_its_agent() -> None:
    agent = {
        "instructions": "Greet {{name}}.",
        "voice": "cedar",
        "greeting": "Hello {{ name }}!",
        "turn_detection": {"type": "semantic_vad", "eagerness": "high"},
        "noise_reduction": {"type": "near_field"},
        "transcription": {"model": "m", "language": "de"},
        "speed": 1.2,
        "reasoning_effort": "low",
        "max_output_tokens": 900,
        "protect_greeting": True,
        "playout_delay_ms": 40,
        "tools": ["hang_up"],
    }
    made = config(FULL, agents__reception=agent, openai__headers={"x": "y"})
    spec = session_spec(made, "reception", {"name": "Ann"})
    assert (spec.agent, spec.instructions, spec.greeting) == ("reception", "Greet Ann.", "Hello Ann!")
    for key in agent.keys() - {"instructions", "greeting", "tools"}:
        assert getattr(spec, key) == getattr(made.agents["reception"], key), key
    assert [tool.name for tool in spec.tools] == ["hang_up"]
    assert spec.provider.headers == {"x": "y"}
    assert spec.provider.api_key == made.openai.api_key


def test_a_session_crosses_the_link_whole() -> None:
    spec = session_spec(config(), "reception", {})
    sent = Prepare(call="c", spec=spec)
    assert decode_command(encode(sent)) == sent


def test_an_unknown_agent() -> None:
    with pytest.raises(UnknownAgent):
        session_spec(config(), "nobody", {})


@pytest.mark.parametrize(
    ("template", "filled"),
    [
        ("Hi {{a}}, {{ b }}.", "Hi 1, {{a}}."),  # what a variable holds is not looked at
        ("{{missing}}!", "!"),
        ("{a} {{}} {{1}} {{a b}}", "{a} {{}} {{1}} {{a b}}"),
    ],
)
def test_variables(template: str, filled: str) -> None:
    assert fill(template, {"a": "1", "b": "{{a}}"}) == filled


# ---------------------------------------------------------------- tools


def test_tools_have_valid_schemas_and_wait_for_speech() -> None:
    for tool in session_spec(config(), "reception", {}).tools:
        jsonschema.Draft202012Validator.check_schema(tool.parameters)
        assert tool.parameters["additionalProperties"] is False
        assert tool.after_speech
        assert len(tool.description) < 1024


def test_transfer_offers_the_named_targets_or_else_takes_a_number() -> None:
    named = {tool.name: tool for tool in session_spec(config(), "reception", {}).tools}["transfer"]
    assert named.parameters["properties"]["to"]["enum"] == ["sales", "support"]
    assert named.parameters["required"] == ["to"]
    free = {tool.name: tool for tool in session_spec(config(FULL, transfer={}), "reception", {}).tools}["transfer"]
    assert "enum" not in free.parameters["properties"]["to"]


def test_retention_is_told_by_folder() -> None:
    agents = {
        "a": {"instructions": "a", "recording": {"path": "/srv/a", "keep_days": 7}},
        "b": {"instructions": "b", "recording": {"path": "/srv/a", "keep_days": 7}},
        "c": {"instructions": "c", "recording": {"path": "/srv/c"}},
        "d": {"instructions": "d"},
    }
    assert retention(config(SMALL, agents=agents)) == (Retention(path="/srv/a", keep_days=7),)
    assert retention(config(SMALL)) == ()
