"""A transfer by SIP REFER: where the carrier is told to send the caller, and what the caller hears meanwhile."""

import asyncio
from pathlib import Path

from simulator.phone.phone import Phone
from simulator.realtime import ToneModel
from tests.e2e.installation import Installation, shared
from tests.e2e.test_call_control import heard_reply, is_music
from tests.e2e.test_inbound import GREETING, REPLY, greeted
from tests.peers import sip as telephones
from tests.peers.asterisk import Asterisk

TARGET = "+4930555123"
TRUNK = {"refer": "sip:{number}@carrier.example"}


async def test_who_could_not_be_referred_is_back_with_the_agent(asterisk: Asterisk, tmp_path: Path) -> None:
    async with (
        shared(asterisk, tmp_path, ToneModel([GREETING, REPLY]), trunk=TRUNK) as running,
        running.referred("486 Busy Here") as phone,
    ):
        await greeted(phone)
        call = await running.call_id()
        await running.api("POST", f"/v1/calls/{call}/transfer", to=TARGET, kind="refer")
        asked = await phone.wait("referred")
        assert f"sip:{TARGET}@carrier.example" in asked.fields["where"]
        await phone.rtp.hears(is_music)
        await phone.command("go on")
        await heard_reply(phone)
        shown = await running.api("GET", f"/v1/calls/{call}")
        assert (shown["state"], shown["transfer"]["state"], shown["transfer"]["outcome"]) == (
            "talking",
            "failed",
            "busy",
        )
        await phone.hang_up()
        await running.ended(call)


async def merely_listed(running: Installation) -> int:
    """Channels in Asterisk's list that nothing can be asked of any more, nor hung up."""
    async with running.asterisk.ari() as ari:
        legs = [f"/channels/{each['id']}" for each in (await ari.get("/channels")).json()]
        asked = {leg: await ari.get(f"{leg}/variable", params={"variable": "CHANNEL(name)"}) for leg in legs}
        gone = [leg for leg, answer in asked.items() if answer.status_code == 404]
        assert {(await ari.delete(leg)).status_code for leg in gone} <= {404}
    return len(gone)


async def owed(running: Installation, number: str, leaves: bool, expires: int) -> None:
    async with telephones.owing(running.sip, running.folder, expires, number) as phone:
        await greeted(phone)
        calls = (await running.api("GET", "/v1/calls?state=active"))["calls"]
        call = next(each["id"] for each in calls if each["callee"] == number)
        await running.api("POST", f"/v1/calls/{call}/transfer", to=TARGET, kind="refer", timeout=1)
        await phone.wait("referred")
        if leaves:
            await phone.hang_up()
        await _over(running, phone, call, leaves)
        await phone.wait("asked", timeout=expires)


async def _over(running: Installation, phone: Phone, call: str, leaves: bool) -> None:
    """For us; Asterisk still owes the carrier's word to somebody who is gone."""
    shown = await running.ended(call)
    await phone.wait("hung up" if leaves else "left")
    assert shown["ended_by"] == ("caller" if leaves else "system")
    assert "REFER" in shown["detail"]
    assert "asked" not in [each.event for each in phone.news]
    assert await merely_listed(running)


async def test_a_carrier_that_owes_its_word_keeps_no_call_but_a_name_in_asterisks_list(
    asterisk: Asterisk, tmp_path: Path
) -> None:
    """Until Asterisk asks for news of the transfer, 5 s before the carrier's subscription ends, and hears of none."""
    async with (
        shared(asterisk, tmp_path, lambda: ToneModel([GREETING]), trunk=TRUNK) as running,
        asyncio.TaskGroup() as calls,
    ):
        calls.create_task(owed(running, "6301", True, 8), name="the caller leaves")
        calls.create_task(owed(running, "6302", False, 12), name="nobody does anything")
