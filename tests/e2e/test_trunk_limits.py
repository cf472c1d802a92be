"""A trunk's limits count every leg that is dialled over it, and each line is free again when its channel is gone."""

from pathlib import Path

import pytest

from demo.phone import PhoneError
from demo.realtime import ToneBrain
from tests.e2e.conftest import Asterisk
from tests.e2e.house import SIP_ALLOWED, House, house
from tests.e2e.test_inbound import GREETING, greeted
from tests.e2e.test_transfer import TARGET


async def transfer_that_fails(running: House, call: str, nth: int) -> dict[str, str]:
    await running.api("POST", f"/v1/calls/{call}/transfer", to=TARGET)
    await running.service.logged("call state", call=call, state="talking", before="transferring", nth=nth)
    shown = await running.api("GET", f"/v1/calls/{call}")
    moved: dict[str, str] = shown["transfer"]
    assert (shown["state"], moved["state"]) == ("talking", "failed")
    return moved


async def test_a_transfer_without_a_line_leaves_the_caller_with_the_agent(asterisk: Asterisk, tmp_path: Path) -> None:
    async with (
        house(asterisk, tmp_path, ToneBrain([GREETING]), trunk={"max_calls": 1}) as running,
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
        house(asterisk, tmp_path, ToneBrain([GREETING]), trunk={"max_calls": 2, **SIP_ALLOWED}) as running,
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
    async with house(asterisk, tmp_path, ToneBrain([GREETING]), trunk=trunk) as running:
        async with running.callee() as phone:
            first = await running.api("POST", "/v1/calls", to=TARGET)
            await phone.wait("called")
            await phone.command("answer")
            await greeted(phone)
            await phone.hang_up()
            await running.service.logged("attempt written down", call=first["id"], result="answered")
        second = await running.api("POST", "/v1/calls", to=TARGET)
        await running.service.logged("queued calls wait for tomorrow", trunk="main")
        await running.kill_and_start_again()
        await running.service.logged("queued calls wait for tomorrow", trunk="main")
        waiting = await running.api("GET", f"/v1/calls/{second['id']}")
        assert (waiting["state"], waiting["queue"]["attempts"]) == ("queued", [])
