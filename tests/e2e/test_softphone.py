"""Talking from the browser: a real Chromium with a microphone that is a WAV, a real Asterisk, and the agent."""

import asyncio
import wave
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest
import soxr
from playwright.async_api import Page, expect

from simulator.audio.speech import Recogniser, Speaker
from simulator.realtime import Say, ToneModel
from tests.e2e.installation import Installation, shared
from tests.peers.asterisk import Asterisk
from tests.peers.browser import chromium, look

WORDS = "when is the office open"
GREETING, REPLY = Say("Good day.", 1.5, 440), Say("From nine to six.", 2.0, 880)
PATIENCE = 20.0
PEERS = """
window.peers = [];
const Connection = RTCPeerConnection;
window.RTCPeerConnection = class extends Connection { constructor(...all) { super(...all); window.peers.push(this); } };
"""
"""So that a test can ask what a browser receives."""
HEARS = """async (hertz) => {
    const track = peers.at(-1)?.getReceivers()[0]?.track;
    if (!track) return false;
    if (!window.ear) {
        const context = new AudioContext(), ear = window.ear = context.createAnalyser();
        ear.fftSize = 8192;
        ear.smoothingTimeConstant = 0;
        context.createMediaStreamSource(new MediaStream([track])).connect(ear);
    }
    const bins = new Float32Array(ear.frequencyBinCount);
    ear.getFloatFrequencyData(bins);
    const loudest = bins.indexOf(Math.max(...bins));
    return bins[loudest] > -60 && Math.abs(loudest * ear.context.sampleRate / ear.fftSize - hertz) < 30;
}"""
"""Whether a tone of that frequency is the loudest that arrives at the browser."""
TOKEN = "softphone-test-token"
SUPERVISOR = "supervisor-test-token"
TOKENS = [{"name": "supervisor", "token": SUPERVISOR, "scopes": ["read", "recordings", "supervise"]}]


async def microphone(folder: Path, text: str) -> str:
    """The flags of a Chromium that hears this text again and again, with a pause between."""
    spoken = np.frombuffer(await Speaker().say(text), "<i2")
    sound = np.asarray(soxr.resample(np.concatenate([np.zeros(72000, np.int16), spoken]), 24000, 48000), "<i2")
    file = folder / f"{len(text)}.wav"
    with wave.open(str(file), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(48000)
        out.writeframes(sound.tobytes())
    return str(file)


@asynccontextmanager
async def visitor(running: Installation, token: str, sound: str) -> AsyncIterator[Page]:
    """Somebody in a browser of their own, with a microphone, logged in."""
    flags = (
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={sound}",
        "--allow-loopback-in-peer-connection",
    )
    async with chromium(*flags) as browser:
        page = await browser.new_page()
        wrong: list[str] = []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        page.on("console", lambda line: wrong.append(line.text) if line.type == "error" else None)
        page.set_default_timeout(1000 * PATIENCE)
        await page.add_init_script(PEERS)
        await page.goto(f"{running.service.url}/console/")
        await page.get_by_label("API token").fill(token)
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="Live calls")).to_be_visible()
        yield page
        assert [each for each in wrong if "(Unauthorized)" not in each] == []


def above(pcm: bytes | bytearray, hertz: float) -> float:
    """The part of the energy of 24 kHz sound that lies above this frequency."""
    power = np.abs(np.fft.rfft(np.frombuffer(bytes(pcm), "<i2").astype(float))) ** 2
    return float(power[int(len(power) * hertz / 12000) :].sum() / power.sum())


async def left(running: Installation) -> list[str]:
    """What Asterisk has of browsers."""
    async with running.asterisk.ari() as ari:
        endpoints = (await ari.get("/endpoints/PJSIP")).json()
    names = [each["resource"] for each in endpoints if each["resource"].startswith("browser-")]
    for kind in ("auths", "aors"):
        shown = await asyncio.to_thread(running.asterisk.rx, f"pjsip show {kind}")
        names += [line.strip() for line in shown.splitlines() if "browser-" in line]
    return names


@pytest.mark.timeout(120)
async def test_somebody_talks_from_the_browser(asterisk: Asterisk, tmp_path: Path) -> None:
    model = ToneModel([GREETING, REPLY, REPLY, REPLY, REPLY], words=[WORDS] * 4)
    sound = await microphone(tmp_path, WORDS)
    async with (
        shared(asterisk, tmp_path, model, tokens=TOKENS, more={"softphone": {}}) as running,
        visitor(running, str(running.service.api.headers["authorization"]).split()[1], sound) as page,
    ):
        await page.get_by_role("link", name="Talk", exact=True).click()
        problems = await look(page, "talk")
        await page.get_by_role("button", name="Talk", exact=True).click()
        await page.wait_for_function(HEARS, arg=440)
        await expect(page.get_by_text("In the call")).to_be_visible()
        await page.wait_for_function(HEARS, arg=880)
        await expect(page.get_by_role("log")).to_contain_text(WORDS)
        problems += await look(page, "talking")
        session = await running.realtime.session()
        assert above(session.caller_audio, 4000) > 0.001
        recogniser = Recogniser((WORDS, "nothing of the kind was said"))
        assert WORDS in await recogniser.hear(bytes(session.caller_audio))
        recogniser.close()
        call = await running.call_id()
        shown = await running.api("GET", f"/v1/calls/{call}")
        assert (shown["direction"], shown["trunk"], shown["caller"]) == ("inbound", None, None)
        assert await left(running)
        await page.get_by_role("button", name="Hang up", exact=True).click()
        await running.ended(call)
        await running.nothing_left()
        assert await left(running) == []
        assert problems == []
