"""Resources of a configuration: taken out, put together again, exported and read back; what differs between two."""

import json
from typing import Any

import pytest
import yaml
from hypothesis import given, strategies as st

from controller.config import ConfigErrors, CurrentConfig, parse_file, reload
from controller.config.differences import Change, as_yaml, changes, lines
from controller.config.resources import STARS, parsed, put_together, taken_from, unsafe, without_secrets, wrong_name
from tests.unit.controller.configs import ENV, FULL, SMALL, config, with_

NAMES = st.text("abXY01_.-", min_size=1, max_size=6)
TEXTS = st.text("aä1\n:#'\"-{}[]&*!|>%@$ ", max_size=12)
DATA = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)
ENTRIES = st.dictionaries(NAMES, st.dictionaries(NAMES, DATA, max_size=2), max_size=2)


@given(
    st.fixed_dictionaries(
        {"agents": ENTRIES, "http_tools": ENTRIES, "webhooks": ENTRIES, "routes": st.lists(DATA, max_size=2)}
    )
)
def test_what_is_exported_is_read_back_equal(sections: dict[str, Any]) -> None:
    contents, kinds = parsed(as_yaml(sections))
    assert kinds == {"agents", "http_tools", "webhooks", "routes"}
    assert put_together({}, contents) == {name: part for name, part in sections.items() if part or name == "routes"}
    assert contents == taken_from(sections)


@given(DATA, DATA)
def test_what_differs_is_told_and_nothing_else(before: Any, after: Any) -> None:
    same = json.dumps(before, sort_keys=True) == json.dumps(after, sort_keys=True)
    assert (changes(before, after) == []) is same
    assert lines(before, before) == []


def test_a_change_deep_inside_has_its_path() -> None:
    before = {"tools": ["a", "b", "c"], "idle": {"after_s": 8}, "voice": "marin"}
    after = {"tools": ["a", "c", "d"], "idle": {"after_s": 9}, "greeting": "Hello."}
    assert changes(before, after) == [
        Change("tools[1]", "removed", "b"),
        Change("tools[2]", "added", None, "d"),
        Change("idle.after_s", "changed", 8, 9),
        Change("voice", "removed", "marin"),
        Change("greeting", "added", None, "Hello."),
    ]


def test_a_prompt_of_several_lines_is_compared_line_by_line() -> None:
    told = lines({"instructions": "One.\nTwo.\nThree."}, {"instructions": "One.\n2.\nThree."})
    assert [line for line in told if line[0] in "+-"] == ["-  Two.", "+  2."]


def test_limits_of_trunks_leave_the_rest_of_the_trunk_alone() -> None:
    data = with_(FULL, trunks__main__max_calls=5)
    contents = taken_from(data)
    assert contents["trunk-limits", "main"] == {"max_calls": 5}
    assert ("trunk-limits", "desk") not in contents
    made = put_together(data, {("trunk-limits", "main"): {"calls_per_hour": 7}, ("trunk-limits", "moon"): {}})
    assert made["trunks"]["main"] == {**FULL["trunks"]["main"], "calls_per_hour": 7}
    assert "agents" not in made


@pytest.mark.parametrize(
    ("kind", "content", "fine"),
    [
        ("http_tools", {"headers": {"Authorization": "Bearer ${CRM_KEY}"}}, True),
        ("http_tools", {"headers": {"Accept": "text/plain"}, "url": "https://crm.example/${CRM_PATH}"}, True),
        ("http_tools", {"headers": {"X-Key": "${CRM_KEY:-}"}}, True),
        ("http_tools", {"headers": {"X-Key": "$${CRM_KEY}"}}, False),
        ("http_tools", {"headers": {"X-Key": "${OTHER}"}}, False),
        ("http_tools", {"description": "${CRM_KEY}"}, False),
        ("webhooks", {"secret": "${CRM_KEY}", "url": "https://crm.example/"}, True),
        ("webhooks", {"secret": "whsec_Hunter2"}, False),
        ("webhooks", {"url": "https://ada:Hunter2@crm.example/"}, False),
        ("webhooks", {"url": "https://${CRM_USER}@crm.example/"}, False),
        ("webhooks", {"url": "https://crm.example/?at=ada@crm.example"}, True),
        ("http_tools", {"url": "https://crm.example/?api_key=Hunter2"}, False),
        ("http_tools", {"url": "https://crm.example/a?x=1&access_token=Hunter2"}, False),
        ("http_tools", {"url": "https://crm.example/?key=${CRM_KEY}"}, True),
        ("http_tools", {"url": "https://crm.example/?key={key}&monkey=1"}, True),
        ("mcp", {"authorization": "${CRM_KEY}"}, True),
        ("mcp", {"authorization": "Hunter2"}, False),
        ("agents", {"instructions": "$${CRM_KEY} costs 5 $"}, True),
        ("agents", {"instructions": "${CRM_KEY}"}, False),
    ],
)
def test_where_references_and_secrets_may_stand(kind: str, content: dict[str, Any], fine: bool) -> None:
    assert (unsafe((kind, "x"), content, ("CRM_*",)) == []) is fine


