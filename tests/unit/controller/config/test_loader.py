"""The config: what it takes, everything that it refuses and in which words, and that no secret shows."""

import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given, strategies as st

from bridge.contract import SemanticVad, ServerVad
from controller import config as configs
from controller.config import Config, ConfigError, ConfigErrors, load, parse
from tests.unit.controller.configs import ENV, FULL, SMALL, config, with_

ROOT = Path(__file__).parents[4]


def errors_of(data: Any, env: dict[str, str] = ENV) -> dict[str, ConfigError]:
    text = data if isinstance(data, str) else yaml.safe_dump(data, sort_keys=False)
    with pytest.raises(ConfigErrors) as caught:
        parse(text, env)
    return {error.path: error for error in caught.value.errors}


def only_error_of(data: Any) -> ConfigError:
    found = errors_of(data)
    assert len(found) == 1, found
    return next(iter(found.values()))


# ---------------------------------------------------------------- what is taken


def test_the_smallest_config_has_sane_defaults() -> None:
    small = config(SMALL)
    assert (small.asterisk.ari.url, small.asterisk.ari.app) == ("http://127.0.0.1:8088/ari", "voiceai")
    assert (small.api.listen.host, small.api.listen.port, small.api.tokens) == ("127.0.0.1", 8080, ())
    assert (small.bridge.workers, str(small.bridge.ports), small.bridge.token) == ("auto", "9092-9099", None)
    assert small.openai.model == "gpt-realtime-2.1-mini"
    agent = small.agents["reception"]
    assert agent.turn_detection == ServerVad(threshold=0.7, prefix_padding_ms=500, silence_duration_ms=300)
    assert agent.transcription is not None
    assert agent.transcription.model == "gpt-transcribe"
    assert (agent.answer_deadline_s, agent.tools) == (4.0, ("transfer", "hang_up"))


def test_the_example_runs_and_fits_the_schema() -> None:
    example = load(ROOT / "config.yaml", ENV)
    assert example.routes[-1].to == "*"
    data = yaml.safe_load((ROOT / "config.yaml").read_text())
    jsonschema.validate(data, json.loads(configs.json_schema()))


def test_the_schema_in_the_repository_is_up_to_date() -> None:
    kept = (ROOT / "config.schema.json").read_text()
    assert kept == configs.json_schema() + "\n", "run: python -m controller.config > config.schema.json"


def test_the_schema_refuses_what_the_config_refuses() -> None:
    schema = json.loads(configs.json_schema())
    jsonschema.Draft202012Validator.check_schema(schema)
    for wrong in (with_(SMALL, openai__temperature=1), with_(SMALL, bridge__capacity="many")):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, schema)


def test_variables_also_give_numbers_and_truth_values() -> None:
    text = yaml.safe_dump(with_(SMALL, bridge={"capacity": "${N}"}, agents__reception__protect_greeting="${B:-true}"))
    made = parse(text, ENV | {"N": "7"})
    assert made.bridge.capacity == 7
    assert made.agents["reception"].protect_greeting is True


def test_semantic_turn_detection() -> None:
    made = config(SMALL, agents__reception__turn_detection={"type": "semantic_vad", "eagerness": "low"})
    assert made.agents["reception"].turn_detection == SemanticVad(type="semantic_vad", eagerness="low")


@pytest.mark.parametrize(
    ("ports", "first", "last"),
    [("9092-9099", 9092, 9099), ("9092", 9092, 9092), (9092, 9092, 9092), ("1 - 65535", 1, 65535)],
)
def test_ports(ports: object, first: int, last: int) -> None:
    made = config(SMALL, bridge__ports=ports, api__listen="127.0.0.1:0").bridge.ports
    assert (made.first, made.last, len(made)) == (first, last, last - first + 1)


