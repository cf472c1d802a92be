"""Which agent a call gets, and what its session is made of."""

from collections import Counter
from datetime import UTC, date, datetime
from typing import Any
from uuid import uuid4

import jsonschema
import pytest
from hypothesis import given, strategies as st

from bridge.contract import Prepare, Retention, decode_command, encode
from controller.calls.errors import UnknownAgent
from controller.calls.planning.routing import (
    Arrival,
    Routed,
    arguments,
    channel_variables,
    first_agent,
    first_trunk,
    route,
    trunk_of,
    variables_of,
)
from controller.calls.planning.session_spec import retention, session_spec
from controller.calls.tools import definitions
from controller.cli.doctor.routes import routes
from controller.config import Config, ConfigErrors
from controller.config.templates import fill
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


NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)  # a Monday


def arrival(to: str, caller: str | None = None, trunk: str | None = None, **said: str) -> Arrival:
    return Arrival("5e0fe5b2-5b29-4c33-a50b-1bd0e7b9ff3b", to, caller or "", trunk, said)


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
    routed = route(ROUTED, arrival(to, caller, trunk), NOW)
    assert (routed.agent_name if routed else None) == agent


def test_without_routes_the_first_agent_answers() -> None:
    assert route(config(SMALL), arrival("anything"), NOW) == Routed("reception")


@given(st.text(max_size=20), st.none() | st.text(max_size=20), st.none() | st.text(max_size=5))
def test_a_last_star_fits_everybody(to: str, caller: str | None, trunk: str | None) -> None:
    assert route(config(), arrival(to, caller, trunk), NOW) is not None


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


# ---------------------------------------------------------------- what a caller may have a say in


@pytest.mark.parametrize("name", ["caller", "caller_name", "called", "trunk"])
def test_nobody_else_says_who_calls(name: str) -> None:
    said = arrival("5001", "+4930", "main")
    assert arguments([f"{name}=forged"]) == {}
    forged = Arrival(said.call, "5001", "+4930", "main", {name: "forged"})
    assert variables_of(forged, None)[name] != "forged"
    assert variables_of(said, None, {name: "forged"})[name] != "forged"


@pytest.mark.parametrize(
    "spoken", ["Bob,vip=1", 'Bob,"vip=1"', "Bob, vip=1", r"Bob,v\ip=1", "Bob,x,vip=1,y", 'B"o"b,v"i"p=1', ",vip=1"]
)
def test_a_comma_in_a_callers_name_sets_no_variable(spoken: str) -> None:
    """`Stasis(voiceai,name=${CALLERID(name)},language=de)`, as it was once documented."""
    args = [each.strip().replace('"', "").replace("\\", "") for each in f"name={spoken},language=de".split(",")]
    assert "vip=1" in args
    said = arguments(args, spoken, "+4930", "5001")
    assert said["language"] == "de"
    assert "vip" not in said


def test_arguments_of_the_dialplan_are_cleaned() -> None:
    assert arguments(["note=a\nb\u202ec{{x}}", "long=" + "x" * 5000]) == {"note": "a b c((x))", "long": "x" * 1000}


def test_the_name_is_told_in_quotes_and_is_itself_elsewhere() -> None:
    told = "{{caller_name}} calls{% if caller_name == 'Bob' %}, at last{% endif %} {{caller_name|upper}}"
    made = config(SMALL, agents__reception={"instructions": told, "greeting": "Hello {{caller_name}}!"})
    spec = session_spec(made, "reception", {"caller_name": "Bob"})
    assert spec.instructions == '"Bob" calls, at last BOB'
    assert spec.greeting == "Hello Bob!"
    assert session_spec(made, "reception", {"caller_name": ""}).instructions.startswith(" calls")


def test_which_variables_are_asked_for() -> None:
    made = config(
        with_(
            FULL,
            agents={
                "reception": {"instructions": "{{order}} {{caller}} {% for x in range(2) %}{{x}}{% endfor %}"},
                "night": {"instructions": "i", "greeting": "{{salute}}", "wrap_up": "{{wrapped}}"},
            },
            routes=[{"to": "*", "agent": "night", "variables": {"language": "de*"}}],
        )
    )
    assert channel_variables(made) == ("language", "order", "salute", "wrapped")
    assert channel_variables(config(SMALL)) == ()


# ---------------------------------------------------------------- time, weight, what the dialplan says


def routed_by(**keys: Any) -> Config:
    """A route with these keys, and one behind it if it does not fit everything."""
    agents = {name: {"instructions": name} for name in ("day", "night", "trial")}
    routes = [{"to": "*", "agent": "day", **keys}]
    if keys.keys() & {"hours", "variables"}:
        routes.append({"to": "*", "agent": "night"})
    return config(with_(FULL, agents=agents, routes=routes))


@pytest.mark.parametrize(
    ("moment", "agent"),
    [
        ("2026-11-23T07:59:59+01:00", "night"),
        ("2026-11-23T08:00:00+01:00", "day"),
        ("2026-11-23T17:59:59+01:00", "day"),
        ("2026-11-23T18:00:00+01:00", "night"),
        ("2026-11-23T16:59:00+00:00", "day"),  # the zone's clock counts, not ours
        ("2026-11-23T17:01:00+00:00", "night"),
        ("2026-11-22T12:00:00+01:00", "night"),  # a Sunday
        ("2026-12-25T12:00:00+01:00", "night"),  # a holiday
        ("2026-07-01T06:30:00+00:00", "day"),  # summer time
    ],
)
def test_a_route_by_time(moment: str, agent: str) -> None:
    hours = {"time_zone": "Europe/Berlin", "windows": ["mon-fri 08:00-18:00"], "closed_on": [date(2026, 12, 25)]}
    routed = route(routed_by(hours=hours), arrival("1"), datetime.fromisoformat(moment))
    assert routed is not None
    assert routed.agent_name == agent


