"""The keys of agents and of what they name: what is taken, what is refused, what a worker gets of it."""

from typing import Any

import pytest
import yaml

from bridge.contract import McpServer, NoInput, Prepare, Recording, decode_command, encode
from controller.calls.planning.session_spec import session_spec
from controller.config import ConfigErrors, parse
from tests.unit.controller.configs import ENV, FULL, config, with_

LOOK: dict[str, Any] = {
    "description": "Looks an order up.",
    "url": "https://shop.example/orders/{order}?full={full}",
    "parameters": {
        "type": "object",
        "properties": {"order": {"type": "string"}, "full": {"type": "boolean"}},
        "required": ["order"],
    },
    "filler": "One moment.",
    "headers": {"Authorization": "Hunter2"},
}
RICH = with_(
    FULL,
    providers={"spare": {"url": "wss://spare.example/v1", "api_key": "k", "model": "gpt-realtime", "dialect": "azure"}},
    http_tools={"look_up": LOOK},
    mcp={
        "files": {
            "url": "https://files.example/mcp",
            "authorization": "Hunter2",
            "allowed_tools": ["read"],
            "require_approval": "never",
        }
    },
    prices={"gpt-transcribe": {"audio_in": 6, "text_out": 10}},
    agents__night={
        "instructions": "Be quiet.",
        "greeting": "Good night, {{name}}.",
        "providers": ["spare", "openai"],
        "on_ai_failure": [{"say": "voiceai/sorry"}, {"transfer": "sales"}, "hang_up"],
        "tools": ["hang_up", "send_dtmf", "hold", "wait_for_user", "look_up"],
        "mcp": ["files"],
        "dtmf": {"0": {"transfer": "support"}, "9": "hang_up"},
        "idle": {"after_s": 5, "prompts": ["Hello?"]},
        "min_speech_ms": 120,
        "recording": {"path": "/srv/calls", "format": "ogg", "consent": "We record, {{name}}.", "keep_days": 30},
    },
)


def only_error_of(data: Any) -> Any:
    with pytest.raises(ConfigErrors) as caught:
        parse(yaml.safe_dump(data, sort_keys=False), ENV)
    (error,) = caught.value.errors
    return error


def test_a_session_gets_all_of_it() -> None:
    spec = session_spec(config(RICH), "night", {"name": "Ann"})
    assert (spec.provider.name, spec.provider.dialect, spec.provider.model) == ("spare", "azure", "gpt-realtime")
    assert [each.name for each in spec.fallbacks] == ["openai"]
    assert (spec.consent, spec.greeting) == ("We record, Ann.", "Good night, Ann.")
    assert [tool.name for tool in spec.tools] == ["hang_up", "send_dtmf", "hold", "wait_for_user", "look_up"]
    assert (spec.tools[-1].timeout_s, spec.tools[-1].filler) == (15.0, "One moment.")
    assert spec.tools[-1].parameters == LOOK["parameters"]
    assert spec.digit_actions == ("0", "9")
    assert spec.no_input == NoInput(after_s=5, prompts=("Hello?",))
    assert spec.min_speech_ms == 120
    assert spec.recording == Recording(path="/srv/calls", format="ogg")
    (server,) = spec.mcp
    assert isinstance(server, McpServer)
    assert (server.server_label, server.server_url, server.allowed_tools) == (
        "files",
        "https://files.example/mcp",
        ("read",),
    )
    command = decode_command(encode(Prepare(call="c", spec=spec)))
    assert isinstance(command, Prepare)
    assert command.spec == spec


def test_a_recorded_agent_without_greeting_still_says_so() -> None:
    made = config(RICH, agents__night__greeting=None)
    spec = session_spec(made, "night", {})
    assert (spec.consent, spec.greeting) == ("We record, .", None)