@pytest.mark.parametrize(
    ("listen", "host", "port"),
    [("127.0.0.1:8080", "127.0.0.1", 8080), ("[::1]:80", "::1", 80), ("voice.local:0", "voice.local", 0)],
)
def test_listen(listen: str, host: str, port: int) -> None:
    made = config(SMALL, api__listen=listen).api.listen
    assert (made.host, made.port, str(made)) == (host, port, listen)


def test_it_is_frozen() -> None:
    made = config()
    with pytest.raises(ValueError, match="frozen"):
        made.openai.model = "other"  # type: ignore[misc]


# ---------------------------------------------------------------- what is refused: one by one


@pytest.mark.parametrize(
    ("changes", "path", "words"),
    [
        ({"asterisk__ari__url": "ftp://x"}, "asterisk.ari.url", "http://"),
        ({"asterisk__ari__url": "http://u:p@host/ari"}, "asterisk.ari.url", "user name"),
        ({"asterisk__ari__app": "voice ai"}, "asterisk.ari.app", "letters"),
        ({"asterisk__ari__password": ""}, "asterisk.ari.password", "empty"),
        ({"asterisk__ari__password": "x\n"}, "asterisk.ari.password", "line end"),
        ({"openai__url": "https://api.openai.com"}, "openai.url", "wss://"),
        ({"openai__url": "wss://h/x?model=y"}, "openai.url", "model"),
        ({"openai__url": "wss://h:99999/"}, "openai.url", "URL"),
        ({"openai__headers": {"openai-beta": "realtime=v1"}}, "openai.headers.openai-beta", "not be sent"),
        ({"bridge__workers": "many"}, "bridge.workers", "auto"),
        ({"bridge__workers": True}, "bridge.workers", "auto"),
        ({"bridge__workers": 9}, "bridge.ports", "8 ports for 9 workers"),
        ({"bridge__metrics": "9099-9101"}, "bridge.metrics", "uses ports of bridge.ports"),
        ({"bridge__metrics": "9000-9200"}, "bridge.metrics", "uses ports of bridge.ports"),
        ({"bridge__workers": 0}, "bridge.workers", "no worker"),
        ({"bridge__ports": "9099-9092"}, "bridge.ports", "lower port first"),
        ({"bridge__ports": "0-10"}, "bridge.ports", "65535"),
        ({"bridge__ports": "a-b"}, "bridge.ports", "port"),
        ({"bridge__advertise": "0.0.0.0"}, "bridge.advertise", "no address"),
        ({"bridge__token": "short"}, "bridge.token", "short"),
        ({"api__listen": "8080"}, "api.listen", "host:port"),
        ({"api__listen": "h:70000"}, "api.listen", "host:port"),
        ({"api__listen": "127.0.0.1:9095"}, "api.listen", "bridge.ports"),
        ({"trunks__main__endpoint": "PJSIP/trunk"}, "trunks.main.endpoint", "{number}"),
        ({"trunks__main__endpoint": "PJSIP/{number}&PJSIP/2@t"}, "trunks.main.endpoint", "without"),
        ({"trunks__main__endpoint": "PJSIP/{number}@{x}"}, "trunks.main.endpoint", "braces"),
        ({"trunks__main__allow": []}, "trunks.main.allow", "empty"),
        ({"trunks__main__allow": ["[0-9"]}, "trunks.main.allow[0]", "regular expression"),
        ({"trunks__main__caller_id": "a\r\nX: y"}, "trunks.main.caller_id", "number"),
        ({"trunks__main__timeout": 0}, "trunks.main.timeout", "greater than 0"),
        ({"trunks": {"a b": FULL["trunks"]["main"]}, "transfer": {}}, "trunks.a b", "letters"),
        ({"agents__night__speed": 2}, "agents.night.speed", "less than or equal to 1.5"),
        ({"agents__night__instructions": " "}, "agents.night.instructions", "empty"),
        ({"agents__night__tools": ["dance"]}, "agents.night.tools[0]", "does not exist"),
        ({"agents__night": "quiet"}, "agents.night", "mapping"),
        (
            {"agents__night__turn_detection": {"type": "server_vad", "threshold": 7}},
            "agents.night.turn_detection.threshold",
            "1",
        ),
        ({"agents__night__turn_detection": {"threshold": 0.7}}, "agents.night.turn_detection", "type"),
        ({"agents__night__turn_detection": {"type": "vad"}}, "agents.night.turn_detection", "server_vad"),
        ({"routes": [{"to": "1 2", "agent": "night"}]}, "routes[0].to", "digits"),
        ({"routes": [{"to": "5", "agent": "nigth"}]}, "routes[0].agent", "no such agent"),
        ({"trunks__main__overflow": "desc"}, "trunks.main.overflow", "no such trunk"),
        (
            {"routes": [{"to": "5", "agent": "night", "overflow": ["on_ai_failure"]}]},
            "routes[0].overflow[0]",
            "is nothing for this route's agent",
        ),
        ({"trunks__main__overflow": "main"}, "trunks.main.overflow", "leads back"),
        ({"routes": [{"to": "5", "agent": "night", "trunk": "x"}]}, "routes[0].trunk", "no such trunk"),
        ({"routes": {"to": "5"}}, "routes", "list"),
        ({"transfer__targets": {"x": "0900@elsewhere"}}, "transfer.targets.x", "context"),
        ({"transfer__targets": {"x": "abc"}}, "transfer.targets.x", "allow-list"),
        ({"limits__max_calls": 0}, "limits.max_calls", "1"),
    ],
)
def test_wrong_values(changes: dict[str, Any], path: str, words: str) -> None:
    error = only_error_of(with_(FULL, **changes))
    assert error.path == path
    assert words in error.message


