"""The queue over a real Asterisk: nobody is called twice, nobody is forgotten, whatever happens to the controller."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from simulator.realtime import Say, ToneModel
from tests.e2e.installation import Installation, installation
from tests.e2e.test_inbound import GREETING, greeted
from tests.peers.asterisk import Asterisk
from tests.peers.callees import Callees, busy

CALLS, AT_ONCE, BEFORE_KILL = 200, 10, 30
PATIENCE = 90.0


def numbers(count: int) -> list[str]:
    return [f"+493055{each:05d}" for each in range(count)]


async def order(running: Installation, wanted: list[str], **more: Any) -> dict[str, str]:
    """Number → the call's id."""
    return {to: (await running.api("POST", "/v1/calls", to=to, **more))["id"] for to in wanted}


async def all_ended(running: Installation, timeout: float = PATIENCE) -> dict[str, dict[str, Any]]:
    """Number → the call, once nothing waits and nothing is under way any more."""
    async with asyncio.timeout(timeout):
        while True:
            found = await running.api("GET", "/v1/queue?limit=1000")
            if all(call["queue"]["status"] == "ended" for call in found["calls"]):
                return {call["callee"]: call for call in found["calls"]}
            await asyncio.sleep(0.5)


@pytest.mark.timeout(150)
async def test_killed_in_the_middle_of_two_hundred_calls(asterisk: Asterisk, tmp_path: Path) -> None:
    model = ToneModel(forever=Say("Hello.", 1.0, 440))
    wanted = numbers(CALLS)
    async with (
        Callees(asterisk.trunk_port) as callees,
        installation(asterisk, tmp_path, model, trunk={"max_calls": AT_ONCE}) as running,
    ):
        await running.api("POST", "/v1/queue/pause")
        ordered = await order(running, wanted)
        await running.api("POST", "/v1/queue/resume")
        killed = running.service
        await killed.logged("call ended", 30, nth=BEFORE_KILL)
        await running.kill_and_start_again()
        calls = await all_ended(running)
        called = callees.called()

    assert {number: call["id"] for number, call in calls.items()} == ordered
    assert max(called.values()) == 1, called.most_common(5)
    outcomes = {number: call["outcome"] for number, call in calls.items()}
    interrupted = {number for number, outcome in outcomes.items() if outcome == "interrupted"}
    assert interrupted
    assert len(interrupted - called.keys()) <= AT_ONCE, "who was not dialled is dialled later"
    written = {line["call"] for line in killed.lines if line["event"] == "attempt written down"}
    assert not written & {ordered[number] for number in interrupted}, "what is written down stays"
    for number in set(wanted) - interrupted:
        assert outcomes[number] == ("busy" if busy(number) else "answered")
    assert set(wanted) - called.keys() <= interrupted
    for number in interrupted:
        assert "not known" in calls[number]["detail"]
        assert [each["result"] for each in calls[number]["queue"]["attempts"]] == ["interrupted"]


async def test_a_busy_number_is_tried_again_under_the_same_url(asterisk: Asterisk, tmp_path: Path) -> None:
    trunk = {"retries": {"busy": {"times": 1, "after_s": 2}}}
    async with installation(asterisk, tmp_path, ToneModel([GREETING]), trunk=trunk) as running:
        async with running.refusing("486 Busy Here") as phone:
            (call,) = (await order(running, numbers(1))).values()
            await phone.wait("refused")
            await running.service.logged("attempt written down", call=call)
        waiting = await running.api("GET", f"/v1/calls/{call}")
        assert (waiting["state"], waiting["outcome"]) == ("queued", None)
        assert [each["result"] for each in waiting["queue"]["attempts"]] == ["busy"]
        async with running.callee() as phone:
            await phone.wait("called")
            await phone.command("answer")
            await greeted(phone)
            await phone.hang_up()
            await running.service.logged("attempt written down", call=call, result="answered")
        ended = await running.api("GET", f"/v1/calls/{call}")
        assert (ended["state"], ended["outcome"]) == ("ended", "answered")
        assert [each["result"] for each in ended["queue"]["attempts"]] == ["busy", "answered"]


async def test_paused_cancelled_and_expired_calls_are_never_dialled(asterisk: Asterisk, tmp_path: Path) -> None:
    wanted = numbers(3)
    async with Callees(asterisk.trunk_port) as callees, installation(asterisk, tmp_path, ToneModel()) as running:
        assert (await running.api("POST", "/v1/queue/pause"))["paused"] is True
        soon = (datetime.now(UTC) + timedelta(seconds=1)).isoformat()
        (expired,) = (await order(running, wanted[:1], expires=soon)).values()
        cancelled, called = (await order(running, wanted[1:])).values()
        found = await running.api("POST", f"/v1/calls/{cancelled}/hangup")
        assert (found["state"], found["outcome"]) == ("ended", "cancelled")
        await running.service.logged("a call has waited too long and is given up", call=expired)
        assert (await running.api("POST", "/v1/queue/resume"))["counts"] == {"queued": 1, "dialing": 0, "ended": 2}
        outcomes = {call["id"]: call["outcome"] for call in (await all_ended(running)).values()}
        assert outcomes == {expired: "expired", cancelled: "cancelled", called: "answered"}
        assert callees.called() == {wanted[2]: 1}