def test_steps_and_keys_are_read() -> None:
    agent = config(RICH).agents["night"]
    assert [(s.say, s.transfer, s.hang_up) for s in agent.on_ai_failure] == [
        ("voiceai/sorry", None, None),
        (None, "sales", None),
        (None, None, True),
    ]
    assert {digit: (a.transfer, a.hang_up) for digit, a in agent.dtmf.items()} == {
        "0": ("support", None),
        "9": (None, True),
    }


def test_no_secret_of_a_tool_or_a_server_shows() -> None:
    made = config(RICH)
    assert "Hunter2" not in repr(made) + str(made.redacted())
    assert made.redacted()["http_tools"]["look_up"]["headers"] == {"Authorization": "**********"}


@pytest.mark.parametrize(
    ("changes", "path", "words"),
    [
        ({"agents__night__providers": ["spare", "spair"]}, "agents.night.providers[1]", "does not exist"),
        ({"agents__night__providers": ["spare", "spare"]}, "agents.night.providers[1]", "twice"),
        ({"agents__night__providers": []}, "agents.night.providers", "empty"),
        ({"agents__night__mcp": ["nothing"]}, "agents.night.mcp[0]", "does not exist"),
        ({"agents__night__tools": ["hold", "hold"]}, "agents.night.tools[1]", "twice"),
        ({"agents__night__on_ai_failure": ["hang_up", {"say": "x"}]}, "agents.night.on_ai_failure", "never reached"),
        ({"agents__night__on_ai_failure": [{}]}, "agents.night.on_ai_failure[0]", "exactly one"),
        ({"agents__night__on_ai_failure": [{"say": "../x"}]}, "agents.night.on_ai_failure[0].say", "sound"),
        (
            {"agents__night__on_ai_failure": [{"say": "x", "transfer": "sales"}]},
            "agents.night.on_ai_failure[0]",
            "exactly one",
        ),
        (
            {"agents__night__on_ai_failure": [{"transfer": "1@elsewhere"}]},
            "agents.night.on_ai_failure[0].transfer",
            "context",
        ),
        ({"agents__night__dtmf": {"0": {"transfer": "abc"}}}, "agents.night.dtmf.0.transfer", "allow-list"),
        ({"agents__night__dtmf": {"10": "hang_up"}}, "agents.night.dtmf.10", "one key"),
        ({"agents__night__dtmf": {"1": {"say": "x"}}}, "agents.night.dtmf.1.say", "unknown key"),
        ({"agents__night__idle": {"after_s": 1}}, "agents.night.idle.after_s", "2"),
        ({"agents__night__max_call_s": 5}, "agents.night.max_call_s", "10"),
        ({"agents__night__recording": {"path": "x", "format": "mp3"}}, "agents.night.recording.format", "wav"),
        (
            {"agents__reception__recording": {"path": "x/"}, "agents__night__recording": {"path": "x", "keep_days": 7}},
            "agents.night.recording.keep_days",
            "agents.reception.recording",
        ),
        ({"agents__night__reasoning_effort": "low"}, "agents.night.reasoning_effort", "providers.spare.model"),
        ({"providers__openai": {"api_key": "k"}}, "providers.openai", "already"),
        ({"providers__spare__headers": {"OpenAI-Beta": "x"}}, "providers.spare.headers.OpenAI-Beta", "not be sent"),
        ({"providers__spare__dialect": "klingon"}, "providers.spare.dialect", "'azure'"),
        ({"providers__spare__model": "own", "limits__spend_per_day": 1}, "providers.spare.model", "no known price"),
        ({"limits__spend_per_call": 0}, "limits.spend_per_call", "greater than 0"),
        ({"prices__x": {"text_in": -1}}, "prices.x.text_in", "0"),
        ({"http_tools__hold": LOOK}, "http_tools.hold", "built-in"),
        ({"http_tools__look_up__url": "https://{order}.example/"}, "http_tools.look_up.url", "host"),
        ({"http_tools__look_up__url": "https://a@b/{order}/{full}"}, "http_tools.look_up.url", "host"),
        ({"http_tools__look_up__url": "ftp://b/{order}/{full}"}, "http_tools.look_up.url", "http"),
        ({"http_tools__look_up__url": "https://b/{order}?{full}{"}, "http_tools.look_up.url", "brace"),
        ({"http_tools__look_up__url": "https://b/{order}/{full}"}, "http_tools.look_up.url", "parameters.required"),
        ({"http_tools__look_up__url": "https://b/{order}?a={full}&b={x}"}, "http_tools.look_up.url", "properties"),
        ({"http_tools__look_up__url": "https://b/{order}"}, "http_tools.look_up.parameters", "would not be sent"),
        ({"http_tools__look_up__allowed_hosts": ["other"]}, "http_tools.look_up.allowed_hosts", "host of the url"),
        ({"http_tools__look_up__headers": {"a b": "x"}}, "http_tools.look_up.headers", "header"),
        ({"http_tools__look_up__headers": {"a": "x\r\ny"}}, "http_tools.look_up.headers", "header"),
        ({"http_tools__look_up__timeout_s": 100}, "http_tools.look_up.timeout_s", "60"),
        ({"http_tools__look_up__parameters": {"type": "array"}}, "http_tools.look_up.parameters", "type: object"),
        ({"http_tools__look_up__parameters": {"type": 5}}, "http_tools.look_up.parameters.type", "JSON Schema"),
        (
            {"http_tools__look_up__parameters": {"type": "object", "properties": {"order": {"$ref": "http://x/"}}}},
            "http_tools.look_up.parameters.properties.order.$ref",
            "leads elsewhere",
        ),
        ({"http_tools__look_up__parameters__x": float("nan")}, "http_tools.look_up.parameters", "JSON does not have"),
        ({"mcp__files__url": "files.example"}, "mcp.files.url", "http"),
        ({"mcp__files__allowed_tools": None}, "mcp.files.allowed_tools", "list"),
        ({"mcp__files__allowed_tools": []}, "mcp.files.allowed_tools", "empty"),
        ({"mcp__files__allowed_tools": ["*"]}, "mcp.files.allowed_tools[0]", "one tool's name"),
        ({"mcp__files__allowed_tools": "read"}, "mcp.files.allowed_tools", "list"),
        ({"mcp__files__require_approval": "always"}, "mcp.files.require_approval", "never"),
        ({"mcp__files__require_approval": None}, "mcp.files.require_approval", "never"),
    ],
)
def test_wrong_values(changes: dict[str, Any], path: str, words: str) -> None:
    error = only_error_of(with_(RICH, **changes))
    assert error.path == path
    assert words in error.message
    assert "Hunter2" not in str(error)