@pytest.mark.parametrize(
    "pattern",
    [".*", ".{4,15}", r"\S+", "[^@]+", "[0-9 ]+", "[0-9/]{2,}", r"[+0-9,]+", r"\D?[0-9]+", "(?s:.)+", r"[0-9]+\s?"],
)
def test_an_allow_pattern_may_not_match_what_could_change_a_dial_string(pattern: str) -> None:
    error = only_error_of(with_(FULL, trunks__main__allow=[r"\+?[0-9]{4,15}", pattern]))
    assert error.path == "trunks.main.allow[1]"
    assert "dial string" in error.message


@pytest.mark.parametrize("pattern", ["sip:.*", r"sip:[a-z0-9]+@.+", r"sips?:[^@]+@[a-z.]+"])
def test_a_sip_pattern_names_its_host(pattern: str) -> None:
    assert "any host" in only_error_of(with_(FULL, trunks__main__allow=["[0-9]{4,9}", pattern])).message


@pytest.mark.parametrize("text", ["5001", "yes", "0123", "1.5"])
def test_what_yaml_took_for_something_else_gets_a_hint(text: str) -> None:
    """`to: 0123` is the number 83 in YAML, and `+49…` loses its plus."""
    error = only_error_of(yaml.safe_dump(SMALL) + f"routes: [{{to: {text}, agent: reception}}]")
    assert error.path == "routes[0].to"
    assert "quotes" in error.hint


# ---------------------------------------------------------------- keys


@pytest.mark.parametrize(
    ("changes", "path", "hint"),
    [
        ({"openai__modle": "x"}, "openai.modle", "did you mean `model`?"),
        ({"agent": {}}, "agent", "did you mean `agents`?"),
        (
            {"bridge__api_key": "x"},
            "bridge.api_key",
            "it belongs at `openai.api_key` or `providers.<name>.api_key` or `agent_tests.caller.api_key`",
        ),
        ({"openai__voice": "ash"}, "openai.voice", "it belongs at `agents.<name>.voice`"),
        ({"openai__turn_detection": {}}, "openai.turn_detection", "it belongs at `agents.<name>.turn_detection`"),
        (
            {"agents__night__threshold": 0.5},
            "agents.night.threshold",
            "it belongs at `agents.<name>.turn_detection.threshold`",
        ),
        (
            {"limits__zzz": 1},
            "limits.zzz",
            "known here: calls_per_second, max_calls, minutes_per_day, per_caller, per_number, per_number_per_minute, "
            "spend_per_call, spend_per_day",
        ),
        ({"asterisk__ari__Password": "x"}, "asterisk.ari.Password", "did you mean `password`?"),
    ],
)
def test_unknown_keys(changes: dict[str, Any], path: str, hint: str) -> None:
    error = only_error_of(with_(FULL, **changes))
    assert (error.path, error.message, error.hint, error.value) == (path, "unknown key", hint, "")


