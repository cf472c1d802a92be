"""However a call ends, and in whatever state: nothing of it is left within two seconds (`installation` insists)."""

from pathlib import Path

import pytest

from simulator.audio.sound import tone
from simulator.realtime import CallTool, Refuse, Say, Stall, ToneModel, before
from tests.e2e.installation import shared
from tests.e2e.test_inbound import GREETING, assert_clean, greeted
from tests.peers.asterisk import Asterisk
from tests.peers.sip import CANCELLING, IN_A_HURRY


async def test_by_the_caller(asterisk: Asterisk, tmp_path: Path) -> None:
    async with shared(asterisk, tmp_path, ToneModel([GREETING])) as running, running.caller() as phone:
        await greeted(phone)
        await phone.hang_up()
        assert (await running.ended(await running.call_id()))["ended_by"] == "caller"


async def test_by_the_caller_in_the_middle_of_a_word(asterisk: Asterisk, tmp_path: Path) -> None:
    model = ToneModel([Say("A long greeting.", 30.0)])
    async with shared(asterisk, tmp_path, model) as running, running.caller() as phone:
        await phone.answered()
        await phone.rtp.sound()
        await phone.hang_up()
        await running.ended(await running.call_id())


async def test_by_the_api(asterisk: Asterisk, tmp_path: Path) -> None:
    async with shared(asterisk, tmp_path, ToneModel([GREETING])) as running, running.caller() as phone:
        await greeted(phone)
        call = await running.call_id()
        await running.api("POST", f"/v1/calls/{call}/hangup")
        await phone.wait("left")
        assert (await running.ended(call))["ended_by"] == "test"


async def test_by_the_agent_once_its_goodbye_was_heard(asterisk: Asterisk, tmp_path: Path) -> None:
    goodbye = Say("Goodbye.", 2.5, 880), CallTool("hang_up", {"reason": "done"})
    async with shared(asterisk, tmp_path, ToneModel([GREETING, goodbye])) as running, running.caller() as phone:
        await greeted(phone)
        phone.rtp.say(tone(0.6, 620))
        left = await phone.wait("left", timeout=15)
        said = phone.rtp.stretches()[1]
        assert_clean(said, 880, 2.5)
        assert left.at - said.end < 2.0
        assert (await running.ended(await running.call_id()))["ended_by"] == "agent"


async def test_cancel_at_once(asterisk: Asterisk, tmp_path: Path) -> None:
    """In the middle of the set-up, wherever that is."""
    faults = (before("session.updated", Stall(1.0)),)
    async with (
        shared(asterisk, tmp_path, ToneModel(), faults=faults) as running,
        running.caller(scenario=CANCELLING) as phone,
    ):
        await phone.wait("ringing")
        await phone.command("cancel")
        await phone.wait("cancelled")
        await running.ended(await running.call_id())


async def test_bye_50_ms_after_the_answer(asterisk: Asterisk, tmp_path: Path) -> None:
    async with shared(asterisk, tmp_path, ToneModel([GREETING])) as running:
        for number in range(3):
            async with running.caller(f"500{number}", scenario=IN_A_HURRY) as phone:
                await phone.wait("hung up")
            await running.nothing_left()


@pytest.mark.parametrize("case", ["server down", "refused", "wrong key"])
async def test_ai_refused(asterisk: Asterisk, tmp_path: Path, case: str) -> None:
    """No AI: the caller is not left in silence."""
    faults = (Refuse(503),) if case == "refused" else ()
    keys = {"api_key": "sk-wrong"} if case == "wrong key" else {}
    async with shared(asterisk, tmp_path, ToneModel(), faults=faults, **keys) as running:
        if case == "server down":
            await running.realtime.vanish()
        async with running.caller() as phone:
            await phone.wait("left", "refused", timeout=20)
        call = await running.ended(await running.call_id())
        assert call["outcome"] == "failed"
        assert call["detail"]
        if case == "server down":
            await running.realtime.listen()


async def test_cancel_while_ringing(asterisk: Asterisk, tmp_path: Path) -> None:
    faults = (before("session.updated", Stall(None)),)
    async with (
        shared(asterisk, tmp_path, ToneModel(), faults=faults, agent={"answer_deadline_s": 30}) as running,
        running.caller(scenario=CANCELLING) as phone,
    ):
        await phone.wait("ringing")
        await running.realtime.session()
        await phone.command("cancel")
        await phone.wait("cancelled")
        call = await running.ended(await running.call_id())
        assert call["outcome"] == "cancelled"
        assert call["answered_at"] is None
