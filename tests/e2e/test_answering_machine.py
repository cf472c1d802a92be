"""Who has answered: a person is greeted, a machine is hung up on or gets its message in full."""

from pathlib import Path
from typing import Any

from demo.phone import Phone
from demo.realtime import CallTool, Say, ToneBrain
from demo.sound import tone
from tests.e2e.conftest import Asterisk
from tests.e2e.house import House, house
from tests.e2e.test_inbound import GREETING, assert_clean, greeted
from tests.e2e.test_outbound import place

MESSAGE = Say("Please call us back.", 2.0, 880)
WITH_MESSAGE = {"voicemail": {"message": "Please call {{name}} back."}}
ANNOUNCEMENT = 2.5  # seconds of talking without a pause, as people don't


async def answered(running: House, phone: Phone, **more: object) -> str:
    """The call's id."""
    call = await place(running, **more)
    await phone.wait("called")
    await phone.command("answer")
    await phone.wait("answered")
    return call


async def ended_with_machine(running: House, call: str) -> dict[str, Any]:
    await running.service.logged("attempt written down", 20, call=call)
    ended = await running.ended(call)
    assert ended["outcome"] == "machine"
    assert [each["result"] for each in ended["queue"]["attempts"]] == ["machine"]
    return ended


async def test_a_person_says_hello_and_is_greeted(asterisk: Asterisk, tmp_path: Path) -> None:
    async with (
        house(asterisk, tmp_path, ToneBrain([GREETING]), agent=WITH_MESSAGE) as running,
        running.callee() as phone,
    ):
        call = await answered(running, phone, answer_detection=True)
        phone.rtp.say(tone(0.5, 620))
        assert_clean(await greeted(phone), 440, GREETING.seconds)
        await phone.hang_up()
        assert (await running.ended(call))["outcome"] == "answered"


async def test_a_machine_without_a_message_is_hung_up_on(asterisk: Asterisk, tmp_path: Path) -> None:
    async with house(asterisk, tmp_path, ToneBrain([GREETING])) as running, running.callee() as phone:
        call = await answered(running, phone, answer_detection=True)
        phone.rtp.say(tone(ANNOUNCEMENT, 620))
        await phone.wait("left")
        await ended_with_machine(running, call)
        assert phone.rtp.stretches() == []


async def test_a_machine_gets_its_message_after_its_announcement(asterisk: Asterisk, tmp_path: Path) -> None:
    brain = ToneBrain([MESSAGE])
    async with house(asterisk, tmp_path, brain, agent=WITH_MESSAGE) as running, running.callee() as phone:
        call = await answered(running, phone, answer_detection=True, variables={"name": "Ms Gray"})
        phone.rtp.say(tone(ANNOUNCEMENT, 620))
        finished = await phone.rtp.spoken()
        await phone.wait("left", timeout=20)
        (said,) = phone.rtp.stretches()
        assert_clean(said, 880, MESSAGE.seconds)
        assert said.start > finished + 1.0
        await ended_with_machine(running, call)
        assert "Please call Ms Gray back." in str(brain.turns[0])


async def test_an_agent_that_recognises_a_machine_leaves_the_message(asterisk: Asterisk, tmp_path: Path) -> None:
    agent = WITH_MESSAGE | {"tools": ["voicemail"]}
    brain = ToneBrain([GREETING, CallTool("voicemail", {}), MESSAGE])
    async with house(asterisk, tmp_path, brain, agent=agent) as running, running.callee() as phone:
        call = await answered(running, phone, variables={"name": "us"})
        await greeted(phone)
        phone.rtp.say(tone(0.8, 620))
        await phone.wait("left", timeout=20)
        assert_clean(phone.rtp.stretches()[1], 880, MESSAGE.seconds)
        await ended_with_machine(running, call)


async def test_somebody_who_hangs_up_while_it_is_found_out(asterisk: Asterisk, tmp_path: Path) -> None:
    async with house(asterisk, tmp_path, ToneBrain([GREETING])) as running, running.callee() as phone:
        call = await answered(running, phone, answer_detection=True)
        await running.service.logged("call state", state="detecting", call=call)
        await phone.hang_up()
        ended = await running.ended(call)
        assert (ended["outcome"], ended["ended_by"]) == ("answered", "callee")
