"""Outbound calls: answered and carried like any other, or ended with an outcome that says why not."""

import asyncio
from pathlib import Path

import httpx
import pytest

from simulator.realtime import ToneModel
from tests.e2e.installation import Installation, shared
from tests.e2e.test_inbound import GREETING, REPLY, assert_clean, greeted, replies
from tests.peers.asterisk import Asterisk

NUMBER = "+4930555123"


async def place(running: Installation, **more: object) -> str:
    """The new call's id."""
    call = await running.api("POST", "/v1/calls", to=NUMBER, **more)
    assert (call["direction"], call["outcome"], call["callee"]) == ("outbound", None, NUMBER)
    return str(call["id"])


async def test_answered(asterisk: Asterisk, tmp_path: Path) -> None:
    async with shared(asterisk, tmp_path, ToneModel([GREETING, REPLY])) as running, running.callee() as phone:
        call = await place(running)
        called = await phone.wait("called")
        assert "493055501" in called.fields["from"]
        assert NUMBER in called.fields["to"]
        assert (await running.api("GET", f"/v1/calls/{call}"))["answered_at"] is None
        await phone.command("answer")
        assert_clean(await greeted(phone), 440, GREETING.seconds)
        await replies(phone)
        await phone.hang_up()
        ended = await running.ended(call)
        assert (ended["outcome"], ended["ended_by"]) == ("answered", "callee")


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("486 Busy Here", "busy"),
        ("603 Decline", "declined"),
        ("503 Service Unavailable", "congestion"),
        ("404 Not Found", "invalid_number"),
        ("480 Temporarily Unavailable", "no_answer"),
        ("302 Moved Temporarily", "redirected"),
    ],
)
async def test_refused(asterisk: Asterisk, tmp_path: Path, status: str, outcome: str) -> None:
    async with shared(asterisk, tmp_path, ToneModel()) as running, running.refusing(status) as phone:
        call = await place(running)
        await phone.wait("refused")
        ended = await running.ended(call)
        assert (ended["outcome"], ended["answered_at"]) == (outcome, None)
        if outcome == "redirected":  # Asterisk would call callee@from-trunk, which is an agent of ours
            await asyncio.sleep(0.5)
            await running.only_call()


async def test_nobody_answers(asterisk: Asterisk, tmp_path: Path) -> None:
    async with shared(asterisk, tmp_path, ToneModel()) as running, running.callee() as phone:
        call = await place(running, timeout=1.0)
        await phone.wait("cancelled")
        assert (await running.ended(call))["outcome"] == "no_answer"


async def test_called_off_while_it_rings(asterisk: Asterisk, tmp_path: Path) -> None:
    async with shared(asterisk, tmp_path, ToneModel()) as running, running.callee() as phone:
        call = await place(running)
        await phone.wait("called")
        await running.api("POST", f"/v1/calls/{call}/hangup")
        await phone.wait("cancelled")
        assert (await running.ended(call))["outcome"] == "cancelled"


async def test_nothing_is_dialled_for_strangers(asterisk: Asterisk, tmp_path: Path) -> None:
    async with shared(asterisk, tmp_path, ToneModel()) as running:
        for headers in ({}, {"Authorization": "Bearer wrong"}):
            async with httpx.AsyncClient(base_url=running.service.url, headers=headers) as stranger:
                assert (await stranger.post("/v1/calls", json={"to": NUMBER})).status_code == 401
                assert (await stranger.get("/v1/calls")).status_code == 401
        refused = await running.service.api.post("/v1/calls", json={"to": "19001234567890123"})
        assert refused.status_code == 403
        assert await running.calls() == []
        assert running.realtime.attempts == 0