@pytest.mark.parametrize("place", ["", "openai__", "agents__night__", "agents__night__turn_detection__", "bridge__"])
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("temperature", "`speed`"),
        ("modalities", "always speaks"),
        ("input_audio_format", "24 kHz"),
        ("output_audio_format", "24 kHz"),
        ("OpenAI-Beta", "hangs up"),
        ("max_response_output_tokens", "`max_output_tokens`"),
        ("input_audio_transcription", "`transcription`"),
        ("input_audio_noise_reduction", "`noise_reduction`"),
    ],
)
def test_old_names_are_explained_wherever_they_stand(place: str, name: str, words: str) -> None:
    base = with_(FULL, agents__night__turn_detection={"type": "server_vad"})
    error = only_error_of(with_(base, **{place + name: "x"}))
    assert error.message == "unknown key"
    assert words in error.hint


def test_a_doubled_key_is_an_error() -> None:
    error = only_error_of(yaml.safe_dump(SMALL) + "openai: {api_key: other}\n")
    assert error.path == "openai"
    assert "twice" in error.message


@pytest.mark.parametrize("key", ["asterisk", "openai", "agents"])
def test_missing_keys(key: str) -> None:
    error = only_error_of({name: value for name, value in SMALL.items() if name != key})
    assert (error.path, error.message) == (key, "is missing")


# ---------------------------------------------------------------- routes and tokens


@pytest.mark.parametrize(
    ("routes", "unreached"),
    [
        ([("*",), ("5001",)], [1]),
        ([("5001",), ("*",)], []),
        ([("5001",), ("5001",)], [1]),
        ([("+49*",), ("+4930*",), ("+48*",), ("+491",)], [1, 3]),
        ([("+4930*",), ("+49*",)], []),
        ([("*98",), ("*",), ("1",)], [2]),
        ([("*", "+49*"), ("5001",)], []),
        ([("*", "+49*"), ("5001", "+4930")], [1]),
        ([("*", None, "main"), ("5001", None, "desk"), ("1", None, "main")], [2]),
    ],
)
def test_a_route_that_is_never_reached_is_an_error(routes: list[tuple[str | None, ...]], unreached: list[int]) -> None:
    entries = [
        {key: value for key, value in zip(("to", "caller", "trunk"), route, strict=False) if value} | {"agent": "night"}
        for route in routes
    ]
    data = with_(FULL, routes=entries)
    if not unreached:
        assert len(config(data).routes) == len(routes)
    else:
        assert list(errors_of(data)) == [f"routes[{index}].to" for index in unreached]


def tokens(*given: str, **more: Any) -> dict[str, Any]:
    listed = [{"name": f"user{n}", "token": token, "scopes": ["read"]} for n, token in enumerate(given)]
    return with_(SMALL, api={"tokens": listed, **more})


@pytest.mark.parametrize(
    "token", ["changeme", "change-me-please", "your-token-here", "xxxxxxxxxxxxxxxx", "secret", "<token>"]
)
def test_placeholder_tokens_are_refused(token: str) -> None:
    error = only_error_of(tokens(token))
    assert error.path == "api.tokens[0].token"
    assert "placeholder" in error.message
    assert "openssl" in error.hint


