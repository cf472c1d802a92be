"""`GET /v1/config`: all settings in force, and no secret."""

import json
from typing import Any, cast

import pytest
from hypothesis import given, strategies as st

from controller.api.resources.configuration import STARS, ConfigResources, shown
from controller.config import CurrentConfig, parse
from controller.versions.publisher import Publisher
from tests.integration.api_harness import harness

CONFIG = """
asterisk: {ari: {password: hunter2-ari}}
openai:
  {api_key: hunter2-openai, url: "wss://ai.example/v1?code=hunter2-query&x=1", headers: {X-Key: hunter2-header}}
api: {tokens: [{name: ops, token: hunter2-token, scopes: [read]}, {name: old, token_sha256: "%s", scopes: [read]}]}
bridge: {token: hunter2-link-is-long-enough}
store: {url: "postgresql+asyncpg://voiceai:hunter2-store@db/voiceai"}
agents: {reception: {instructions: "Be kind."}}
""" % ("ab" * 32)


async def test_an_admin_sees_what_is_in_force_and_no_secret() -> None:
    current = CurrentConfig(parse(CONFIG, {}))
    async with harness(more=lambda _, __: ConfigResources(current, cast(Publisher, None)).operations()) as it:
        async with it.request("GET", "/v1/config") as answer:
            assert answer.status == 200
            text = await answer.text()
        for token in ("reader", "caller", "controller"):
            async with it.request("GET", "/v1/config", f"{token}-0123456789") as answer:
                assert answer.status == 403
    assert "hunter2" not in text
    assert "ab" * 32 not in text
    told = json.loads(text)["config"]
    assert told["agents"]["reception"]["instructions"] == "Be kind."
    assert told["openai"]["url"] == f"wss://ai.example/v1?code={STARS}&x={STARS}"
    assert told["openai"]["headers"] == {"X-Key": STARS}
    assert [each["name"] for each in told["api"]["tokens"]] == ["ops", "old"]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("sip:ada@example.org", "sip:ada@example.org"),
        ("https://example.org/a", "https://example.org/a"),
        ("https://key@example.org/a?b", f"https://{STARS}@example.org/a?b"),
        ({"headers": {"A": "b"}}, {"headers": {"A": STARS}}),
        ({"headers": {}}, {"headers": {}}),
        ([None, 1, True], [None, 1, True]),
    ],
)
def test_what_stands_in_urls_and_headers_is_hidden(value: Any, expected: Any) -> None:
    assert shown(value) == expected


SAFE = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1)


@given(SAFE, SAFE)
def test_no_user_and_no_query_of_a_url_is_shown(secret: str, other: str) -> None:
    text = shown(f"https://{other}:{secret}!@host.example/path?{other}={secret}!&b={secret}!#x")
    assert f"{secret}!" not in text
