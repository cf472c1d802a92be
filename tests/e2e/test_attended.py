"""Attended transfers on a real Asterisk: who hears whom at each moment, and where the caller ends in every case."""

from pathlib import Path

import pytest

from demo.realtime import CallTool, Say, ToneBrain
from demo.sound import is_tone, tone
from tests.e2e.conftest import Asterisk
from tests.e2e.house import house
from tests.e2e.test_call_control import heard_reply, is_music
from tests.e2e.test_inbound import GREETING, REPLY, greeted
from tests.e2e.test_transfer import assert_they_hear_each_other

TARGET = "+4930555123"
ANNOUNCED = Say("A caller about an order.", 1.0, 500)


@pytest.mark.parametrize("how", ["voice", "key", "api"])
async def test_the_target_hears_the_agent_accepts_and_gets_the_caller(
    asterisk: Asterisk, tmp_path: Path, how: str
) -> None:
    brain = ToneBrain([GREETING, ANNOUNCED, (Say("Thanks.", 0.5, 500), CallTool("accept_transfer", {}))])
    async with (
        house(asterisk, tmp_path, brain) as running,
        running.callee() as target,
        running.caller() as phone,
    ):
        await greeted(phone)
        call = await running.call_id()
        await running.api("POST", f"/v1/calls/{call}/transfer", to=TARGET, kind="attended")
        await target.wait("called")
        await phone.rtp.hears(is_music)
        await target.command("answer")
        await target.answered()
        await target.rtp.hears(lambda samples: is_tone(samples, 500))
        await phone.rtp.hears(is_music)
        await target.rtp.quiet(0.3)
        match how:
            case "voice":
                target.rtp.say(tone(0.6, 620))
            case "key":
                await target.rtp.press("1")
            case "api":
                await running.api("POST", f"/v1/calls/{call}/transfer/decision", accept=True)
        await running.service.logged("call state", call=call, state="transferred", timeout=15)
        await assert_they_hear_each_other(running, phone, target)
        await phone.hang_up()
        await target.wait("left")
        shown = await running.ended(call)
        assert shown["transfer"]["outcome"] == "answered"
        said = [(each["who"], each["consultation"]) for each in shown["transcript"]]
        assert said[:2] == [("agent", False), ("agent", True)]
        assert (("target", True) in said) is (how == "voice")
        assert "caller" not in [who for who, _ in said]


@pytest.mark.parametrize("how", ["voice", "key", "api", "hangs up", "too late", "cancelled"])
async def test_the_target_does_not_take_the_call_and_the_agent_has_the_caller_back(
    asterisk: Asterisk, tmp_path: Path, how: str
) -> None:
    by_voice = [(CallTool("refuse_transfer", {}),)] if how == "voice" else []
    brain = ToneBrain([GREETING, ANNOUNCED, *by_voice, REPLY, REPLY])
    async with (
        house(asterisk, tmp_path, brain) as running,
        running.callee() as target,
        running.caller() as phone,
    ):
        await greeted(phone)
        call = await running.call_id()
        path = f"/v1/calls/{call}/transfer"
        await running.api("POST", path, to=TARGET, kind="attended", decide_timeout=5)
        await target.wait("called")
        await target.command("answer")
        await target.answered()
        await target.rtp.hears(lambda samples: is_tone(samples, 500))
        await phone.rtp.hears(is_music)
        await target.rtp.quiet(0.3)
        match how:
            case "voice":
                target.rtp.say(tone(0.6, 620))
            case "key":
                await target.rtp.press("2")
            case "api":
                await running.api("POST", f"{path}/decision", accept=False)
            case "hangs up":
                await target.hang_up()
            case "cancelled":
                await running.api("DELETE", path)
        await heard_reply(phone)
        if how != "hangs up":
            await target.wait("left")
        phone.rtp.say(tone(0.6, 620))
        await phone.rtp.spoken()
        await heard_reply(phone)
        outcome = {"too late": "no_answer", "cancelled": "cancelled"}.get(how, "declined")
        shown = await running.api("GET", f"/v1/calls/{call}")
        assert (shown["state"], shown["transfer"]["outcome"]) == ("talking", outcome)
        await phone.hang_up()
        await running.ended(call)


async def test_the_caller_hangs_up_while_agent_and_target_talk(asterisk: Asterisk, tmp_path: Path) -> None:
    async with (
        house(asterisk, tmp_path, ToneBrain([GREETING, ANNOUNCED])) as running,
        running.callee() as target,
        running.caller() as phone,
    ):
        await greeted(phone)
        call = await running.call_id()
        await running.api("POST", f"/v1/calls/{call}/transfer", to=TARGET, kind="attended")
        await target.wait("called")
        await target.command("answer")
        await target.answered()
        await target.rtp.hears(lambda samples: is_tone(samples, 500))
        await phone.hang_up()
        await target.wait("left")
        await running.ended(call)
