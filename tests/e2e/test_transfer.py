"""Transfers: the caller is kept until the other side answers, then the two hear each other and the agent is gone."""

from pathlib import Path

from simulator.audio.sound import has_tone, is_tone, tone
from simulator.phone.phone import Phone
from simulator.realtime import CallTool, Say, ToneModel
from tests.e2e.installation import Installation, shared
from tests.e2e.test_inbound import GREETING, REPLY, assert_clean, greeted, replies
from tests.peers.asterisk import Asterisk

TARGET = "+4930555123"


async def transfer_begun(running: Installation, phone: Phone, to: str = TARGET) -> str:
    """The call's id."""
    await greeted(phone)
    call = await running.call_id()
    await running.api("POST", f"/v1/calls/{call}/transfer", to=to)
    return call


async def assert_they_hear_each_other(running: Installation, phone: Phone, target: Phone) -> None:
    phone.rtp.say(tone(2.0, 620))
    target.rtp.say(tone(2.0, 1100))
    await target.rtp.hears(lambda samples: is_tone(samples, 620))
    await phone.rtp.hears(lambda samples: is_tone(samples, 1100))
    session = await running.realtime.session()
    await session.wait_for(lambda seen: seen.closed)


async def test_to_a_number(asterisk: Asterisk, tmp_path: Path) -> None:
    async with (
        shared(asterisk, tmp_path, ToneModel([GREETING])) as running,
        running.callee() as target,
        running.caller() as phone,
    ):
        call = await transfer_begun(running, phone)
        called = await target.wait("called")
        assert "<sip:+493055501@" in called.fields["from"]
        ringing = await running.api("GET", f"/v1/calls/{call}")
        assert (ringing["state"], ringing["transfer"]["state"]) == ("transferring", "ringing")
        await target.command("answer")
        await target.answered()
        await assert_they_hear_each_other(running, phone, target)
        assert (await running.api("GET", f"/v1/calls/{call}"))["transfer"]["state"] == "answered"
        await phone.hang_up()
        await target.wait("left")
        assert (await running.ended(call))["outcome"] == "answered"


async def test_the_target_hangs_up(asterisk: Asterisk, tmp_path: Path) -> None:
    """The caller is not left alone in an empty bridge."""
    async with (
        shared(asterisk, tmp_path, ToneModel([GREETING])) as running,
        running.callee() as target,
        running.caller() as phone,
    ):
        call = await transfer_begun(running, phone)
        await target.wait("called")
        await target.command("answer")
        await target.answered()
        await assert_they_hear_each_other(running, phone, target)
        await target.hang_up()
        await phone.wait("left")
        await running.ended(call)


async def test_busy_target_leaves_the_caller_with_the_agent(asterisk: Asterisk, tmp_path: Path) -> None:
    async with (
        shared(asterisk, tmp_path, ToneModel([GREETING, REPLY])) as running,
        running.refusing("486 Busy Here") as target,
        running.caller() as phone,
    ):
        call = await transfer_begun(running, phone)
        await target.wait("refused")
        await replies(phone)
        shown = await running.api("GET", f"/v1/calls/{call}")
        assert (shown["state"], shown["transfer"]["state"]) == ("talking", "failed")
        assert shown["transfer"]["outcome"] == "busy"
        await phone.hang_up()
        await running.ended(call)


async def test_caller_hangs_up_while_the_target_rings(asterisk: Asterisk, tmp_path: Path) -> None:
    async with (
        shared(asterisk, tmp_path, ToneModel([GREETING])) as running,
        running.callee() as target,
        running.caller() as phone,
    ):
        call = await transfer_begun(running, phone)
        await target.wait("called")
        await phone.hang_up()
        await target.wait("cancelled")
        await running.ended(call)


async def test_to_a_dialplan_context(asterisk: Asterisk, tmp_path: Path) -> None:
    async with shared(asterisk, tmp_path, ToneModel([GREETING])) as running, running.caller() as phone:
        call = await transfer_begun(running, phone, "6001@test-targets")
        await phone.rtp.hears(lambda samples: is_tone(samples, 620))
        session = await running.realtime.session()
        await session.wait_for(lambda seen: seen.closed)
        await phone.hang_up()
        await running.ended(call)


async def test_to_an_unknown_extension_keeps_the_caller(asterisk: Asterisk, tmp_path: Path) -> None:
    async with shared(asterisk, tmp_path, ToneModel([GREETING, REPLY])) as running, running.caller() as phone:
        await greeted(phone)
        call = await running.call_id()
        answer = await running.service.api.post(f"/v1/calls/{call}/transfer", json={"to": "6999@test-targets"})
        assert answer.status_code == 202
        await running.service.logged("call state", call=call, state="transferring")
        await running.service.logged("call state", call=call, state="talking", before="transferring")
        await replies(phone)
        await phone.hang_up()
        await running.ended(call)


async def test_by_the_agent_once_its_notice_was_heard(asterisk: Asterisk, tmp_path: Path) -> None:
    notice = Say("I am connecting you.", 2.0, 880), CallTool("transfer", {"to": TARGET})
    async with (
        shared(asterisk, tmp_path, ToneModel([GREETING, notice])) as running,
        running.callee() as target,
        running.caller() as phone,
    ):
        await greeted(phone)
        phone.rtp.say(tone(0.6, 620))
        called = await target.wait("called", timeout=15)
        heard = phone.rtp.stretches()[1]
        assert_clean(heard, 880, 2.0)
        assert called.at >= heard.end - 0.1
        await target.command("answer")
        await target.answered()
        await assert_they_hear_each_other(running, phone, target)
        assert not has_tone(phone.rtp.heard[-1].samples, 880, 0.5)
        await target.hang_up()
        await phone.wait("left")
        await running.ended(await running.call_id())