@pytest.mark.parametrize(
    ("token", "listen", "fine"),
    [
        ("k3jD9sL2", "127.0.0.1:8080", True),
        ("k3jD9sL", "127.0.0.1:8080", False),
        ("k3jD9sL2", "0.0.0.0:8080", False),
        ("k3jD9sL2k3jD9sL2", "0.0.0.0:8080", True),
        ("k3jD9sL2 3jD9sL2", "127.0.0.1:8080", False),
        ("ключключключключ", "127.0.0.1:8080", False),
    ],
)
def test_tokens_are_long_enough_and_fit_a_header(token: str, listen: str, fine: bool) -> None:
    data = tokens(token, listen=listen)
    if fine:
        found = config(data).api.tokens[0].token
        assert found is not None
        assert found.get_secret_value() == token
    else:
        assert only_error_of(data).path == "api.tokens[0].token"


def test_two_users_never_share_a_token_or_a_name() -> None:
    data = tokens("k3jD9sL2k3jD9sL2", "k3jD9sL2k3jD9sL2")
    assert only_error_of(data).path == "api.tokens[1].token"
    data = tokens("k3jD9sL2k3jD9sL2", "another-k3jD9sL2")
    data["api"]["tokens"][1]["name"] = "user0"
    assert only_error_of(data).path == "api.tokens[1].name"


@pytest.mark.parametrize("more", [{}, {"token": "k3jD9sL2k3jD9sL2", "token_sha256": "0" * 64}])
def test_a_user_has_a_token_or_its_hash(more: dict[str, str]) -> None:
    data = with_(SMALL, api={"tokens": [{"name": "ops", "scopes": ["read"], **more}]})
    assert "token_sha256" in only_error_of(data).message
    data["api"]["tokens"][0] = {"name": "ops", "scopes": ["read"], "token_sha256": "0" * 64}
    assert config(data).api.tokens[0].token is None


@pytest.mark.parametrize("token", ["", "  "])
def test_an_empty_token_is_told_once(token: str) -> None:
    assert only_error_of(tokens(token)).message == "is empty"


def test_an_empty_bridge_token_is_none() -> None:
    assert config(SMALL, bridge__token="").bridge.token is None


@pytest.mark.parametrize("model", ["gpt-realtime", "gpt-realtime-mini-2025-10-06", "gpt-realtime-1.5"])
def test_reasoning_effort_needs_a_reasoning_model(model: str) -> None:
    data = with_(FULL, agents__night__reasoning_effort="low")
    assert config(data).agents["night"].reasoning_effort == "low"
    assert only_error_of(with_(data, openai__model=model)).path == "agents.night.reasoning_effort"


# ---------------------------------------------------------------- all at once, in order, without secrets


def test_everything_wrong_is_told_at_once_in_the_order_of_the_file() -> None:
    text = """\
asterisk: {ari: {password: "${NOT_SET}", app: "a b"}}
openai:
  api_key: ""
  temperature: 0.6
agents:
  reception: {instructions: hello, voice: ash, voice: marin}
routes:
  - {to: "5", agent: recepton}
api: {listen: nowhere}
"""
    with pytest.raises(ConfigErrors) as caught:
        parse(text, {}, "my.yaml")
    assert [(error.path, error.line) for error in caught.value.errors] == [
        ("asterisk.ari.password", 1),
        ("asterisk.ari.app", 1),
        ("openai.api_key", 3),
        ("openai.temperature", 4),
        ("agents.reception.voice", 6),
        ("routes[0].agent", 8),
        ("api.listen", 9),
    ]
    printed = str(caught.value).splitlines()
    assert printed[0] == "my.yaml: 7 problems"
    assert "  routes[0].agent (line 8): no such agent (given: 'recepton')" in printed
    assert "      hint: did you mean `reception`?" in printed


def test_an_unset_variable_is_told_once() -> None:
    found = errors_of(SMALL, {"ARI_PASSWORD": "x"})
    assert list(found) == ["openai.api_key"]
    assert "OPENAI_API_KEY" in found["openai.api_key"].message


HUNTER = "sk-Hunter2-secret"


