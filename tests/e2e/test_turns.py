"""Turns, measured at the caller's telephone: interruptions, goodbyes, silence, and sound with irregular timing.

Figures (time to silence, error of the truncations) are logged: `pytest --log-cli-level=INFO`.
"""

import logging
import statistics
import time
from pathlib import Path

import numpy as np
import pytest

from simulator.audio.sound import RATE, Stretch, is_tone, purity, tone
from simulator.phone.phone import Phone
from simulator.phone.rtp import RtpEnd
from simulator.realtime import CallTool, Delivery, Fault, Say, Send, Session, ToneModel, after
from tests.e2e.installation import shared
from tests.e2e.test_inbound import assert_clean
from tests.peers.asterisk import Asterisk

log = logging.getLogger(__name__)

HELLO = Say("Hello.", 0.6, 440)
ASKED = Say("Indeed.", 1.0, 440)
STARTED = "input_audio_buffer.speech_started"
INTERRUPTIONS = 20
SILENT_SECONDS = 0.2
"""From `speech_started` to silence at the ear: a generous bound for a busy machine, which measures about 40 ms."""
TRUNCATION_MS = 20.0
QUICK = {"type": "server_vad", "silence_duration_ms": 200, "prefix_padding_ms": 100}


def heard_ms(stretch: Stretch) -> float:
    """How long a tone was heard, to the millisecond: from its first loud sample to its last."""
    (loud,) = np.nonzero(np.abs(stretch.samples.astype(np.int32)) > 2000)
    return float(loud[-1] - loud[0] + 1) / 8


def of_tone(rtp: RtpEnd, hz: int) -> list[Stretch]:
    """The stretches of one tone so far, one for each time that it was broken off."""
    return [each for each in rtp.stretches(0.1) if is_tone(each.samples, hz)]


async def greeted(phone: Phone) -> None:
    await phone.answered()
    await phone.rtp.sound()
    await phone.rtp.quiet(0.3)


async def hears(phone: Phone, hz: int) -> None:
    await phone.rtp.hears(lambda samples: is_tone(samples, hz))


def assert_truncated_as_heard(session: Session, cut: list[Stretch]) -> list[float]:
    """Each was truncated once, and at what was heard; returns the errors in milliseconds."""
    assert len(session.truncated) == len(cut)
    pairs = zip(session.truncated, cut, strict=True)
    errors = [told - heard_ms(stretch) for (_, told, _), stretch in pairs]
    assert max(abs(error) for error in errors) <= TRUNCATION_MS, errors
    assert all(told <= had for _, told, had in session.truncated)
    assert not session.refused
    return errors


async def test_interruptions_are_quick_and_exact(asterisk: Asterisk, tmp_path: Path) -> None:
    model = ToneModel([HELLO], forever=Say("A long story.", 20.0, 880))
    agent = {"turn_detection": QUICK}
    async with shared(asterisk, tmp_path, model, agent=agent) as running, running.caller() as phone:
        await greeted(phone)
        for _ in range(INTERRUPTIONS + 1):
            phone.rtp.say(tone(0.15, 620))
            await phone.rtp.spoken()
            await phone.rtp.quiet(0.15)
            await hears(phone, 880)
        await phone.hang_up()

        session = await running.realtime.session()
        stories = of_tone(phone.rtp, 880)[:INTERRUPTIONS]
        errors = assert_truncated_as_heard(session, stories)
        to_wall = time.time() - time.monotonic()
        started = [seen.at + to_wall for seen in session.sent if seen.type == STARTED][1:]
        late = sorted((story.end - at) * 1000 for story, at in zip(stories, started, strict=True))
        log.info("speech_started to silence at the ear: p50 %.0f ms, p99 %.0f ms", statistics.median(late), late[-1])
        log.info(
            "truncation error: median %.1f ms, from %.1f to %.1f", statistics.median(errors), min(errors), max(errors)
        )
        assert late[-1] < SILENT_SECONDS * 1000
        await running.ended(await running.call_id())


