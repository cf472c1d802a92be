"""PostgreSQL hangs, is killed and comes back during calls: no caller notices, and afterwards no record is missing.

`STORE_AWAY_CALLS=30 STORE_AWAY_SECONDS=60 pytest tests/e2e/test_store_unavailable.py -s` is the same at full size.
"""

import asyncio
import os
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack
from itertools import pairwise
from pathlib import Path

import pytest
import structlog

from simulator.phone.phone import Phone
from simulator.realtime import Say, ToneModel
from tests.e2e.installation import Installation, installation
from tests.e2e.test_inbound import LATE
from tests.integration.webhook_harness import Receiver, assert_in_order, hook, receiver
from tests.peers.asterisk import Asterisk
from tests.peers.stores import Server

CALLS = int(os.environ.get("STORE_AWAY_CALLS", "4"))
AWAY = float(os.environ.get("STORE_AWAY_SECONDS", "7"))
"""Seconds. It hangs in the first two thirds of them, and is gone in the last."""
log = structlog.get_logger()

STORY = Say("A story without end.", AWAY + CALLS + 30, 880)
CALLED = "+4930555123"
AT_ONCE = 2.0
"""Seconds that an order to a live call may take; the store's own patience is ten."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


@pytest.mark.timeout(240)
async def test_postgresql_is_away_under_calls(asterisk: Asterisk, tmp_path: Path, server: Server) -> None:
    async with receiver() as there:
        more = {"store": {"url": server.url("calls")}, "webhooks": {"crm": hook(there.url())}}
        model = ToneModel(forever=STORY)
        async with (
            installation(asterisk, tmp_path, model, more=more) as running,
            running.callee() as called,
            AsyncExitStack() as stack,
        ):
            placed = (await running.api("POST", "/v1/calls", to=CALLED))["id"]
            await called.wait("called")
            await called.command("answer")
            phones = [await talking(running, stack) for _ in range(CALLS)]
            began = time.time()
            await away(running, server, called, placed, phones[0])
            over = time.time()
            await asyncio.gather(*(phone.hang_up() for phone in phones[1:]))
            await running.service.logged("attempt written down", 20, call=placed, result="answered")
            (entry,) = (await running.api("GET", "/v1/queue"))["calls"]
            assert (entry["state"], [each["result"] for each in entry["queue"]["attempts"]]) == ("ended", ["answered"])
            await there.until(lambda seen: len(ended(seen)) == CALLS + 2, 30)
            for name in ("the store takes no events; they wait in memory", "the store takes events again"):
                await running.service.logged(name)
            await running.service.logged("the store takes records again")
            for call in ended(there):
                await recorded(running, call, there)
    assert there.forged == []
    assert_in_order([each for each in there.got if each.number > 0])  # the queue's own have no number
    assert len({each.lane for each in there.got}) == CALLS + 2
    heard(phones[1:], began, over)


def ended(there: Receiver) -> set[str]:
    return {each.body["data"]["call"] for each in there.got if each.body["type"] == "call.ended"}


async def recorded(running: Installation, call: str, there: Receiver) -> None:
    """As many events are kept as the webhook was told of."""
    told = Counter(each.body["type"] for each in there.got if each.lane[1] == call)
    async with asyncio.timeout(10):
        while True:
            kept = await running.api("GET", f"/v1/history/{call}")
            if kept["ended_at"] is not None:
                break
            await asyncio.sleep(0.1)
    own = {"call.said": kept["transcript"], "call.turn": kept["turn_times"], "call.used": kept["usage"]}
    found = Counter(each["type"] for each in kept["events"]) + Counter({name: len(own[name]) for name in own})
    assert found == told


async def talking(running: Installation, stack: AsyncExitStack) -> Phone:
    phone = await stack.enter_async_context(running.caller())
    await phone.answered()
    await phone.rtp.sound()
    return phone


async def away(running: Installation, server: Server, called: Phone, placed: str, first: Phone) -> None:
    """What call control does meanwhile, it does at once."""
    calls = (await running.api("GET", "/v1/calls?state=active&limit=1000"))["calls"]
    ours = min((each for each in calls if each["direction"] == "inbound"), key=lambda each: each["started_at"])["id"]
    began = time.monotonic()
    server.freeze()
    await called.hang_up()
    await running.service.logged("call ended", AT_ONCE, call=placed)
    asked = time.monotonic()
    await running.api("POST", f"/v1/calls/{ours}/hangup")
    await running.service.logged("call ended", AT_ONCE, call=ours)
    assert time.monotonic() - asked < AT_ONCE
    await first.wait("left", timeout=AT_ONCE)
    async with running.caller() as late:
        await late.answered()
        await late.rtp.sound()
        await late.hang_up()
    await asyncio.sleep(max(0.0, began + AWAY * 2 / 3 - time.monotonic()))
    await asyncio.to_thread(server.kill)
    refused = await running.service.api.post("/v1/calls", json={"to": CALLED})
    assert (refused.status_code, refused.json()["type"]) == (503, "/problems/store-away")
    await asyncio.sleep(max(0.0, began + AWAY - time.monotonic()))
    await asyncio.to_thread(server.start)


def heard(phones: list[Phone], began: float, over: float) -> None:
    """All the time, on each telephone: packets, and sound in them."""
    gaps, silences, shares = [], [], []
    for phone in phones:
        frames = [each for each in phone.rtp.heard if began <= each.at <= over]
        gaps.append(max(after.at - before.at for before, after in pairwise(frames)))
        shares.append(len(frames) * 0.02 / (over - began))
        silences.append(sum(not each.loud for each in frames) * 0.02)
    log.info(
        "heard while the store was away",
        calls=len(phones),
        seconds=round(over - began, 1),
        longest_gap_ms=round(max(gaps) * 1000),
        fewest_packets=round(min(shares), 3),
        most_silence_ms=round(max(silences) * 1000),
    )
    assert max(gaps) < LATE
    assert min(shares) > 0.97
    assert max(silences) < LATE
