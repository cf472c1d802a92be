"""What a real network does to the caller's RTP, and what the agent hears of it."""

import logging
from pathlib import Path

import numpy as np
import pytest

from simulator.audio.sound import tone
from simulator.phone.impairment import Impairment
from simulator.phone.phone import Phone
from simulator.realtime import Say, Session, ToneModel
from tests.e2e.installation import Installation, installation
from tests.peers.asterisk import Asterisk

log = logging.getLogger(__name__)

STORY = Say("A long story.", 60.0, 440)
LISTENS = {"turn_detection": {"type": "server_vad", "interrupt_response": False, "create_response": False}}
FRAME = 480
JUMPS = ((-300, 0, False), (-20_000, -50_000, False), (-1_000, 0, True), (5_000, 90_000, False))


def silences_ms(session: Session, since: int) -> list[int]:
    """Between sounds of the caller, as the server was sent them."""
    pcm = np.frombuffer(bytes(session.caller_audio[since:]), "<i2").astype(np.int32)
    loud = [bool(np.abs(pcm[at : at + FRAME]).mean() > 500) for at in range(0, len(pcm) - FRAME + 1, FRAME)]
    gaps, run, begun = [0], 0, False
    for sound in loud:
        if sound and run and begun:
            gaps.append(run * 20)
        run = 0 if sound else run + 1
        begun = begun or sound
    return gaps


async def speaking(running: Installation, phone: Phone) -> Session:
    await phone.answered()
    await phone.rtp.sound()
    phone.rtp.say(tone(40, 620))
    await phone.rtp.frames(25)
    return await running.realtime.session(len(running.realtime.sessions) - 1)


@pytest.mark.timeout(120)
async def test_numbers_that_jump_and_packets_that_are_lost(asterisk: Asterisk, tmp_path: Path) -> None:
    async with installation(asterisk, tmp_path, lambda: ToneModel([STORY]), agent=LISTENS) as running:
        async with running.caller() as phone:
            session = await speaking(running, phone)
            since, heard = len(session.caller_audio), len(phone.rtp.heard)
            for sequence, stamp, new_source in JUMPS:
                phone.rtp.jump(sequence, stamp, new_source=new_source)
                await phone.rtp.frames(80)
            gaps = silences_ms(session, since)
            log.info("after %d jumps the server missed, in ms: %s", len(JUMPS), sorted(gaps)[-6:])
            assert max(gaps) <= 1000
            assert sum(not frame.loud for frame in phone.rtp.heard[heard:]) <= 10  # the agent goes on meanwhile

            await phone.rtp.stop()  # the telephone sends nothing: nobody moves it
            call = await running.call_id()
            before = await rejoined(running, call)
            await phone.rtp.frames(100)
            assert await rejoined(running, call) == before
            if "dfsg" in asterisk.rx("core show version") and "voiceai" not in asterisk.rx("core show version"):
                assert before >= 3
            await phone.hang_up()
            await running.ended(call)

        async with running.caller() as phone:
            session = await speaking(running, phone)
            since = len(session.caller_audio)
            phone.rtp.impair(Impairment(loss=0.05, jitter_ms=30))
            await phone.rtp.frames(400, timeout=30)
            phone.rtp.impair(None)
            await phone.rtp.press("5")  # a pause of 160 ms
            await phone.rtp.frames(50)
            gaps = silences_ms(session, since)
            log.info("with 5 %% loss the server was sent silence, in ms: %s", sorted(gaps)[-6:])
            assert max(gaps) <= 300
            assert 0 < sum(gaps) <= 0.05 * 8_000 * 2 + 400
            await phone.hang_up()


async def rejoined(running: Installation, call: str) -> int:
    steps = (await running.api("GET", f"/v1/calls/{call}/trace"))["steps"]
    return sum(step["what"] == "Rejoin" for step in steps)