async def test_ten_minutes_in_one_burst(asterisk: Asterisk, tmp_path: Path) -> None:
    """Can be interrupted, exactly, and the call can end while another one plays."""
    model = ToneModel([HELLO], forever=Say("A very long story.", 600.0, 880))
    faults = (Delivery(pace=0, delta_bytes=48000),)
    async with shared(asterisk, tmp_path, model, faults=faults) as running, running.caller() as phone:
        await greeted(phone)
        session = await running.realtime.session()
        phone.rtp.say(tone(0.5, 620))
        await session.wait_sent("response.done", nth=2, timeout=20)
        await hears(phone, 880)
        phone.rtp.say(tone(0.5, 620))
        await session.wait_received("conversation.item.truncate")
        await phone.rtp.quiet(0.3)
        ((_, _, had),) = session.truncated
        assert had == 600_000
        (story, *_) = of_tone(phone.rtp, 880)
        (error,) = assert_truncated_as_heard(session, [story])
        log.info("truncation of ten minutes: error %.1f ms", error)
        await hears(phone, 880)
        await phone.hang_up()
        await running.ended(await running.call_id())


async def test_odd_deltas_strange_events_and_stragglers(asterisk: Asterisk, tmp_path: Path) -> None:
    """Two items of a reply are one clean sound; what comes of a cancelled reply is not heard in the next one."""
    two = Say("The first half.", 1.0, 880), Say("The other half.", 1.0, 880)
    model = ToneModel([HELLO, two, Say("A long story.", 20.0, 1000)], forever=ASKED)
    strange = Send({"type": "response.output_hologram.delta", "event_id": "event_x", "delta": {"depth": 3}})
    faults = (
        Delivery(delta_bytes=4801, stragglers=8),
        Fault("response.output_audio.delta", (strange,), nth=0),
        after("response.created", strange, Send({"type": "who.knows"}), nth=0),
    )
    async with shared(asterisk, tmp_path, model, faults=faults) as running, running.caller() as phone:
        await greeted(phone)
        session = await running.realtime.session()
        phone.rtp.say(tone(0.5, 620))
        await hears(phone, 880)
        await phone.rtp.quiet(0.4)
        (both,) = of_tone(phone.rtp, 880)
        assert_clean(both, 880, 2.0)

        phone.rtp.say(tone(0.5, 620))
        await hears(phone, 1000)
        phone.rtp.say(tone(0.5, 620))
        await phone.rtp.quiet(0.1)
        await hears(phone, ASKED.hz)
        await phone.rtp.quiet(0.4)
        (story,) = of_tone(phone.rtp, 1000)
        errors = assert_truncated_as_heard(session, [story])
        log.info("truncation with odd deltas: error %.1f ms", errors[0])
        assert purity(story.samples, 1000) > 0.9
        assert_clean(of_tone(phone.rtp, ASKED.hz)[-1], ASKED.hz, ASKED.seconds)
        await phone.hang_up()
        await running.ended(await running.call_id())


async def test_a_goodbye_is_abandoned_or_heard_in_full(asterisk: Asterisk, tmp_path: Path) -> None:
    hang_up = CallTool("hang_up", {"reason": "done"})
    model = ToneModel([HELLO, (Say("Goodbye then.", 3.0, 880), hang_up), ASKED, (Say("Goodbye.", 2.0, 1000), hang_up)])
    async with shared(asterisk, tmp_path, model) as running, running.caller() as phone:
        await greeted(phone)
        phone.rtp.say(tone(0.5, 620))
        await hears(phone, 880)
        phone.rtp.say(tone(0.5, 620))
        await hears(phone, ASKED.hz)
        await phone.rtp.quiet(0.4)
        assert_clean(of_tone(phone.rtp, ASKED.hz)[-1], ASKED.hz, ASKED.seconds)
        session = await running.realtime.session()
        assert_truncated_as_heard(session, of_tone(phone.rtp, 880))
        assert (await running.only_call())["state"] == "talking"

        phone.rtp.say(tone(0.5, 620))
        left = await phone.wait("left", timeout=15)
        (goodbye,) = of_tone(phone.rtp, 1000)
        assert_clean(goodbye, 1000, 2.0)
        assert left.at - goodbye.end < 2.0
        assert (await running.ended(await running.call_id()))["ended_by"] == "agent"


