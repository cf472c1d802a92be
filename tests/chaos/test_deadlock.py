"""A worker that sends frames only as answers deadlocks Asterisk: readiness reports it, and its end.

No worker of ours is like that. One of somebody else's making, or on a machine that our supervisor does not reach, may
be; ARI's own answers prove nothing then (`controller.ari.health`).
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx
import pytest

from bridge import contract
from simulator.realtime import ToneModel
from tests.chaos import verdict
from tests.chaos.test_freeze import STORY, settled, sip_answers
from tests.e2e.installation import Installation, installation
from tests.peers.asterisk import Asterisk
from tests.peers.sip_options import options
from tests.peers.sipp import short_calls

PER_SECOND, CALLS, STORMS = 30, 200, 4
TOKEN = "a-token-for-the-worker-elsewhere"


@asynccontextmanager
async def silent_worker(running: Installation) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.peers.silent_worker", "silent"),
        running.service.url.replace("http", "ws", 1) + contract.LINK_PATH,
        env=os.environ | {contract.TOKEN_ENV: TOKEN},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(20):
            while "silent" not in await workers(running):  # noqa: ASYNC110 - another program is asked
                await asyncio.sleep(0.05)
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def workers(running: Installation) -> list[str]:
    return [each["name"] for each in (await running.api("GET", "/v1/workers"))["workers"]]


async def frozen(running: Installation, folder: Path) -> None:
    """Calls until Asterisk stands still: it takes two of its threads to meet at the wrong moment."""
    for _ in range(STORMS):
        async with short_calls(running.sip, folder, CALLS, PER_SECOND, 20) as calls:
            while calls.running:
                if await options(running.sip, 2.0) is None and await options(running.sip, 2.0) is None:
                    return
                await asyncio.sleep(0.1)
    pytest.fail(f"{STORMS * CALLS} calls to a silent peer, and Asterisk lives: is this the hazard of an old version?")


async def pongs(asterisk: Asterisk) -> bool:
    auth = (asterisk.ari_username, asterisk.ari_password)
    async with httpx.AsyncClient(base_url=asterisk.ari_url, auth=auth, timeout=2) as ari:
        return (await ari.get("/asterisk/ping")).is_success


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_readiness_tells_a_deadlocked_asterisk(own_asterisk: Asterisk, tmp_path: Path) -> None:
    model = ToneModel(forever=STORY)
    most_are_the_silent_ones = {"workers": 1, "capacity": 1, "token": TOKEN}
    async with installation(
        own_asterisk, tmp_path, model, bridge=most_are_the_silent_ones, agent={"greeting": None}, keep=False
    ) as running:
        async with silent_worker(running) as silent:
            await frozen(running, tmp_path)
            assert (await running.asterisk_is(ready=False, seconds=10))["ready"] is False
            assert await pongs(own_asterisk), "it is not the deadlock that is meant"
            silent.kill()
            assert (await running.asterisk_is(ready=True, seconds=20))["ready"] is True
        await settled(running)
        arrived = {line["call"] for line in running.service.lines if line["event"] == "call arrived"}
        recorded = {str(each["id"]): each["outcome"] for each in await verdict.written_down(running)}
        assert recorded.keys() == arrived
        assert None not in recorded.values()
        await sip_answers(running)
        await settled(running)
