"""The queue over a real Asterisk: nobody is called twice, nobody is forgotten, whatever happens to the controller."""

import asyncio
from pathlib import Path
from typing import Any

from demo.realtime import Say, ToneBrain
from tests.e2e.conftest import Asterisk
from tests.e2e.house import House, house
from tests.peers.crowd import Crowd

CALLS, AT_ONCE, BEFORE_KILL = 200, 10, 30
PATIENCE = 50.0


def numbers(count: int) -> list[str]:
    return [f"+493055{each:05d}" for each in range(count)]


async def order(running: House, wanted: list[str], **more: Any) -> dict[str, str]:
    """Number → the call's id."""
    return {to: (await running.api("POST", "/v1/calls", to=to, **more))["id"] for to in wanted}


async def all_ended(running: House, timeout: float = PATIENCE) -> dict[str, dict[str, Any]]:
    """Number → the call, once nothing waits and nothing is under way any more."""
    async with asyncio.timeout(timeout):
        while True:
            found = await running.api("GET", "/v1/queue?limit=1000")
            if not found["counts"]["queued"] and not found["counts"]["dialling"]:
                return {call["callee"]: call for call in found["calls"]}
            await asyncio.sleep(0.2)


async def test_killed_in_the_middle_of_two_hundred_calls(asterisk: Asterisk, tmp_path: Path) -> None:
    brain = ToneBrain(forever=Say("Hello.", 1.0, 440))
    wanted = numbers(CALLS)
    async with (
        Crowd(asterisk.trunk_port) as crowd,
        house(asterisk, tmp_path, brain, trunk={"max_calls": AT_ONCE}) as running,
    ):
        await running.api("POST", "/v1/queue/pause")
        ordered = await order(running, wanted)
        await running.api("POST", "/v1/queue/resume")
        await running.service.logged("call ended", 30, nth=BEFORE_KILL)
        await running.kill_and_start_again()
        calls = await all_ended(running)
        called = crowd.called()

    assert {number: call["id"] for number, call in calls.items()} == ordered
    assert max(called.values()) == 1, called.most_common(5)
    outcomes = {number: call["outcome"] for number, call in calls.items()}
    interrupted = {number for number, outcome in outcomes.items() if outcome == "interrupted"}
    assert 1 <= len(interrupted) <= AT_ONCE
    assert {outcome for number, outcome in outcomes.items() if number not in interrupted} == {"answered"}
    assert set(wanted) - called.keys() <= interrupted
    for number in interrupted:
        assert "not known" in calls[number]["detail"]
        assert [each["result"] for each in calls[number]["queue"]["attempts"]] == ["interrupted"]
