"""The controller is killed while people talk: they talk on, and the next controller has their calls again.

Figures (the longest gap that a caller had) are logged: `pytest --log-cli-level=INFO`.
"""

import asyncio
import logging
import os
import signal
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from controller.calls.runtime.reconcile import ORPHAN_GRACE
from simulator.audio.sound import has_tone, tone
from simulator.phone.phone import Phone
from simulator.realtime import CallTool, Say, ToneModel
from tests.e2e.installation import SIP_ALLOWED, Installation, installation
from tests.e2e.test_ai_lost import assert_frames_kept_flowing
from tests.e2e.test_events import written_down
from tests.e2e.test_failover import gap, is_answered
from tests.e2e.test_inbound import GREETING, REPLY, greeted
from tests.e2e.test_transfer_matrix import id_of
from tests.peers.asterisk import Asterisk, free_udp_port

log = logging.getLogger(__name__)


def model() -> ToneModel:
    return ToneModel([GREETING], forever=REPLY)


async def adopted(running: Installation, call: str) -> None:
    await running.service.logged("a call of an earlier controller goes on", call=call)


async def test_calls_go_on_and_are_ours_again(asterisk: Asterisk, tmp_path: Path) -> None:
    port = free_udp_port()
    async with (
        installation(asterisk, tmp_path, model, trunk=SIP_ALLOWED, bridge={"workers": 1}) as running,
        running.caller("5001") as first,
        running.caller("5002") as second,
        running.caller("5003") as third,
    ):
        await asyncio.gather(*map(greeted, (first, second, third)))
        calls = [await id_of(running, number) for number in ("5001", "5002", "5003")]
        began = first.rtp.heard[-1].at
        await running.kill_the_controller()
        await is_answered(first)  # the agent does not need it
        await third.hang_up()
        await running.start_again()
        await asyncio.gather(*(adopted(running, call) for call in calls))
        await running.ended(calls[2])
        live = (await running.api("GET", "/v1/calls?state=active"))["calls"]
        assert {each["id"]: each["state"] for each in live} == dict.fromkeys(calls[:2], "talking")
        await is_answered(first)
        log.info("the longest gap: %.0f ms", gap(first.rtp.heard, began) * 1000)
        assert_frames_kept_flowing(first)
        await verbs_work(running, first, calls[0])
        async with running.callee(port) as target:
            await running.api("POST", f"/v1/calls/{calls[1]}/transfer", to=f"sip:t@127.0.0.1:{port}")
            await target.wait("called")
            await target.command("answer")
            await running.service.logged("call state", call=calls[1], state="transferred")
            await second.hang_up()
            await target.wait("left")
        ended = await running.ended(calls[0])
        assert (ended["ended_by"], ended["outcome"]) == ("test", "answered")
        assert [each["who"] for each in ended["transcript"]][:3] == ["agent", "caller", "agent"]
        await running.ended(calls[1])
        for call in calls:
            assert (await written_down(running, call))["outcome"] == "answered"
        assert "worker of an earlier controller" in str(running.service.lines[:40])
        assert len(running.realtime.sessions) == 3, "every session went on"


async def verbs_work(running: Installation, phone: Phone, call: str) -> None:
    await running.api("POST", f"/v1/calls/{call}/hold")
    await phone.rtp.sound(after=phone.rtp.heard[-1].at)
    await running.api("POST", f"/v1/calls/{call}/resume")
    await phone.rtp.quiet(0.4)
    await is_answered(phone)
    await running.api("POST", f"/v1/calls/{call}/hangup")
    await phone.wait("left")


async def test_a_controller_that_is_stopped_may_leave_its_calls(asterisk: Asterisk, tmp_path: Path) -> None:
    async with (
        installation(asterisk, tmp_path, model, more={"shutdown": {"keep_calls": True}}, ends=True) as running,
        running.caller() as phone,
    ):
        await greeted(phone)
        call = await running.call_id()
        os.kill(running.service.pid, signal.SIGTERM)
        await running.service.exited()
        await running.start_again()
        await adopted(running, call)
        await is_answered(phone)
        await phone.hang_up()
        assert (await running.ended(call))["outcome"] == "answered"
        await running.nothing_left()
        for line in running.service.lines:
            if line["event"] == "a worker of an earlier controller goes on":
                os.kill(int(line["pid"]), signal.SIGTERM)


