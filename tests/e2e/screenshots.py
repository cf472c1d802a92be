"""The pictures of docs/console.md, of a real call with real voices: `make pictures`. No test, and not run with them."""

import asyncio
from pathlib import Path
from typing import Literal

import pytest
from playwright.async_api import Page, ViewportSize, expect

from demo.caller import samples
from simulator.audio.speech import Speaker
from simulator.phone.phone import Phone
from simulator.realtime import Reply, Say, ToneModel, Turn
from tests.e2e.installation import SIP_ALLOWED, installation
from tests.e2e.test_console import PAINTED, visitor
from tests.e2e.test_inbound import greeted
from tests.e2e.test_supervision import watched
from tests.peers.asterisk import Asterisk, free_udp_port
from tests.peers.browser import chromium

WIDE, NARROW = ViewportSize(width=1280, height=800), ViewportSize(width=390, height=800)
FOLDER = Path(__file__).parents[2] / "docs"
THINKS_S = 0.44
"""After so long the simulator begins to answer: what the real one needs, roughly."""
AGENT = (
    "Good day, you are speaking with the reception of Harbour Dental. How can I help you?",
    "Of course. We are open from nine to five, and on Saturdays until noon. Shall I look for an appointment for you?",
    "Thursday is nearly full, but there is a quarter past ten, and then half past eleven, and then a quarter to one",
    "Half past three on Thursday it is. May I have your name and your date of birth, please, so that I can write it"
    " down and send you a reminder?",
)
CALLER = (
    "Hello, when are you open this week?",
    "Yes please, on Thursday if that is possible.",
    "No no, in the afternoon please.",
)
INTERRUPTED = 1
"""The answer to this one of the caller's is not listened to until its end."""


class ThinkingModel(ToneModel):
    async def reply(self, turn: Turn) -> Reply:
        await asyncio.sleep(THINKS_S)
        return await super().reply(turn)


async def spoken(speaker: Speaker, text: str) -> Say:
    pcm = await speaker.say(text)
    return Say(text, len(pcm) / 48000, pcm=pcm)


async def converse(page: Page, phone: Phone) -> None:
    """Up to the agent's last words, which are being spoken at the return."""
    voice = Speaker("en-gb", 165)
    for at, words in enumerate(CALLER):
        phone.rtp.say(samples(await voice.say(words)))
        await phone.rtp.sound(after=await phone.rtp.spoken() + 0.5, timeout=20)
        if at == INTERRUPTED:
            await page.wait_for_timeout(3000)
        elif at < INTERRUPTED:
            await phone.rtp.quiet(1.5)
    await expect(page.locator(".line.now")).to_contain_text("May I have")
    await page.wait_for_timeout(1000)


async def take(page: Page, name: str, scheme: Literal["light", "dark"], size: ViewportSize = WIDE) -> None:
    await page.set_viewport_size(size)
    await page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    await page.wait_for_timeout(300)  # the canvas is drawn anew in the other colours
    await page.screenshot(path=FOLDER / f"console-{name}.png")


@pytest.mark.timeout(200)
async def test_pictures(asterisk: Asterisk, tmp_path: Path) -> None:
    speaker = Speaker("en-us+f3", 160)
    replies = [await spoken(speaker, text) for text in AGENT]
    model = ThinkingModel(replies, words=CALLER, forever=replies[-1])
    agent = {
        "turn_detection": {"type": "server_vad", "silence_duration_ms": 900},
        "recording": {"path": str(tmp_path / "calls")},
    }
    async with (
        chromium() as browser,
        installation(
            asterisk, tmp_path, model, agent=agent, trunk=SIP_ALLOWED, more=watched(free_udp_port())
        ) as running,
        visitor(browser, running, str(running.service.api.headers["authorization"]).split()[1]) as page,
    ):
        async with running.caller() as phone:
            await greeted(phone, replies[0].seconds)
            call = await running.call_id()
            base = page.url.split("#")[0]
            await page.goto(f"{base}#/calls/{call}")
            await converse(page, phone)
            await take(page, "call", "light")
            await take(page, "narrow", "dark", NARROW)
            await phone.hang_up()
            await running.ended(call, 30)
        async with asyncio.timeout(30):  # records are written beside the calls
            while not (await running.service.api.get(f"/v1/history/{call}")).json().get("recordings"):
                await page.wait_for_timeout(200)
        await page.set_viewport_size(WIDE)
        await page.goto(f"{base}#/history/{call}")
        await page.wait_for_function(PAINTED)
        await page.locator(".line button").nth(4).click()
        await page.wait_for_timeout(1500)
        await take(page, "past", "dark")