@pytest.mark.parametrize(
    "changes",
    [
        {"asterisk__ari__password": ["Hunter2"]},
        {"asterisk__ari__password": "Hunter2\n"},
        {"asterisk__ari__pasword": "Hunter2"},
        {"asterisk__ari__url": "http://voiceai:Hunter2@host/ari"},
        {"openai__url": "${OPENAI_API_KEY}"},
        {"openai__url": HUNTER},
        {"openai__model": {"api_key": HUNTER}},
        {"openai__headers": {"OpenAI-Beta": "Hunter2", "x": ["Hunter2"]}},
        {"api__tokens": [{"name": "ops", "token": "Hunter2"}]},
        {"api__tokens": [{"name": "ops", "token": "Hunt er2 Hunter2 Hunter2", "scopes": ["read"]}]},
        {"api__tokens": [{"name": "ops", "token": ["Hunter2"], "scopes": ["read"]}]},
        {"api__tokens": [{"name": "ops", "tokn": "Hunter2Hunter2Hunter2", "scopes": ["read"]}]},
        {"api__tokens": ["Hunter2"]},
        {"api__listen": "${VOICEAI_API_TOKEN}"},
        {"bridge__token": "Hunter2"},
        {"bridge__workers": "${VOICEAI_API_TOKEN}"},
        {"agents__night__voice": {"secret": "Hunter2"}},
        {"agents__night__speed": "${ARI_PASSWORD}"},
        {"agents__night__reasoning_effort": "${ARI_PASSWORD}"},
        {"agents__night__turn_detection": {"type": "${ARI_PASSWORD}"}},
        {"routes": [{"to": "${ARI_PASSWORD} x", "agent": "${ARI_PASSWORD}"}]},
        {"trunks__main__allow": ["[${ARI_PASSWORD}"]},
    ],
)
def test_no_secret_shows_in_an_error(changes: dict[str, Any]) -> None:
    with pytest.raises(ConfigErrors) as caught:
        parse(yaml.safe_dump(with_(FULL, **changes)), ENV)
    assert "Hunter2" not in str(caught.value) + repr(caught.value.errors) + repr(caught.value.__cause__)


def test_no_secret_shows_in_a_config() -> None:
    made = config(FULL, openai__headers={"x-key": "Hunter2"}, bridge__token="Hunter2-Hunter2-Hunter2")
    for shown in (repr(made), str(made), repr(made.openai), json.dumps(made.redacted()), repr(made.api.tokens)):
        assert "Hunter2" not in shown
    assert made.redacted()["openai"]["api_key"] == "**********"
    assert made.redacted()["bridge"]["ports"] == "9092-9099"


# ---------------------------------------------------------------- files


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigErrors, match="can't be read"):
        load(tmp_path / "none.yaml", ENV)
    with pytest.raises(ConfigErrors, match="can't be read"):
        load(tmp_path, ENV)
    (tmp_path / "latin.yaml").write_bytes(b"a: \xff")
    with pytest.raises(ConfigErrors, match="UTF-8"):
        load(tmp_path / "latin.yaml", ENV)


def test_a_file_with_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "bom.yaml").write_bytes(b"\xef\xbb\xbf" + yaml.safe_dump(SMALL).encode())
    assert isinstance(load(tmp_path / "bom.yaml", ENV), Config)


@pytest.mark.parametrize("text", ["", "[]", "5", "text", "~", "{}"])
def test_what_is_no_config_at_all(text: str) -> None:
    with pytest.raises(ConfigErrors):
        parse(text, ENV)


_leaves = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8)
_trees = st.recursive(
    _leaves, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner), max_leaves=6
)
_places = st.sampled_from(
    ["asterisk", "asterisk__ari", "openai", "openai__headers", "bridge", "bridge__ports", "bridge__workers", "api"]
    + ["api__tokens", "trunks", "trunks__main", "agents", "agents__night", "agents__night__turn_detection", "routes"]
    + ["transfer", "transfer__targets", "limits", "providers", "providers__spare", "http_tools", "http_tools__look"]
    + ["http_tools__look__parameters", "http_tools__look__url", "mcp", "prices", "prices__some", "agents__night__dtmf"]
    + ["agents__night__on_ai_failure", "agents__night__tools", "agents__night__idle", "agents__night__recording"]
)


