"""The doctor's findings for each answer of a provider, over a real socket."""

from datetime import date
from typing import Any

import pytest
from aiohttp import web

from controller.cli.doctor import provider
from tests.peers.http_server import http_server
from tests.unit.controller.configs import SMALL, config

KEY = "sk-doctor-secret"


@pytest.mark.parametrize(
    ("status", "answer", "verdicts", "told"),
    [
        (200, {"id": "gpt-realtime-2.1-mini"}, ["ok"], "the key works"),
        (200, {"shutdown_date": "2026-12-01"}, ["ok", "warning"], "switched off on 2026-12-01"),
        (401, {"error": {"message": "Incorrect API key"}}, ["failure"], "refuses the key"),
        (404, {"error": {"message": "no such model"}}, ["failure"], "does not have"),
        (429, {"error": {"code": "insufficient_quota"}}, ["failure"], "quota"),
        (503, {}, ["warning"], "answered 503"),
    ],
)
async def test_what_a_provider_answers(status: int, answer: dict[str, Any], verdicts: list[str], told: str) -> None:
    asked: list[tuple[str, str | None]] = []

    async def model(request: web.Request) -> web.Response:
        asked.append((request.path, request.headers.get("Authorization")))
        return web.json_response(answer, status=status)

    async with http_server(model) as at:
        settings = config(SMALL, openai__url=f"ws://{at}/v1/realtime", openai__api_key=KEY)
        found = await provider.live(settings, date(2026, 11, 23))
    assert [each.verdict for each in found] == verdicts
    assert told in found[-1].told
    assert KEY not in str(found)
    assert asked == [("/v1/models/gpt-realtime-2.1-mini", f"Bearer {KEY}")]


async def test_a_provider_that_is_not_there() -> None:
    told = config(SMALL, openai__url="ws://127.0.0.1:9/v1/realtime", openai__api_key=KEY)
    (found,) = await provider.live(told, date(2026, 11, 23))
    assert (found.verdict, found.told) == ("failure", "can't be reached: connection refused")
