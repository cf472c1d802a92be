"""A supervisor on a real Asterisk: hears both sides and is heard by whom the mode says, and by nobody else."""

from pathlib import Path
from typing import Any

import pytest

from simulator.audio.sound import has_tone, is_tone, tone
from simulator.phone.phone import Phone
from simulator.realtime import ToneModel
from tests.e2e.installation import SIP_ALLOWED, Installation, caller_heard, shared
from tests.e2e.test_call_control import asks, heard_reply
from tests.e2e.test_inbound import GREETING, REPLY, greeted
from tests.peers.asterisk import Asterisk, free_udp_port

COLLEAGUE = "+4930555123"
CALLER_HZ, COLLEAGUE_HZ, SUPERVISOR_HZ = 620, 1100, 1500


def watched(port: int) -> dict[str, Any]:
    """Keys of the config by which `ada` may supervise."""
    return {"supervisor": {"extensions": {"ada": f"sip:ada@127.0.0.1:{port}"}}}


async def supervised(running: Installation, call: str, supervisor: Phone, mode: str) -> None:
    await running.api("POST", f"/v1/calls/{call}/supervise", to="ada", mode=mode)
    await supervisor.wait("called")
    await supervisor.command("answer")
    await supervisor.answered()
    shown = await running.api("GET", f"/v1/calls/{call}")
    assert shown["supervision"]["by"] == "test"


async def hears(listener: Phone, hz: float) -> None:
    await listener.rtp.hears(lambda samples: has_tone(samples, hz))


@pytest.fixture(scope="module")
def port() -> int:
    """The supervisor's telephone."""
    return free_udp_port()


async def test_listen_then_take_over(asterisk: Asterisk, tmp_path: Path, port: int) -> None:
    async with (
        shared(asterisk, tmp_path, ToneModel([GREETING, REPLY]), trunk=SIP_ALLOWED, more=watched(port)) as running,
        running.callee(port) as supervisor,
        running.caller() as phone,
    ):
        await greeted(phone)
        call = await running.call_id()
        await supervised(running, call, supervisor, "listen")
        supervisor.rtp.say(tone(1.5, SUPERVISOR_HZ))
        phone.rtp.say(tone(1.0, CALLER_HZ))
        await hears(supervisor, CALLER_HZ)
        await supervisor.rtp.hears(lambda samples: is_tone(samples, 880))
        await heard_reply(phone)  # and nothing else in it
        session = await running.realtime.session()
        assert not has_tone(caller_heard(session.caller_audio)[-16000:], SUPERVISOR_HZ)
        refused = await running.service.api.post(f"/v1/calls/{call}/supervise", json={"mode": "whisper"})
        assert refused.status_code == 409
        await running.api("POST", f"/v1/calls/{call}/supervise", mode="take_over")
        await running.service.logged("call state", call=call, state="transferred")
        await session.wait_for(lambda seen: seen.closed)
        supervisor.rtp.say(tone(1.5, SUPERVISOR_HZ))
        phone.rtp.say(tone(1.5, CALLER_HZ))
        await phone.rtp.hears(lambda samples: is_tone(samples, SUPERVISOR_HZ))
        await supervisor.rtp.hears(lambda samples: is_tone(samples, CALLER_HZ))
        await supervisor.hang_up()
        await phone.wait("left")
        assert (await running.ended(call))["ended_by"] == "supervisor"


async def test_who_listens_leaves_and_the_call_goes_on(asterisk: Asterisk, tmp_path: Path, port: int) -> None:
    async with (
        shared(asterisk, tmp_path, ToneModel([GREETING, REPLY]), trunk=SIP_ALLOWED, more=watched(port)) as running,
        running.callee(port) as supervisor,
        running.caller() as phone,
    ):
        await greeted(phone)
        call = await running.call_id()
        await supervised(running, call, supervisor, "listen")
        await running.api("DELETE", f"/v1/calls/{call}/supervise")
        await supervisor.wait("left")
        await asks(phone)
        shown = await running.api("GET", f"/v1/calls/{call}")
        assert (shown["state"], shown["supervision"]["state"]) == ("talking", "left")
        await phone.hang_up()
        await running.ended(call)


async def test_whisper_to_the_colleague(asterisk: Asterisk, tmp_path: Path, port: int) -> None:
    async with (
        shared(asterisk, tmp_path, ToneModel([GREETING]), trunk=SIP_ALLOWED, more=watched(port)) as running,
        running.callee() as colleague,
        running.caller() as phone,
    ):
        await greeted(phone)
        call = await running.call_id()
        await running.api("POST", f"/v1/calls/{call}/transfer", to=COLLEAGUE)
        await colleague.wait("called")
        await colleague.command("answer")
        await colleague.answered()
        await running.service.logged("call state", call=call, state="transferred")
        async with running.callee(port) as supervisor:
            await supervised(running, call, supervisor, "whisper")
            for speaker, hz in ((phone, CALLER_HZ), (colleague, COLLEAGUE_HZ), (supervisor, SUPERVISOR_HZ)):
                speaker.rtp.say(tone(2.0, hz))
            await hears(supervisor, CALLER_HZ)
            await hears(supervisor, COLLEAGUE_HZ)
            await hears(colleague, SUPERVISOR_HZ)
            await hears(colleague, CALLER_HZ)
            await phone.rtp.quiet(0.5)
            assert not any(has_tone(each.samples, SUPERVISOR_HZ) for each in phone.rtp.stretches())
            await phone.hang_up()
            await colleague.wait("left")
            await supervisor.wait("left")
        await running.ended(call)
