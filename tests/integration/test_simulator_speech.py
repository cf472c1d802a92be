"""Real speech: espeak-ng's voices in telephone quality to pocketsphinx, and a whole turn."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import numpy as np
import pytest

from simulator.audio import g711
from simulator.audio.speech import RATE, Recogniser, Speaker
from simulator.realtime import Delivery, RealtimeServer
from simulator.realtime.receptionist import HOURS, PHRASES, Receptionist
from tests.peers.realtime import Client

pytestmark = pytest.mark.skipif(shutil.which("espeak-ng") is None, reason="espeak-ng is not installed")


def over_the_telephone(pcm: bytes, gain: float = 1.0) -> bytes:
    """24 kHz sound as it arrives after G.711, with half a second of silence on both sides."""
    quieter = (np.frombuffer(pcm, "<i2") * gain).astype("<i2").tobytes()
    around = bytes(RATE)
    return around + g711.decode("audio/pcmu", g711.encode("audio/pcmu", quieter)) + around


@pytest.fixture
async def model() -> AsyncIterator[Receptionist]:
    made = Receptionist()
    yield made
    made.close()


@pytest.mark.parametrize(("voice", "gain"), [("en-us", 1.0), ("en-us", 0.15), ("en-us+f3", 0.7), ("en-gb-x-rp", 0.7)])
async def test_every_phrase_is_understood_over_a_telephone(model: Receptionist, voice: str, gain: float) -> None:
    speaker = Speaker(voice)
    missed = []
    for phrase in PHRASES:
        heard = await model.hear(over_the_telephone(await speaker.say(phrase), gain))
        if heard != phrase:
            missed.append((phrase, heard))
    assert missed == []


async def test_silence_and_nothing_are_heard_as_nothing(model: Receptionist) -> None:
    assert await model.hear(bytes(RATE * 2)) == ""
    assert await model.hear(b"") == ""


async def test_listening_does_not_stop_the_loop() -> None:
    recogniser = Recogniser(PHRASES)
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0)
            ticks += 1

    ticking = asyncio.create_task(tick())
    await recogniser.hear(over_the_telephone(await Speaker().say("tell me about your company")))
    ticking.cancel()
    recogniser.close()
    assert ticks > 10


async def test_a_voice_that_fails_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "espeak-ng"
    broken.write_text("#!/bin/sh\ncat >/dev/null; echo no sound today >&2; exit 3\n")
    broken.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    with pytest.raises(RuntimeError, match="espeak-ng ended with 3: no sound today"):
        await Speaker().say("hello")


async def test_a_question_is_answered_aloud(model: Receptionist) -> None:
    async with RealtimeServer(model, faults=[Delivery(pace=0)]) as server, Client(server) as client:
        await client.configure(audio={"input": {"transcription": {"model": "gpt-transcribe"}}})
        question = over_the_telephone(await Speaker().say("what are your opening hours"))
        await client.speak(question + bytes(RATE))
        heard = await client.wait("conversation.item.input_audio_transcription.completed")
        assert heard["transcript"] == "what are your opening hours"
        done = (await client.wait("response.done"))["response"]
        assert done["output"][0]["content"][0]["transcript"] == HOURS
        sound = np.frombuffer(client.audio_of(done["id"]), "<i2")
        assert 3 * RATE < len(sound) < 8 * RATE
        assert np.abs(sound).max() > 5000
