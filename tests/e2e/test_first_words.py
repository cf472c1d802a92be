"""Who speaks first: a word right after the answer does not cost the greeting, and never the consent."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from demo.phone import Phone
from demo.realtime import Delivery, Say, ToneBrain
from demo.realtime.reply import Reply, Turn
from demo.sound import is_tone, tone
from tests.e2e.conftest import Asterisk
from tests.e2e.house import House, house
from tests.e2e.test_outbound import place
from tests.e2e.test_recording import sides

CONSENT, GREETING, SORRY = Say("Recorded.", 1.0, 880), Say("Good day.", 2.0, 440), Say("Well.", 0.5, 1000)
HELLO_HZ = 620


class Reader(ToneBrain):
    """Says what it is told to say."""

    async def reply(self, turn: Turn) -> Reply:
        self.turns.append(turn)
        asked = str(turn)
        said = next((each for each in (CONSENT, GREETING) if each.text in asked), SORRY)
        return (said,)


async def answered(running: House, phone: Phone) -> str:
    call = await place(running)
    await phone.wait("called")
    await phone.command("answer")
    await phone.wait("answered")
    return call


def longest(phone: Phone, hz: int) -> float:
    return max((each.seconds for each in phone.rtp.stretches(0.1) if is_tone(each.samples, hz)), default=0.0)


@pytest.mark.parametrize("recorded", [False, True])
async def test_hello_right_after_the_answer(asterisk: Asterisk, tmp_path: Path, recorded: bool) -> None:
    """Four callees, each with a word of its own length at its own moment; one says it twice."""
    agent: dict[str, Any] = {"greeting": GREETING.text, "turn_detection": {"type": "server_vad"}}
    if recorded:
        agent["recording"] = {"path": str(tmp_path / "calls"), "consent": CONSENT.text}
    brain = Reader()
    async with house(asterisk, tmp_path, brain, agent=agent, faults=(Delivery(pace=4.0),)) as running:
        words = [(0.0, 0.3, 1), (0.1, 0.6, 1), (0.3, 0.9, 1), (0.15, 0.4, 2)]
        for begins, seconds, times in words:
            async with running.callee() as phone:
                call = await answered(running, phone)
                await asyncio.sleep(begins)
                for _ in range(times):
                    phone.rtp.say(tone(seconds, HELLO_HZ))
                    await phone.rtp.spoken()
                    await asyncio.sleep(0.8)
                await phone.rtp.hears(lambda samples: is_tone(samples, GREETING.hz))
                await phone.rtp.quiet(1.2)
                await phone.hang_up()
                ended = await running.ended(call)
                assert longest(phone, GREETING.hz) >= GREETING.seconds - 0.1, (begins, seconds, times)
                if recorded:
                    assert longest(phone, CONSENT.hz) >= CONSENT.seconds - 0.1, (begins, seconds, times)
                    _, agent_side = sides(Path(ended["recordings"][-1]["path"]))
                    assert agent_side.share(CONSENT.hz) < 0.01
