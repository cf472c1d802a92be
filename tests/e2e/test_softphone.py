"""Talking from the browser: a real Chromium with a microphone that is a WAV, a real Asterisk, and the agent."""

import asyncio
import time
import wave
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soxr
from playwright.async_api import Browser, ConsoleMessage, Page, expect

from simulator.audio.speech import Recogniser, Speaker
from simulator.ports import free_port
from simulator.realtime import Say, ToneModel
from tests.e2e.installation import Installation, installation, shared
from tests.peers.asterisk import Asterisk, run
from tests.peers.browser import chromium, look
from tests.peers.openid import ROLES, SECRET, OpenIdProvider

WORDS = "when is the office open"
GREETING, REPLY = Say("Good day.", 1.5, 440), Say("From nine to six.", 2.0, 880)
PATIENCE = 20.0
PEERS = """
window.peers = [];
const Connection = RTCPeerConnection;
window.RTCPeerConnection = class extends Connection { constructor(...all) { super(...all); window.peers.push(this); } };
"""
"""So that a test can ask what a browser receives."""
HEARS = """(hertz) => {
    const peer = peers.at(-1), track = peer?.getReceivers()[0]?.track;
    if (!track) return false;
    if (window.ear?.peer !== peer) {
        const context = new AudioContext(), ear = window.ear = context.createAnalyser();
        ear.peer = peer;
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
SOUND = """() => {
    const samples = new Float32Array(ear.fftSize);
    ear.getFloatTimeDomainData(samples);
    return Math.max(...samples) > 0.02;
}"""
"""Whether anything arrives, once HEARS has begun to listen."""
DIALS = """async (targets) => {
    const page = document.querySelector("script").src;
    const { UA, WebSocketInterface } = await import(page.replace("app.js", "vendor/jssip.js"));
    const asked = { method: "POST", headers: { "Content-Type": "application/json" }, body: '{"agent": "reception"}' };
    const account = await (await fetch("/v1/softphone/talks", asked)).json();
    const url = new URL(account.websocket, location.href.replace("http", "ws"));
    const sockets = [new WebSocketInterface(url.href)], { uri, password } = account;
    const ua = new UA({ sockets, uri, password, register: false });
    ua.start();
    await new Promise((done) => ua.on("connected", done));
    const causes = [];
    for (const target of targets) causes.push(await new Promise((done) => {
        const call = ua.call(target, { mediaConstraints: { audio: true, video: false } });
        call.on("failed", ({ cause }) => done(cause));
        call.on("confirmed", () => done("answered"));
    }));
    ua.stop();
    return causes;
}"""
"""Calls these with the credentials of a session, and gives what became of it."""
LISTEN = f"127.0.0.1:{free_port()}"
PROMPT = "Be brief, and kind."
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


def with_microphone(sound: str) -> tuple[str, ...]:
    """Flags of a Chromium whose microphone hears this file."""
    return (
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-audio-capture={sound}",
        "--allow-loopback-in-peer-connection",
        "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",  # the provider's page would load a font
    )


def _from(line: ConsoleMessage) -> str:
    return str(line.location["url"])


@asynccontextmanager
async def console(browser: Browser, running: Installation) -> AsyncIterator[Page]:
    """The console, opened by somebody for whom nothing may go wrong in it."""
    page = await browser.new_page()
    wrong: list[str] = []
    page.on("pageerror", lambda error: wrong.append(str(error)))
    url = running.service.url
    page.on("console", lambda line: wrong.append(line.text) if line.type == "error" and url in _from(line) else None)
    page.set_default_timeout(1000 * PATIENCE)
    await page.add_init_script(PEERS)
    await page.goto(f"{url}/console/")
    yield page
    assert [each for each in wrong if "(Unauthorized)" not in each] == []


async def log_in(page: Page, token: str) -> None:
    await page.get_by_label("API token").fill(token)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Live calls")).to_be_visible()


@asynccontextmanager
async def visitor(running: Installation, token: str, sound: str, *more: str) -> AsyncIterator[Page]:
    """Somebody in a browser of their own, with a microphone, logged in."""
    async with chromium(*with_microphone(sound), *more) as browser, console(browser, running) as page:
        await log_in(page, token)
        yield page


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


@pytest.fixture(scope="module")
def provider() -> Iterator[OpenIdProvider]:
    """It knows the console of `at_work`."""
    with OpenIdProvider([f"http://{LISTEN}/console/signed-in"]).running() as running:
        yield running


@asynccontextmanager
async def at_work(asterisk: Asterisk, folder: Path, provider: OpenIdProvider) -> AsyncIterator[Installation]:
    """One for all tests of this file."""

    def model() -> ToneModel:
        return ToneModel([GREETING, *[REPLY] * 9], words=[WORDS] * 9)

    known = {"issuer": provider.issuer, "client_id": "voiceai", "client_secret": SECRET, "roles": ROLES}
    api = {"listen": LISTEN, "oidc": {**known, "console_url": f"http://{LISTEN}/console/"}}
    more = {"softphone": {}, "resources": {"source": "store"}}
    async with shared(asterisk, folder, model, tokens=TOKENS, api=api, more=more) as running:
        yield running


def token_of(running: Installation) -> str:
    return str(running.service.api.headers["authorization"]).split()[1]


async def ready(running: Installation) -> None:
    """While browsers start on a small machine, the worker is late, and takes no calls for some seconds."""
    began = time.monotonic()
    while (worker := (await running.api("GET", "/v1/workers"))["workers"][0])["state"] != "up":
        assert time.monotonic() - began < PATIENCE, worker
        await asyncio.sleep(0.1)


async def talks(running: Installation, page: Page) -> None:
    await ready(running)
    await page.get_by_role("link", name="Talk", exact=True).click()
    await page.get_by_role("button", name="Talk", exact=True).click()
    await page.wait_for_function(HEARS, arg=440)


async def nothing_of_browsers(running: Installation, seconds: float) -> None:
    began = time.monotonic()
    while found := await left(running):
        assert time.monotonic() - began < seconds, found
        await asyncio.sleep(0.05)


async def over(running: Installation, call: str) -> None:
    """The call has ended, and nothing is left of it."""
    await running.ended(call)
    await running.nothing_left()
    await nothing_of_browsers(running, 2)


async def signs_in(page: Page, provider: OpenIdProvider, person: str) -> None:
    """At the provider, as a person does."""
    await page.get_by_role("link", name="Sign in with single sign-on").click()
    await page.locator("[name=login]").fill(person)
    await page.locator("[name=password]").fill("any")
    await page.locator("[type=submit]").click()
    await page.get_by_role("button", name="Continue").click()
    await expect(page.get_by_role("heading", name="Live calls")).to_be_visible()


async def call_of(running: Installation, version: int) -> dict[str, Any]:
    """The live call with that version of its agent."""
    (found,) = [each for each in await running.calls() if each["agent_version"] == version and not each["ended_at"]]
    assert (found["direction"], found["trunk"], found["caller"]) == ("inbound", None, None)
    return found


async def edits(page: Page, prompt: str) -> None:
    await page.get_by_role("link", name="Agents", exact=True).click()
    await page.get_by_role("link", name="reception", exact=True).first.click()
    await page.get_by_label("Prompt", exact=True).fill(prompt)
    await page.get_by_role("button", name="Save draft", exact=True).click()
    await expect(page.locator(".diff")).to_contain_text(f"+instructions: {prompt}")


async def publishes(page: Page) -> None:
    await page.get_by_role("button", name="Publish…", exact=True).click()
    await page.get_by_role("dialog").get_by_role("button", name="Publish").click()
    await expect(page.get_by_text("Version 2 is published.")).to_be_visible()


async def tries_the_draft(running: Installation, page: Page) -> None:
    """By a call, whose record says so."""
    await page.get_by_role("link", name="Talk to the draft").click()
    await expect(page.get_by_label("Version", exact=True)).to_have_value("draft")
    await ready(running)
    await page.get_by_role("button", name="Talk", exact=True).click()
    await page.wait_for_function(HEARS, arg=440)
    call = await call_of(running, 0)
    assert (await running.realtime.session()).config["instructions"] == PROMPT
    await page.get_by_role("button", name="Hang up", exact=True).click()
    await over(running, call["id"])
    await page.go_back()


@pytest.mark.timeout(120)
async def test_from_the_first_log_in_to_a_talk_that_a_supervisor_hears(
    asterisk: Asterisk, tmp_path: Path, provider: OpenIdProvider
) -> None:
    """A person signs in, edits an agent, tries the draft, publishes it and talks with it. A supervisor takes over, by
    another browser."""
    sound = await microphone(tmp_path, WORDS)
    async with (
        at_work(asterisk, tmp_path, provider) as running,
        chromium(*with_microphone(sound)) as browser,
        console(browser, running) as page,
        console(browser, running) as supervisor,
    ):
        await signs_in(page, provider, "ada")
        await log_in(supervisor, SUPERVISOR)
        await edits(page, PROMPT)
        await tries_the_draft(running, page)
        await publishes(page)
        await page.get_by_role("link", name="Talk to the published version").click()
        await expect(page.get_by_label("Agent", exact=True)).to_have_value("reception")
        await expect(page.get_by_label("Version", exact=True)).to_have_value("")
        problems = await look(page, "talk")
        await page.get_by_role("button", name="Talk", exact=True).click()
        await page.wait_for_function(HEARS, arg=440)
        await expect(page.get_by_text("In the call")).to_be_visible()
        await page.wait_for_function(HEARS, arg=880)
        await expect(page.get_by_role("log")).to_contain_text(WORDS)
        problems += await look(page, "talking")
        session = await running.realtime.session(1)
        assert session.config["instructions"] == PROMPT
        assert above(session.caller_audio, 4000) > 0.001
        recogniser = Recogniser((WORDS, "nothing of the kind was said"))
        assert WORDS in await recogniser.hear(bytes(session.caller_audio))
        recogniser.close()
        call = str((await call_of(running, 2))["id"])
        assert await left(running)

        await supervisor.goto(supervisor.url.split("#")[0] + f"#/calls/{call}")
        await expect(supervisor.get_by_role("link", name="Talk", exact=True)).to_have_count(0)
        await supervisor.get_by_role("button", name="Listen in browser", exact=True).click()
        await supervisor.get_by_role("dialog").get_by_role("button", name="Join").click()
        await expect(supervisor.get_by_text("supervisor (browser), listen: on")).to_be_visible()
        await supervisor.wait_for_function(HEARS, arg=880)
        problems += await look(supervisor, "supervising")
        await supervisor.get_by_role("button", name="Take over the call", exact=True).click()
        await expect(supervisor.locator(".title .badge")).to_have_text("transferred")
        await page.wait_for_function(SOUND)
        await page.get_by_role("button", name="Hang up", exact=True).click()
        await over(running, call)
        await expect(page.get_by_text("The call is over.")).to_be_visible()
        past = await running.api("GET", "/v1/history")
        assert sorted(each["agent_version"] for each in past["calls"]) == [0, 2]
        assert problems == []


@pytest.mark.timeout(120)
async def test_a_log_out_ends_the_call_and_keys_reach_the_agent(
    asterisk: Asterisk, tmp_path: Path, provider: OpenIdProvider
) -> None:
    sound = await microphone(tmp_path, WORDS)
    async with at_work(asterisk, tmp_path, provider) as running, visitor(running, token_of(running), sound) as page:
        await talks(running, page)
        call = await running.call_id()
        await page.get_by_text("Keypad", exact=True).click()
        for key in ("5", "star"):
            await page.get_by_role("group", name="Keypad").get_by_role("button", name=key, exact=True).click()
        session = await running.realtime.session()
        await session.wait_for(lambda seen: "5" in str(seen.received) and "*" in str(seen.received))
        refused = await page.evaluate(DIALS, ["sip:1001@voiceai.invalid", "sip:5001@voiceai.invalid"])
        assert refused == ["Not Found", "Not Found"]
        await page.get_by_role("button", name="Log out", exact=True).click()
        await over(running, call)


async def test_what_a_killed_controller_leaves_the_next_one_removes(asterisk: Asterisk, tmp_path: Path) -> None:
    async with installation(asterisk, tmp_path, ToneModel([GREETING]), more={"softphone": {}}) as running:
        await running.api("POST", "/v1/softphone/talks", agent="reception")
        assert await left(running)
        await running.kill_and_start_again()
        await running.asterisk_is(ready=True, seconds=20)
        await nothing_of_browsers(running, 5)


@pytest.mark.timeout(120)
async def test_straight_to_asterisk_with_a_certificate_of_its_own(own_asterisk: Asterisk, tmp_path: Path) -> None:
    port = free_port()
    await asyncio.to_thread(run, "--name", own_asterisk.name, "restart", WSS_PORT=str(port))
    more = {"softphone": {"websocket_url": f"wss://127.0.0.1:{port}/ws"}}
    sound = await microphone(tmp_path, WORDS)
    async with (
        installation(own_asterisk, tmp_path, ToneModel([GREETING, REPLY]), more=more) as running,
        visitor(running, token_of(running), sound, "--ignore-certificate-errors") as page,
    ):
        await talks(running, page)
        await page.get_by_role("button", name="Hang up", exact=True).click()
        await over(running, await running.call_id())