def test_weights_split_calls_and_a_call_keeps_its_part() -> None:
    made = routed_by(agent={"day": 75, "trial": 25, "night": 0})
    found = [route(made, Arrival(str(uuid4()), "1", "", None), NOW) for _ in range(2000)]
    counts = Counter(each.agent_name for each in found if each)
    assert counts["night"] == 0
    assert 0.18 < counts["trial"] / 2000 < 0.32
    same = {each.agent_name for _ in range(5) if (each := route(made, arrival("1"), NOW))}
    assert len(same) == 1


NUMBERS = st.from_regex(r"\+49[0-9]{6,12}", fullmatch=True)


@given(NUMBERS, st.sampled_from(["trial-1", "trial-2"]))
def test_the_same_caller_gets_the_same_agent(caller: str, word: str) -> None:
    made = routed_by(agent={"day": 1, "trial": 1}, sticky=word)
    found = [route(made, Arrival(str(uuid4()), "1", caller, None), NOW) for _ in range(8)]
    assert len({each.agent_name for each in found if each}) == 1


@given(st.integers(0, 10**6), st.integers(5, 95))
def test_the_shares_hold_over_many_callers_and_another_word_draws_anew(begin: int, share: int) -> None:
    """Whatever block of numbers the callers have. 1000 draws: six standard deviations are less than 0.1."""
    weights = {"trial": share, "day": 100 - share, "night": 0}
    drawn = [
        [
            found.agent_name
            for number in range(begin, begin + 1000)
            if (found := route(made, Arrival("same", "1", f"+49{number:09}", None), NOW))
        ]
        for made in (routed_by(agent=weights, sticky=word) for word in ("one", "two"))
    ]
    for agents in drawn:
        assert abs(agents.count("trial") / 1000 - share / 100) < 0.1
        assert "night" not in agents
    assert drawn[0] != drawn[1]


@pytest.mark.parametrize(("one", "other"), [("+4930555", "030555"), ("4930555", "004930555")])
def test_two_routes_for_one_number_are_an_error(one: str, other: str) -> None:
    routed = [{"to": one, "agent": "night"}, {"to": other, "agent": "reception"}]
    with pytest.raises(ConfigErrors, match="is never reached"):
        config(routes=routed, trunks__desk__country_code="49")
    with pytest.raises(ConfigErrors, match="stands there already"):
        config(limits={"per_number": {one: 1, other: 2}}, trunks__desk__country_code="49")
    different = [{"to": one, "agent": "night"}, {"to": other + "1", "agent": "reception"}]
    told = [each.told for each in routes(config(routes=different, trunks__desk__country_code="49"), NOW)]
    assert all(spelling in told[0] for spelling in ("+4930555", "004930555", "4930555", "030555"))


def test_a_withheld_number_is_drawn_for_each_call() -> None:
    made = routed_by(agent={"day": 1, "trial": 1}, sticky="trial-1")
    found = {each.agent_name for _ in range(60) if (each := route(made, Arrival(str(uuid4()), "1", "", None), NOW))}
    assert found == {"day", "trial"}


def test_a_route_by_what_the_dialplan_says() -> None:
    made = routed_by(variables={"language": "de*"})
    for said, agent in (({"language": "de-AT"}, "day"), ({"language": "en"}, "night"), ({}, "night")):
        routed = route(made, arrival("1", **said), NOW)
        assert routed is not None
        assert routed.agent_name == agent


def test_arguments_of_the_dialplan() -> None:
    assert arguments(("a=1", "b", "c=x=y", "=z", "9=z", "d=")) == {"a": "1", "c": "x=y", "d": ""}


def test_what_the_operator_sets_wins() -> None:
    made = routed_by(set={"language": "de", "greeting": "Moin"})
    told = variables_of(arrival("5001", "+49", "main", language="en"), made.routes[0])
    assert told == {
        "caller": "+49",
        "caller_name": "",
        "called": "5001",
        "trunk": "main",
        "language": "de",
        "greeting": "Moin",
    }


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


def test_transfer_offers_the_named_targets_and_any_number_only_where_the_config_says_so() -> None:
    named = {tool.name: tool for tool in session_spec(config(), "reception", {}).tools}["transfer"]
    assert named.parameters["properties"]["to"]["enum"] == ["sales", "support"]
    assert named.parameters["required"] == ["to"]
    nowhere = config(FULL, transfer={})
    assert "transfer" not in {tool.name for tool in session_spec(nowhere, "reception", {}).tools}
    assert (definitions.without_destination(nowhere), definitions.without_destination(config())) == (
        ["reception", "night"],
        [],
    )
    anywhere = config(FULL, transfer__any_number=True)
    free = {tool.name: tool for tool in session_spec(anywhere, "reception", {}).tools}["transfer"]
    assert "enum" not in free.parameters["properties"]["to"]
    assert "sales, support" in free.parameters["properties"]["to"]["description"]


def test_retention_is_told_by_folder() -> None:
    agents = {
        "a": {"instructions": "a", "recording": {"path": "/srv/a", "keep_days": 7}},
        "b": {"instructions": "b", "recording": {"path": "/srv/a", "keep_days": 7}},
        "c": {"instructions": "c", "recording": {"path": "/srv/c"}},
        "d": {"instructions": "d"},
    }
    assert retention(config(SMALL, agents=agents)) == (Retention(path="/srv/a", keep_days=7),)
    assert retention(config(SMALL)) == ()
