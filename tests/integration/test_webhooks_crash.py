"""Killed with SIGKILL while it delivers, again and again: what was accepted arrives, at least once, in order."""

import asyncio
import random
import signal
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

from aiohttp import web

from controller.events.webhooks.delivery import PER_RECEIVER
from tests.integration.webhook_harness import assert_in_order, receiver

ROOT = Path(__file__).parents[2]
CHANCE = random.Random(4)


def accepted(store: Path) -> set[tuple[str, str]]:
    """Which events the outbox holds: call and body's id."""
    with closing(sqlite3.connect(store)) as connection:  # one that is open keeps the next process out
        return set(connection.execute("select call, event from webhook_outbox"))


async def start(folder: Path, url: str, round_: str, peer: str = "webhook_process") -> asyncio.subprocess.Process:
    command = (sys.executable, "-m", f"tests.peers.{peer}", str(folder), url, round_)
    return await asyncio.create_subprocess_exec(*command, cwd=ROOT)


async def answer(request: web.Request, body: dict[str, Any]) -> web.Response:
    await asyncio.sleep(CHANCE.random() * 0.01)
    return web.Response(status=500 if CHANCE.random() < 0.1 else 204)


async def test_killed_again_and_again(tmp_path: Path) -> None:
    owed: set[tuple[str, str]] = set()
    async with receiver() as there:
        there.answer = answer
        for round_, count in (("a", 20), ("b", 90), ("c", 40)):
            process = await start(tmp_path, there.url(), round_)
            before = len(there.got)
            await there.until(lambda seen, enough=before + count: len(seen.got) >= enough, 30)  # type: ignore[misc]
            process.kill()
            await process.wait()
            owed |= accepted(tmp_path / "voiceai.sqlite3")
        last = await start(tmp_path, there.url(), "-")
        async with asyncio.timeout(60):
            assert await last.wait() == 0
    got = [(each.body["data"]["call"], each.body["id"]) for each in there.got]
    assert len(owed) > 100
    assert owed <= set(got)
    assert there.forged == []
    assert_in_order(there.got)
    assert len(got) - len(set(got)) <= 3 * PER_RECEIVER, "only what was under way at a kill comes twice"
    assert accepted(tmp_path / "voiceai.sqlite3") == set()


async def test_killed_between_the_queue_and_the_event_of_its_change(tmp_path: Path) -> None:
    """Nothing but the row knows of it: the next controller tells."""
    async with receiver() as there:
        for last in ("CallQueued", "CallSettled"):
            process = await start(tmp_path, there.url(), last, "queue_process")
            async with asyncio.timeout(60):
                assert await process.wait() == -signal.SIGKILL
        process = await start(tmp_path, there.url(), "-", "queue_process")
        async with asyncio.timeout(60):
            assert await process.wait() == 0
    events = {each.body["id"]: each.body["type"] for each in there.got}  # what was under way at a kill comes twice
    assert list(events.values()) == ["call.queued", "call.settled"]
    assert {each.body["data"]["call"] for each in there.got} == {there.got[0].body["data"]["call"]}
