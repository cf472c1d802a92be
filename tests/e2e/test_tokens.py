"""Tokens and sessions of a running service: taken away by SIGHUP, ended by a log-out, kept over a restart."""

import asyncio
import os
import secrets
import signal
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml

from simulator.realtime import ToneModel
from tests.e2e.installation import Installation, installation
from tests.peers.asterisk import Asterisk

READER = secrets.token_urlsafe(16)
PAGE = {"Sec-Fetch-Site": "same-origin"}


def changed(running: Installation, **api: Any) -> None:
    path = running.folder / "config.yaml"
    config = yaml.safe_load(path.read_text())
    config["api"] |= api
    path.write_text(yaml.safe_dump(config))
    os.kill(running.service.pid, signal.SIGHUP)


async def log_in(running: Installation) -> httpx.AsyncClient:
    """As the console does; the cookie stays in the client."""
    http = httpx.AsyncClient(base_url=running.service.url, headers=PAGE, timeout=10)
    assert (await http.post("/console/session", json={"token": READER})).status_code == 200
    return http


@pytest.mark.timeout(120)
async def test_a_token_and_its_sessions_are_taken_away_while_the_service_runs(
    asterisk: Asterisk, tmp_path: Path
) -> None:
    tokens = [{"name": "reader", "token": READER, "scopes": ["read"]}]
    async with installation(asterisk, tmp_path, ToneModel([]), tokens=tokens) as running, asyncio.timeout(50):
        mine = yaml.safe_load((tmp_path / "config.yaml").read_text())["api"]["tokens"]
        pages, stolen = await log_in(running), await log_in(running)
        stolen.cookies.update(pages.cookies)
        assert (await stolen.get("/v1/calls")).status_code == 200
        assert (await pages.delete("/console/session")).status_code == 204
        assert (await stolen.get("/v1/calls")).status_code == 401

        kept = await log_in(running)
        changed(running, tokens=[{"name": "x"}], listen="nowhere")
        await running.service.logged("the config file has errors: nothing was changed")
        assert (await kept.get("/v1/calls")).status_code == 200
        async with kept.stream("GET", "/v1/events") as answer:
            assert answer.status_code == 200
            changed(running, tokens=mine[:1], listen=running.service.url.removeprefix("http://"))
            await running.service.logged("the tokens of the config file were read again")
            async with asyncio.timeout(2):
                try:
                    async for _ in answer.aiter_raw():
                        pass
                except httpx.RemoteProtocolError:
                    pass  # cut off
        assert (await kept.get("/v1/calls")).status_code == 401
        assert (await running.api("GET", "/v1/calls"))["calls"] == []
        assert not any(line.get("event") == "all workers are replaced" for line in running.service.lines)
        for http in (pages, stolen, kept):
            await http.aclose()