@pytest.mark.parametrize(
    "changes",
    [
        {"providers__spare__model": "own", "prices__own": {"audio_in": 1}, "limits__spend_per_day": 1},
        {"providers__spare__model": "gpt-realtime-2.1-2026-10-01", "limits__spend_per_call": 0.5},
        {"http_tools__look_up__url": "https://b/{order}", "http_tools__look_up__method": "POST"},
        {
            "http_tools__look_up__url": "http://10.0.0.1:8080/{order}?f={full}",
            "http_tools__look_up__allowed_hosts": ["10.0.0.1"],
        },
        {"http_tools__bare": {"description": "Tells the time.", "url": "https://clock.example"}},
        {"agents__night__max_call_s": None, "agents__night__idle": None},
    ],
)
def test_what_is_fine(changes: dict[str, Any]) -> None:
    session_spec(config(with_(RICH, **changes)), "night", {})


@pytest.mark.parametrize(
    ("key", "example"),
    [("allowed_tools", "`allowed_tools: [search, read_file]`"), ("require_approval", "`require_approval: never`")],
)
@pytest.mark.parametrize("left_out", [True, False])
def test_a_tool_servers_tools_and_their_approval_must_be_stated(key: str, example: str, left_out: bool) -> None:
    changed = with_(RICH, **{f"mcp__files__{key}": None})
    if left_out:
        del changed["mcp"]["files"][key]
    error = only_error_of(changed)
    assert error.path == f"mcp.files.{key}"
    assert example in error.hint