async def test_who_says_nothing_is_asked_and_then_left(asterisk: Asterisk, tmp_path: Path) -> None:
    model = ToneModel([HELLO, Say("Are you there?", 0.6, 880), Say("Goodbye.", 1.0, 1000)])
    agent = {"idle": {"after_s": 2, "prompts": ["Are you there?"], "goodbye": "Goodbye."}}
    async with shared(asterisk, tmp_path, model, agent=agent) as running, running.caller() as phone:
        await phone.answered()
        left = await phone.wait("left", timeout=20)
        hello, prompt, goodbye = phone.rtp.stretches()
        assert_clean(hello, 440, HELLO.seconds)
        assert_clean(prompt, 880, 0.6)
        assert_clean(goodbye, 1000, 1.0)
        for before, behind in ((hello, prompt), (prompt, goodbye)):
            assert 1.8 < behind.start - before.end < 4
        assert left.at - goodbye.end < 2.0
        asked = [
            event["response"]["instructions"]
            for event in (await running.realtime.session()).client_events("response.create")
        ]
        assert ["Are you there?" in asked[1], "Goodbye." in asked[2]] == [True, True]
        await running.ended(await running.call_id())


@pytest.mark.parametrize("why", ["spend_per_call", "max_call_s"])
async def test_a_call_that_must_end_ends_with_its_last_words(asterisk: Asterisk, tmp_path: Path, why: str) -> None:
    """Its money is spent with the greeting, or its time is up. The caller speaks into the last words."""
    model = ToneModel([HELLO], forever=Say("We have to end this call.", 2.0, 880))
    more = {"limits": {"spend_per_call": 0.0000001}} if why == "spend_per_call" else {}
    agent = {"max_call_s": 10} if why == "max_call_s" else {}
    async with shared(asterisk, tmp_path, model, more=more, agent=agent) as running, running.caller() as phone:
        await phone.answered()
        began = time.monotonic()
        await phone.rtp.hears(lambda samples: is_tone(samples, 880), timeout=15)
        assert why != "max_call_s" or time.monotonic() - began > 9
        phone.rtp.say(tone(0.5, 620))
        left = await phone.wait("left", timeout=20)
        said = phone.rtp.stretches()[-1]
        last_words = said.samples[-round(1.94 * RATE) :]  # the greeting may be right before them
        assert len(last_words) == round(1.94 * RATE)
        assert purity(last_words, 880) > 0.9
        assert left.at - said.end < 2.0
        assert (await running.ended(await running.call_id()))["ended_by"] == "system"


async def test_a_cough_does_not_stop_the_agent(asterisk: Asterisk, tmp_path: Path) -> None:
    model = ToneModel([HELLO, Say("A long story.", 20.0, 880)], forever=ASKED)
    agent = {"min_speech_ms": 500, "turn_detection": QUICK}
    async with (
        shared(asterisk, tmp_path, model, agent=agent, faults=(Delivery(pace=1.5),)) as running,
        running.caller() as phone,
    ):
        await greeted(phone)
        phone.rtp.say(tone(0.6, 620))
        await hears(phone, 880)
        session = await running.realtime.session()
        phone.rtp.say(tone(0.1, 620))
        await session.wait_sent("input_audio_buffer.speech_stopped", nth=2)
        await phone.rtp.frames(50)
        assert not session.truncated
        phone.rtp.say(tone(1.2, 620))
        await session.wait_received("conversation.item.truncate")
        await phone.rtp.quiet(0.1)
        await hears(phone, ASKED.hz)
        (story,) = of_tone(phone.rtp, 880)
        assert story.longest_silence <= 0.04
        assert_truncated_as_heard(session, [story])
        await phone.hang_up()
        call = await running.ended(await running.call_id())
        counted = await running.service.logged("call ended", call=call["id"])
        assert (counted["barge_ins"], counted["false_barge_ins"]) == (1, 0)