@given(_places, _trees)
def test_whatever_stands_somewhere_is_taken_or_told(place: str, value: Any) -> None:
    told = ""
    try:
        config(FULL, **{place: value})
    except ConfigErrors as errors:
        told = configs.render(errors)
    assert told == "" or told.startswith("config: ")


# ---------------------------------------------------------------- the country of a trunk


@pytest.mark.parametrize(
    ("keys", "needed"),
    [
        ({}, True),
        ({"premium": True}, True),
        ({"international": True}, True),
        ({"premium": True, "international": True}, False),
        ({"allow": [r"[1-9][0-9]{2,4}", "sip:.+@pbx"]}, False),
        ({"allow": [r"[1-9][0-9]{2,4}", r"0[1-9][0-9]{5,9}"]}, True),
        ({"allow": [r"\+49[0-9]{5,12}"]}, True),
        ({"allow": [r"\+[1-9][0-9]{6,14}"], "international": True}, False),
        ({"country_code": "49"}, False),
    ],
)
def test_a_trunk_that_dials_numbers_says_where_it_is_at_home(keys: dict[str, object], needed: bool) -> None:
    trunk = {"endpoint": "PJSIP/{number}@trunk", "allow": [r"\+?[0-9]{4,15}"]} | keys
    text = with_(SMALL, trunks={"main": trunk})
    if not needed:
        assert config(text).trunks["main"].country_code == keys.get("country_code")
        return
    error = only_error_of(text)
    assert (error.path, "country_code" in error.hint) == ("trunks.main", True)


def test_a_country_code_is_a_countrys() -> None:
    for code in ("999", "881", "800"):
        error = only_error_of(with_(FULL, trunks__main__country_code=code, transfer={}))
        assert (error.path, error.message) == ("trunks.main.country_code", "is no country's code")


@pytest.mark.parametrize(
    ("tokens", "wrong"),
    [
        ([{"name": "edge-1", "token": "abcdefgh" * 4}], None),
        ([{"name": "edge-1", "token_sha256": "0" * 64}], None),
        ([{"name": "edge-1"}], "bridge.tokens[0]"),
        ([{"name": "edge-1", "token": "short"}], "bridge.tokens[0].token"),
        ([{"name": "w1", "token": "abcdefgh" * 4}], "bridge.tokens[0].name"),
        ([{"name": "a", "token": "abcdefgh" * 4}, {"name": "a", "token": "ijklmnop" * 4}], "bridge.tokens[1].name"),
        ([{"name": "a", "token": "abcdefgh" * 4}, {"name": "b", "token": "abcdefgh" * 4}], "bridge.tokens[1].token"),
    ],
)
def test_each_worker_on_another_machine_has_a_token_of_its_own(tokens: list[dict[str, str]], wrong: str | None) -> None:
    if wrong is None:
        assert config(SMALL, bridge__tokens=tokens, bridge__workers=0).bridge.tokens[0].name == "edge-1"
        return
    with pytest.raises(ConfigErrors) as found:
        config(SMALL, bridge__tokens=tokens)
    assert wrong in [each.path for each in found.value.errors]


@pytest.mark.parametrize("host", ["10.0.0.5", "10.0.0.0/8", "fd00::/64", "media-1.example"])
def test_where_asterisk_may_be_sent_to(host: str) -> None:
    assert config(SMALL, bridge__allowed_hosts=[host]).bridge.allowed_hosts == (host,)
    for wrong in ("10.0.0.300", "a b", "", "http://x", "10.0.0.0/99"):
        with pytest.raises(ConfigErrors):
            config(SMALL, bridge__allowed_hosts=[wrong])
