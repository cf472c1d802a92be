"""A trunk's limits count every leg that is dialled over it, and a place is free again when its channel is gone."""

import asyncio
from pathlib import Path

import pytest

from simulator.audio.sound import has_tone
from simulator.phone.phone import PhoneError
from simulator.realtime import ToneModel
from tests.e2e.installation import SIP_ALLOWED, Installation, installation
from tests.e2e.test_inbound import GREETING, greeted
from tests.e2e.test_recovery import adopted
from tests.e2e.test_supervision import supervised, watched
from tests.e2e.test_transfer import TARGET
from tests.e2e.test_transfer_matrix import id_of
from tests.peers.asterisk import Asterisk, free_udp_port


async def transfer_that_fails(running: Installation, call: str, nth: int) -> dict[str, str]:
    await running.api("POST", f"/v1/calls/{call}/transfer", to=TARGET)
    await running.service.logged("call state", call=call, state="talking", before="transferring", nth=nth)
    shown = await running.api("GET", f"/v1/calls/{call}")
    moved: dict[str, str] = shown["transfer"]
    assert (shown["state"], moved["state"]) == ("talking", "failed")
    return moved


async def test_a_transfer_without_a_line_leaves_the_caller_with_the_agent(asterisk: Asterisk, tmp_path: Path) -> None:
    async with (
        installation(asterisk, tmp_path, ToneModel([GREETING]), trunk={"max_calls": 1}) as running,
        running.caller() as phone,
    ):
        await greeted(phone)
        call = await running.call_id()
        moved = await transfer_that_fails(running, call, 1)
        assert moved["outcome"] == "no_room"
        assert "trunks.<name>.max_calls" in moved["detail"]
        await phone.hang_up()
        await running.ended(call)


async def test_a_line_is_free_again_whatever_becomes_of_its_leg(asterisk: Asterisk, tmp_path: Path) -> None:
    """Two lines: the caller has one. A target that rings takes the other, and it comes back each time."""
    async with (
        installation(asterisk, tmp_path, ToneModel([GREETING]), trunk={"max_calls": 2, **SIP_ALLOWED}) as running,
        running.caller() as phone,
    ):
        await greeted(phone)
        call = await running.call_id()
        async with running.refusing("486 Busy Here"):
            assert (await transfer_that_fails(running, call, 1))["outcome"] == "busy"
        async with running.callee() as target:
            await running.api("POST", f"/v1/calls/{call}/transfer", to=TARGET)
            await target.wait("called")
            async with running.caller() as second:
                with pytest.raises(PhoneError, match="486"):
                    await second.answered()
            await running.api("DELETE", f"/v1/calls/{call}/transfer")
            await running.service.logged("call state", call=call, state="talking", before="transferring", nth=2)
        async with running.callee() as target:
            await running.api("POST", f"/v1/calls/{call}/transfer", to=TARGET)
            await target.wait("called")
            await target.command("answer")
            await target.answered()
            await phone.hang_up()
            await target.wait("left")
        await running.ended(call)
        async with running.caller() as third:
            await third.answered()
            await third.hang_up()


async def test_the_minutes_of_the_day_are_used_up_and_stay_so(asterisk: Asterisk, tmp_path: Path) -> None:
    """Also for the next controller, on the same store."""
    trunk = {"minutes_per_day": 0.005}
    async with installation(asterisk, tmp_path, ToneModel([GREETING]), trunk=trunk) as running:
        async with running.callee() as phone:
            first = await running.api("POST", "/v1/calls", to=TARGET)
            await phone.wait("called")
            await phone.command("answer")
            await greeted(phone)
            await phone.hang_up()
            await running.service.logged("attempt written down", call=first["id"], result="answered")
        second = await running.api("POST", "/v1/calls", to=TARGET)
        await running.service.logged("daily limit of the trunk reached; queued calls wait until midnight", trunk="main")
        await running.kill_and_start_again()
        await running.service.logged("daily limit of the trunk reached; queued calls wait until midnight", trunk="main")
        waiting = await running.api("GET", f"/v1/calls/{second['id']}")
        assert (waiting["state"], waiting["queue"]["attempts"]) == ("queued", [])


@pytest.mark.parametrize("killed", [False, True], ids=["", "by the next controller"])
async def test_minutes_that_are_used_up_end_what_is_up(asterisk: Asterisk, tmp_path: Path, killed: bool) -> None:
    """A call without an agent, after a warning tone for both; and whoever only listens, at once."""
    target_at, ear_at = free_udp_port(), free_udp_port()
    async with (
        installation(
            *(asterisk, tmp_path, lambda: ToneModel([GREETING])),
            trunk={"minutes_per_day": 0.2, **SIP_ALLOWED},
            more=watched(ear_at),
        ) as running,
        running.callee(target_at) as target,
        running.callee(ear_at) as ear,
        running.caller("5001") as moved,
        running.caller("5002") as heard,
    ):
        await greeted(moved)
        await greeted(heard)
        one, two = await id_of(running, "5001"), await id_of(running, "5002")
        await supervised(running, two, ear, "listen")
        await running.api("POST", f"/v1/calls/{one}/transfer", to=f"sip:t@127.0.0.1:{target_at}")
        await target.wait("called")
        await target.command("answer")
        await running.service.logged("call state", call=one, state="transferred")
        if killed:
            await asyncio.sleep(0.3)  # snapshots are written beside the call
            await running.kill_the_controller()
            await running.start_again()
            await adopted(running, one)
        await asyncio.gather(
            ear.wait("left", timeout=25),
            moved.rtp.hears(lambda samples: has_tone(samples, 1400, 0.2), timeout=25),
            target.rtp.hears(lambda samples: has_tone(samples, 1400, 0.2), timeout=25),
        )
        shown = await running.api("GET", f"/v1/calls/{two}")
        assert (shown["state"], shown["supervision"]["state"]) == ("talking", "left")
        await asyncio.gather(moved.wait("left", timeout=40), target.wait("left", timeout=40))
        ended = await running.ended(one)
        assert (ended["ended_by"], ended["detail"]) == ("system", "trunks.<name>.minutes_per_day")
        await heard.hang_up()
        await running.ended(two)
