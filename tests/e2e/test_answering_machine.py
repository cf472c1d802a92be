"""Answering machine detection: where Asterisk is not sure the agent decides; machines get their message in full."""

from pathlib import Path
from typing import Any

import pytest

from simulator.audio.sound import is_tone, tone
from simulator.phone.phone import Phone
from simulator.realtime import CallTool, Say, ToneModel
from simulator.realtime.reply import Reply, Turn
from tests.e2e.answered_calls import AGENT, TRUNK, answer_all, model
from tests.e2e.installation import Installation, installation
from tests.e2e.test_inbound import GREETING, assert_clean, greeted
from tests.e2e.test_outbound import place
from tests.peers.asterisk import Asterisk
from tests.peers.greetings import FROM_THE_ISSUE, Greeting

MESSAGE = Say("Please call us back.", 2.0, 880)
WITH_MESSAGE = {"voicemail": {"message": "Please call {{name}} back."}}
ANNOUNCEMENT = 7.0
"""Seconds without a pause: AMD() says "machine" after 2.5 (amd.conf), and the agent hears the rest."""
SCREENER = Greeting("screener", "Please state your name and why you are calling.", "en-us", 150)


async def answered(running: Installation, phone: Phone, **more: object) -> str:
    """The call's id."""
    call = await place(running, **more)
    await phone.wait("called")
    await phone.command("answer")
    await phone.wait("answered")
    return call


async def ended_with_machine(running: Installation, call: str) -> dict[str, Any]:
    await running.service.logged("attempt written down", 20, call=call)
    ended = await running.ended(call)
    assert ended["outcome"] == "machine"
    assert [each["result"] for each in ended["queue"]["attempts"]] == ["machine"]
    return ended


async def test_a_person_says_hello_and_is_greeted(asterisk: Asterisk, tmp_path: Path) -> None:
    async with (
        installation(asterisk, tmp_path, ToneModel([GREETING]), agent=WITH_MESSAGE) as running,
        running.callee() as phone,
    ):
        call = await answered(running, phone, answer_detection=True)
        phone.rtp.say(tone(0.5, 620))
        assert_clean(await greeted(phone), 440, GREETING.seconds)
        await phone.hang_up()
        assert (await running.ended(call))["outcome"] == "answered"


async def test_whoever_asterisk_takes_for_a_machine_is_greeted(asterisk: Asterisk, tmp_path: Path) -> None:
    """Two who answer as offices do, one who waits for the first word, and a screener: the agent speaks to each."""
    async with installation(asterisk, tmp_path, model(), agent=AGENT, trunk=TRUNK) as running:
        found = await answer_all(running, (*FROM_THE_ISSUE, SCREENER), at_once=4)
    assert {(each.outcome, each.ended_by) for each in found} == {("answered", "callee")}
    assert [each.verdict for each in found if each.greeting.kind == "silence"] == ["INITIALSILENCE"]


class Decides(ToneModel):
    """Calls the tool when it may, and says what it is told to say."""

    async def reply(self, turn: Turn) -> Reply:
        self.turns.append(turn)
        asked = str(turn)
        if MESSAGE.text in asked:
            return (MESSAGE,)
        return (CallTool("voicemail", {}),) if "Begin with exactly" in asked else (GREETING,)


@pytest.mark.parametrize("message", [True, False])
async def test_the_agent_decides_and_leaves_a_message_after_the_announcement(
    asterisk: Asterisk, tmp_path: Path, message: bool
) -> None:
    """The tool is there for it, whether the agent's config names it or not."""
    agent = {"greeting": GREETING.text, **(WITH_MESSAGE if message else {})}
    async with installation(asterisk, tmp_path, Decides(), agent=agent) as running, running.callee() as phone:
        call = await answered(running, phone, answer_detection=True, variables={"name": "us"})
        phone.rtp.say(tone(ANNOUNCEMENT, 620))
        finished = await phone.rtp.spoken()
        await phone.wait("left", timeout=20)
        said = [each for each in phone.rtp.stretches() if is_tone(each.samples, MESSAGE.hz)]
        if message:
            assert_clean(said[0], MESSAGE.hz, MESSAGE.seconds)
            assert said[0].start > finished + 1.0
        else:
            assert not said
        await ended_with_machine(running, call)


async def test_an_agent_that_recognises_a_machine_leaves_the_message(asterisk: Asterisk, tmp_path: Path) -> None:
    agent = WITH_MESSAGE | {"tools": ["voicemail"]}
    model = ToneModel([GREETING, CallTool("voicemail", {}), MESSAGE])
    async with installation(asterisk, tmp_path, model, agent=agent) as running, running.callee() as phone:
        call = await answered(running, phone, variables={"name": "us"})
        await greeted(phone)
        phone.rtp.say(tone(0.8, 620))
        await phone.wait("left", timeout=20)
        assert_clean(phone.rtp.stretches()[1], 880, MESSAGE.seconds)
        await ended_with_machine(running, call)


async def test_somebody_who_hangs_up_while_it_is_found_out(asterisk: Asterisk, tmp_path: Path) -> None:
    async with installation(asterisk, tmp_path, ToneModel([GREETING])) as running, running.callee() as phone:
        call = await answered(running, phone, answer_detection=True)
        await running.service.logged("call state", state="detecting", call=call)
        await phone.hang_up()
        ended = await running.ended(call)
        assert (ended["outcome"], ended["ended_by"]) == ("answered", "callee")
