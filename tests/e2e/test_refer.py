"""Transfers by SIP REFER: the caller's carrier connects them elsewhere, or says why not and the agent has them back."""

import asyncio
from pathlib import Path

import pytest

from demo.realtime import ToneBrain
from tests.e2e.conftest import Asterisk
from tests.e2e.house import house
from tests.e2e.test_call_control import heard_reply, is_music
from tests.e2e.test_inbound import GREETING, REPLY, greeted

TARGET = "+4930555123"
TRUNK = {"refer": "sip:{number}@carrier.example"}


@pytest.mark.parametrize(("said", "outcome"), [("486 Busy Here", "busy"), ("603 Decline", "declined")])
async def test_who_could_not_be_referred_is_back_with_the_agent(
    asterisk: Asterisk, tmp_path: Path, said: str, outcome: str
) -> None:
    async with (
        house(asterisk, tmp_path, ToneBrain([GREETING, REPLY]), trunk=TRUNK) as running,
        running.referred(said) as phone,
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
            outcome,
        )
        await phone.hang_up()
        await running.ended(call)


async def test_who_was_referred_is_gone(asterisk: Asterisk, tmp_path: Path) -> None:
    async with (
        house(asterisk, tmp_path, ToneBrain([GREETING]), trunk=TRUNK) as running,
        running.referred("200 OK") as phone,
    ):
        await greeted(phone)
        call = await running.call_id()
        await running.api("POST", f"/v1/calls/{call}/transfer", to=TARGET, kind="refer")
        await phone.wait("referred")
        await phone.command("go on")
        await phone.wait("left")
        shown = await running.ended(call)
        assert (shown["transfer"]["state"], shown["transfer"]["outcome"]) == ("answered", "answered")


async def test_a_caller_who_hangs_up_while_being_referred(asterisk: Asterisk, tmp_path: Path) -> None:
    async with (
        house(asterisk, tmp_path, ToneBrain([GREETING]), trunk=TRUNK) as running,
        running.caller() as phone,
    ):
        await greeted(phone)
        call = await running.call_id()
        refused = await running.service.api.post(
            f"/v1/calls/{call}/transfer", json={"to": "6001@test-targets", "kind": "refer"}
        )
        assert refused.status_code == 403
        await phone.hang_up()
        await running.ended(call)
        await asyncio.sleep(0)
