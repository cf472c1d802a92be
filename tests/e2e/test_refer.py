"""A transfer by SIP REFER: where the carrier is told to send the caller, and what the caller hears meanwhile."""

from pathlib import Path

from demo.realtime import ToneBrain
from tests.e2e.conftest import Asterisk
from tests.e2e.house import house
from tests.e2e.test_call_control import heard_reply, is_music
from tests.e2e.test_inbound import GREETING, REPLY, greeted

TARGET = "+4930555123"
TRUNK = {"refer": "sip:{number}@carrier.example"}


async def test_who_could_not_be_referred_is_back_with_the_agent(asterisk: Asterisk, tmp_path: Path) -> None:
    async with (
        house(asterisk, tmp_path, ToneBrain([GREETING, REPLY]), trunk=TRUNK) as running,
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
