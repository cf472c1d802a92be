"""A gateway that answers 183 and then 503: its own route is dead. On a real Asterisk, with the queue."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from simulator.realtime import Say, ToneModel
from tests.e2e.installation import Installation, installation
from tests.e2e.test_outbound_queue import all_ended, order
from tests.peers.asterisk import Asterisk
from tests.peers.callees import Callees

AGAIN = "a trunk fails again and again; no queued call is placed over it for now"
BREAKER = {"faults": 2, "pause_s": 2, "longest_pause_s": 2}


async def until(running: Installation, wanted: bool) -> list[Any]:
    """`suspended_trunks`, once there are any (or none)."""
    async with asyncio.timeout(30):
        while True:
            found = (await running.api("GET", "/v1/queue"))["suspended_trunks"]
            if bool(found) is wanted:
                return list(found)
            await asyncio.sleep(0.1)


@pytest.mark.parametrize("ringing", ["183 Session Progress", "180 Ringing"])
async def test_the_queue_waits_for_a_trunk_whose_calls_ring_and_fail(
    asterisk: Asterisk, tmp_path: Path, ringing: str
) -> None:
    trunk = {"max_calls": 1, "circuit_breaker": BREAKER}
    model = ToneModel(forever=Say("Hello.", 1.0, 440))
    wanted = [f"+49301000{number}" for number in (0, 2, 4, 6)]
    async with (
        Callees(asterisk.trunk_port, ringing=ringing, refusal="503 Service Unavailable") as callees,
        installation(asterisk, tmp_path, model, trunk=trunk) as running,
    ):
        await order(running, wanted)
        (told,) = await until(running, True)
        assert (told["trunk"], told["outcome"], told["sip_status"], told["faults"]) == ("main", "congestion", 503, 2)
        await running.service.logged(AGAIN, nth=2)  # the call that tried it failed as well
        callees.refusal, callees.rings = "", 2.0
        await until(running, False)  # while the next one rings, or has early media: that shows that the trunk works
        assert not any(call["outcome"] == "answered" for call in (await running.api("GET", "/v1/queue"))["calls"])
        callees.rings = 0.3
        calls = await all_ended(running)
    outcomes = [call["outcome"] for call in calls.values()]
    assert sorted(outcomes) == ["answered"] * 3 + ["congestion"]
    assert sum(len(call["queue"]["attempts"]) for call in calls.values()) == 4
