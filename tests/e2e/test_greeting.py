"""Who speaks first: a caller's word right after the answer cancels neither the greeting nor the consent notice."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from simulator.audio.sound import RATE, is_tone, tone
from simulator.phone.phone import Phone
from simulator.realtime import Delivery, Say, ToneModel
from simulator.realtime.reply import Reply, Turn
from tests.e2e.installation import Installation, installation
from tests.e2e.test_outbound import place
from tests.e2e.test_recording import sides
from tests.peers.asterisk import Asterisk

CONSENT, GREETING, SORRY = Say("Recorded.", 1.0, 880), Say("Good day.", 2.0, 440), Say("Well.", 0.5, 1000)
HELLO_HZ = 620
PIECE = RATE // 20
LOST = 0.15


class Reader(ToneModel):
    """Says what it is told to say."""

    async def reply(self, turn: Turn) -> Reply:
        self.turns.append(turn)
        asked = str(turn)
        said = next((each for each in (CONSENT, GREETING) if each.text in asked), SORRY)
        return (said,)


async def answered(running: Installation, phone: Phone) -> str:
    call = await place(running)
    await phone.wait("called")
    await phone.command("answer")
    await phone.wait("answered")
    return call


def longest(phone: Phone, hz: int) -> float:
    """Seconds of this tone in one piece, whatever was said right before and after it."""
    best = 0
    for stretch in phone.rtp.stretches(0.1):
        run = 0
        for at in range(0, len(stretch.samples) - PIECE + 1, PIECE):
            run = run + 1 if is_tone(stretch.samples[at : at + PIECE], hz) else 0
            best = max(best, run)
    return best * PIECE / RATE


@pytest.mark.parametrize(("recorded", "words"), [(False, [(0.1, 0.6, 1)]), (True, [(0.0, 0.3, 1), (0.15, 0.4, 2)])])
async def test_hello_right_after_the_answer(
    asterisk: Asterisk, tmp_path: Path, recorded: bool, words: list[tuple[float, float, int]]
) -> None:
    """Each callee has a word of their own length at their own moment; one says it twice."""
    agent: dict[str, Any] = {"greeting": GREETING.text, "turn_detection": {"type": "server_vad"}}
    if recorded:
        agent["recording"] = {"path": str(tmp_path / "calls"), "consent": CONSENT.text}
    async with installation(asterisk, tmp_path, Reader(), agent=agent, faults=(Delivery(pace=4.0),)) as running:
        for begins, seconds, times in words:
            async with running.callee() as phone:
                call = await answered(running, phone)
                await asyncio.sleep(begins)
                for _ in range(times):
                    phone.rtp.say(tone(seconds, HELLO_HZ))
                    await phone.rtp.spoken()
                    await phone.rtp.frames(40)
                await phone.rtp.hears(lambda samples: is_tone(samples, GREETING.hz))
                await phone.rtp.quiet(1.0)
                await phone.hang_up()
                ended = await running.ended(call)
                assert longest(phone, GREETING.hz) >= GREETING.seconds - LOST
                if recorded:
                    assert longest(phone, CONSENT.hz) >= CONSENT.seconds - LOST
                    _, agent_side = sides(Path(ended["recordings"][-1]["path"]))
                    assert agent_side.share(CONSENT.hz) < 0.01