async def test_a_transfer_under_way_is_called_off(asterisk: Asterisk, tmp_path: Path) -> None:
    port = free_udp_port()
    asked = Say("One moment.", 0.6, 880), CallTool("transfer", {"to": f"sip:t@127.0.0.1:{port}"})
    async with (
        installation(
            asterisk, tmp_path, lambda: ToneModel([GREETING, asked], forever=REPLY), trunk=SIP_ALLOWED
        ) as running,
        running.callee(port) as target,
        running.caller() as phone,
    ):
        await greeted(phone)
        call = await running.call_id()
        phone.rtp.say(tone(0.6, 620))
        await target.wait("called")
        await running.service.logged("call state", call=call, state="transferring")
        await asyncio.sleep(0.3)  # snapshots are written beside the call
        await running.kill_the_controller()
        await running.start_again()
        await target.wait("cancelled")
        await running.service.logged("call state", call=call, state="talking")
        await phone.rtp.quiet(0.6)
        await is_answered(phone)
        await phone.hang_up()
        await running.ended(call)


async def test_killed_as_the_target_answers(asterisk: Asterisk, tmp_path: Path) -> None:
    """The agent is on its way to the target, or with it, and the store has nothing of that: it is back with the caller,
    with its own instructions."""
    port = free_udp_port()
    async with (
        installation(asterisk, tmp_path, model, trunk=SIP_ALLOWED) as running,
        running.callee(port) as target,
        running.caller() as phone,
    ):
        await greeted(phone)
        call = await running.call_id()
        await running.api("POST", f"/v1/calls/{call}/transfer", to=f"sip:t@127.0.0.1:{port}", kind="attended")
        await target.wait("called")
        await target.command("answer")
        await running.service.logged("call state", call=call, state="consulting")
        await running.kill_the_controller()
        await running.start_again()
        await target.wait("left")
        await phone.rtp.quiet(0.6)
        await is_answered(phone)
        session = await running.realtime.session()
        told = [
            each["session"]["instructions"]
            for each in session.client_events("session.update")
            if "instructions" in each["session"]
        ]
        assert told[-1] == "Be brief."
        await phone.hang_up()
        await running.ended(call)


async def test_a_worker_that_dies_meanwhile_is_replaced(asterisk: Asterisk, tmp_path: Path) -> None:
    async with installation(asterisk, tmp_path, model, bridge={"workers": 1}) as running, running.caller() as phone:
        await greeted(phone)
        await is_answered(phone)
        call = await running.call_id()
        (worker,) = [line for line in running.service.lines if line["event"] == "worker started"]
        await running.kill_the_controller()
        os.kill(int(worker["pid"]), 9)
        await running.start_again()
        await running.service.logged("another worker has taken the call over", timeout=25, call=call)
        await phone.rtp.quiet(0.4)
        await is_answered(phone)
        told: Any = (await running.realtime.session(1)).client_events("conversation.item.create")
        assert any(REPLY.text in str(each) for each in told), "the new session knows what was said"
        await phone.hang_up()
        await running.ended(call)


@pytest.mark.parametrize("who", ["transferred", "participant", "called"])
async def test_legs_in_the_dialplan_are_nobodys_orphans(asterisk: Asterisk, tmp_path: Path, who: str) -> None:
    """Each has two halves, both in our app's list; the next controller knows of one, and hangs up neither."""
    line = {**SIP_ALLOWED, "endpoint": "Local/{number}@test-targets/n"} if who == "called" else SIP_ALLOWED
    more = {"transfer": {"contexts": {"test-targets": {"extensions": ["6[0-9]{3}"]}}}}
    async with AsyncExitStack() as stack:
        running = await stack.enter_async_context(installation(asterisk, tmp_path, model, trunk=line, more=more))
        phone: Phone | None = None
        if who == "called":
            call = str((await running.api("POST", "/v1/calls", to="6001"))["id"])
            await running.service.logged("call state", call=call, state="talking")
        else:
            phone = await stack.enter_async_context(running.caller())
            await greeted(phone)
            call = await running.call_id()
            what = "transfer" if who == "transferred" else "participants"
            await running.api("POST", f"/v1/calls/{call}/{what}", to="6001@test-targets")
            await phone.rtp.hears(lambda samples: has_tone(samples, 620))
        state = "transferred" if who == "transferred" else "talking"
        await running.service.logged("call state", call=call, state=state)
        await asyncio.sleep(0.3)  # snapshots are written beside the call
        await running.kill_the_controller()
        await running.start_again()
        await adopted(running, call)
        await asyncio.sleep(ORPHAN_GRACE + 3)
        assert (await running.api("GET", f"/v1/calls/{call}"))["state"] == state
        assert not [each for each in running.service.lines if "orphan" in str(each["event"])]
        if phone is not None:
            await phone.rtp.hears(lambda samples: has_tone(samples, 620), seconds=1.0)
            await phone.hang_up()
        else:
            await running.api("POST", f"/v1/calls/{call}/hangup")
        await running.ended(call)