def test_secrets_of_a_file_are_stars_in_its_versions() -> None:
    content = {"headers": {"A": "Bearer Hunter2", "B": "Bearer ${KEY}", "Accept": "x", "C": "${KEY:-Hunter2}"}}
    starred = without_secrets(("http_tools", "x"), content)
    assert starred == {"headers": {"A": STARS, "B": "Bearer ${KEY}", "Accept": "x", "C": STARS}}


def test_urls_of_a_file_with_a_password_are_stars_in_its_versions() -> None:
    assert without_secrets(("webhooks", "x"), {"url": "https://ada:Hunter2@crm.example/"}) == {"url": STARS}
    assert without_secrets(("webhooks", "x"), {"url": "https://crm.example/"}) == {"url": "https://crm.example/"}


def test_a_section_that_no_config_has_is_an_error() -> None:
    with pytest.raises(ConfigErrors) as raised:
        parsed("agnets: {reception: {instructions: Hello.}}\nlimits: {max_calls: 3}")
    assert [(each.path, each.message, each.line) for each in raised.value.errors] == [("agnets", "unknown key", 1)]


@pytest.mark.parametrize(
    ("name", "fine"),
    [("a.b-c_d", True), ("_tool", True), ("a" * 64, True), ("a" * 65, False), ("", False)]
    + [(name, False) for name in (".", "..", "../x", "a/b", " ", "a\nb", "a\x1b[2J", "ünï", "a ")],
)
def test_names_that_no_resource_may_have(name: str, fine: bool) -> None:
    assert (wrong_name(name) == "") is fine


def test_a_call_keeps_its_agents_and_nothing_else() -> None:
    before = config(FULL, agents__reception__instructions="Old.").with_agent_versions({"reception": 1})
    current = CurrentConfig(before)
    followed: list[object] = []
    current.follow(followed.append)
    after = config(FULL, agents__reception__instructions="New.", trunks__main__max_calls=3)
    current.replace(after.with_agent_versions({"reception": 2}))
    during = current.during(before)
    assert (during.agents["reception"].instructions, during.agent_versions["reception"]) == ("Old.", 1)
    assert during.trunks["main"].max_calls == 3
    assert current.during(before) is during
    assert followed == [current.config]
    assert current.during(current.config) is current.config


def test_what_needs_a_restart_stays_in_force() -> None:
    before = config(FULL)
    tokens = [{"name": "edge-1", "token_sha256": "0" * 64}]
    after = config(
        FULL, api__listen="127.0.0.1:1", limits__max_calls=3, bridge__workers=1, bridge__tokens=tokens, routes=[]
    )
    assert reload.waiting(before, after) == ["api.listen", "bridge.workers"]
    assert reload.changed(before, after) == ["routes", "limits", "bridge.tokens"]
    now = reload.in_force(before, after)
    assert (now.bridge.workers, now.api.listen, now.limits.max_calls) == (2, before.api.listen, 3)
    assert now.bridge.tokens == after.bridge.tokens


def test_a_file_for_the_store_needs_no_agents() -> None:
    data = with_(SMALL, resources={"source": "store"})
    text = yaml.safe_dump({name: part for name, part in data.items() if name not in ("agents", "routes")})
    file = parse_file(text, ENV)
    assert file.config.agents == {}
    made = file.with_resources({("agents", "a"): {"instructions": "x"}})
    assert list(made.agents) == ["a"]
