"""The console in a real browser, over real calls: what an operator sees and does, and what others may not."""

import re
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Literal

import pytest
from playwright.async_api import Browser, Page, expect

from simulator.audio.sound import has_tone, is_tone, tone
from simulator.phone.phone import Phone
from simulator.realtime import Say, ToneModel
from tests.e2e.installation import SIP_ALLOWED, Installation, installation
from tests.e2e.test_call_control import is_music
from tests.e2e.test_inbound import greeted
from tests.e2e.test_supervision import watched
from tests.peers.asterisk import Asterisk, free_udp_port
from tests.peers.browser import chromium, look

TARGET = "+4930555123"
HOSTILE = '<img src=x onerror="window.hurt=1"><script>window.hurt=1</script>\'"&lt;b&gt;'
GREETING = Say(f"Good day, {HOSTILE}", 1.5, 440)
STORY = Say("We are open from nine to five, and on Saturdays until noon, but for public holidays.", 4.0, 880)
PAINTED = """() => {
    const canvas = document.querySelector(".wave canvas");
    const pixels = canvas?.width && canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    return pixels && pixels.filter((each, at) => at % 4 === 3 && each > 0).length > 5000;
}"""
"""There is a waveform, and not only its middle line."""
SMUGGLE = """async () => {
    const refused = new Set();
    document.addEventListener("securitypolicyviolation", (event) => refused.add(event.effectiveDirective));
    const script = document.createElement("script");
    script.textContent = "window.hurt = 1";
    document.body.append(script);
    document.body.insertAdjacentHTML("beforeend", '<p style="color: red" onclick="window.hurt = 1"></p><img src="http://127.0.0.1:9/">');
    for (let tries = 0; refused.size < 4 && tries < 100; tries++) await new Promise((done) => setTimeout(done, 50));
    return [...refused];
}"""
"""Tries what a script in a caller's words would; gives the parts of the policy that refused it."""
TRUNK = {**SIP_ALLOWED, "refer": "sip:{number}@carrier.example"}
LOUD = re.compile("-[0-9]+ decibels")
READER = secrets.token_urlsafe(16)
Role = Literal["button", "link"]
PATIENCE = 30.0
"""Seconds: nothing here is about speed, and a browser next to two other Asterisks can be slow."""

expect.set_options(timeout=1000 * PATIENCE)


@asynccontextmanager
async def visitor(browser: Browser, running: Installation, token: str) -> AsyncIterator[Page]:
    """Somebody who has logged in, in a browser of their own; nothing may go wrong on their page."""
    context = await browser.new_context(viewport={"width": 1440, "height": 900})
    page = await context.new_page()
    wrong: list[str] = []
    asked: set[str] = set()
    page.on("request", lambda request: asked.add("/".join(request.url.split("/")[:3])))
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda line: wrong.append(line.text) if line.type == "error" else None)
    page.set_default_timeout(1000 * PATIENCE)
    await page.goto(f"{running.service.url}/console/")
    await expect(page.get_by_label("API token")).to_be_focused()
    await page.keyboard.type(token)
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="Live calls")).to_be_visible()
    yield page
    assert await page.evaluate("() => window.hurt") is None
    assert asked == {running.service.url}, "nothing comes from elsewhere"
    # Not to be logged in yet, and not to be allowed to dial something, are answers that the browser itself remarks on.
    assert [each for each in wrong if not each.endswith(("(Unauthorized)", "(Forbidden)"))] == []
    await context.close()


async def tab_to(page: Page, role: Role, name: str) -> None:
    """By the Tab key alone, as somebody does who uses no mouse."""
    wanted = page.get_by_role(role, name=name, exact=True)
    await expect(wanted).to_be_visible()
    for _ in range(60):
        await page.keyboard.press("Tab")
        if await wanted.evaluate("each => each === document.activeElement"):
            return
    raise AssertionError(f"the Tab key does not lead to the {role} {name}")


async def press(page: Page, *names: str) -> None:
    for name in names:
        await page.get_by_role("button", name=name, exact=True).click()


@pytest.mark.timeout(240)  # it is a whole day's work
async def test_an_operator_follows_a_call_and_acts_on_it(asterisk: Asterisk, tmp_path: Path) -> None:
    model = ToneModel([GREETING, STORY, STORY], words=["When are you open?"])
    recorded = {"recording": {"path": str(tmp_path / "calls")}}
    port = free_udp_port()
    tokens = [{"name": "reader", "token": READER, "scopes": ["read"]}]
    async with (
        chromium() as browser,
        installation(
            asterisk, tmp_path, model, tokens=tokens, agent=recorded, trunk=TRUNK, more=watched(port)
        ) as running,
        visitor(browser, running, str(running.service.api.headers["authorization"]).split()[1]) as page,
        running.caller() as phone,
    ):
        await expect(page.get_by_role("link", name="+4930123456")).to_be_visible()
        await greeted(phone)
        phone.rtp.say(tone(0.6, 620))
        await expect(page.locator(".side.speaks", has_text="Agent")).to_be_visible()
        await page.get_by_role("link", name="+4930123456").click()
        log = page.get_by_role("log")
        await expect(log).to_contain_text(HOSTILE)
        await expect(log).to_contain_text("When are you open?")
        await expect(page.locator(".line.now")).to_contain_text("We are open from")
        await expect(page.get_by_role("meter", name="Agent's level")).to_have_attribute("aria-valuetext", LOUD)
        await expect(log).to_contain_text("until noon")
        await expect(log).to_contain_text("answered in")
        assert await page.locator("main img, main script").count() == 0
        problems = await look(page, "call")

        await acts(page, running, phone)
        call = await running.call_id()
        problems += await others(page)
        async with visitor(browser, running, READER) as reader:
            await may_only_look(reader, call)
            problems += await look(reader, "login")
        await nothing_smuggled_in(browser, running)
        await page.goto(page.url.split("#")[0] + f"#/calls/{call}")
        async with running.callee(port) as supervisor:
            problems += await listens_and_takes_over(page, supervisor)
            await hangs_up_by_keyboard(page, phone)
        await running.ended(call, PATIENCE)
        problems += await past(page)
        problems += await another_call(page, running, port)
        problems += await places(page, running)
        assert problems == []


async def acts(page: Page, running: Installation, phone: Phone) -> None:
    """Says something, mutes, holds, transfers to somebody who is busy, calls a transfer off."""
    await page.get_by_label("Make the agent say").fill("We close in five minutes.")
    await press(page, "Say")
    await expect(page.locator(".line.operator")).to_contain_text("We close in five minutes.")
    await phone.rtp.hears(lambda samples: is_tone(samples, 880), timeout=PATIENCE)
    phone.rtp.say(tone(0.6, 620))
    await expect(page.get_by_text("interrupted after")).to_be_visible()
    await press(page, "Mute caller", "Unmute caller")
    await expect(page.get_by_role("button", name="Mute caller", exact=True)).to_be_visible()
    await press(page, "Hold")
    await phone.rtp.hears(is_music, timeout=PATIENCE)
    await press(page, "Resume")
    await expect(page.get_by_role("button", name="Hold", exact=True)).to_be_visible()
    async with running.refusing("486 Busy Here") as target:
        await press(page, "Transfer")
        dialog = page.get_by_role("dialog")
        await dialog.get_by_label("To", exact=True).fill("112")
        await dialog.get_by_role("button", name="Transfer").click()
        await expect(dialog.get_by_role("alert")).to_contain_text("not allowed")
        await dialog.get_by_label("To", exact=True).fill(TARGET)
        await dialog.get_by_role("button", name="Transfer").click()
        await target.wait("refused", timeout=PATIENCE)
    await expect(page.get_by_text(f"blind to {TARGET}: busy")).to_be_visible()
    async with running.callee() as target:
        await transfer(page, "attended")
        await target.wait("called", timeout=PATIENCE)
        await press(page, "Cancel transfer")
        await target.wait("cancelled", timeout=PATIENCE)
    await expect(page.locator(".title .badge")).to_have_text("talking")
    assert not has_tone(phone.rtp.stretches()[-1].samples[-800:], 1100)


async def transfer(page: Page, kind: str) -> None:
    await press(page, "Transfer")
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("To", exact=True).fill(TARGET)
    await dialog.get_by_label("How", exact=True).select_option(kind)
    await dialog.get_by_role("button", name="Transfer").click()


async def others(page: Page) -> list[str]:
    """The other pages, while a call is up."""
    found = []
    for name, heading in (("Live", "Live calls"), ("Statistics", "Statistics"), ("Health", "Health")):
        await page.get_by_role("link", name=name, exact=True).click()
        await expect(page.get_by_role("heading", name=heading, exact=True)).to_be_visible()
        await expect(page.locator("dl.tiles > div").first).to_be_visible()
        found += await look(page, name.lower())
    alerts = page.get_by_role("region", name="Alerts")
    await expect(alerts).to_contain_text(
        re.compile("No alerts|warning|critical")
    )  # the disk of the tests may be nearly full
    return found


async def may_only_look(page: Page, call: str) -> None:
    for place in ("#/", f"#/calls/{call}", "#/queue", "#/health"):
        await page.goto(page.url.split("#")[0] + place)
        await expect(page.locator("main h1")).to_be_visible()
        assert await page.locator("main button:visible").all_inner_texts() == []
    assert await page.locator("header button:visible").all_inner_texts() == ["Log out"]
    await page.goto(page.url.split("#")[0] + "#/")
    await press(page, "Log out")
    await expect(page.get_by_label("API token")).to_be_visible()


async def nothing_smuggled_in(browser: Browser, running: Installation) -> None:
    """What the policy is for, should a caller's words ever become markup."""
    page = await browser.new_page()
    await page.goto(f"{running.service.url}/console/")
    await expect(page.get_by_label("API token")).to_be_visible()
    assert sorted(await page.evaluate(SMUGGLE)) == ["img-src", "script-src-attr", "script-src-elem", "style-src-attr"]
    assert await page.evaluate("() => window.hurt") is None
    await page.close()


async def listens_and_takes_over(page: Page, supervisor: Phone) -> list[str]:
    await press(page, "Listen or take over")
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Supervisor").select_option("ada")
    found = await look(page, "dialog")
    await dialog.get_by_role("button", name="Call supervisor").click()
    await supervisor.wait("called", timeout=PATIENCE)
    await supervisor.command("answer")
    await supervisor.answered(PATIENCE)
    await expect(page.get_by_text(re.compile("ada.*, listen: on"))).to_be_visible()
    await press(page, "Take over the call")
    await expect(page.locator(".title .badge")).to_have_text("transferred")
    return found


async def another_call(page: Page, running: Installation, port: int) -> list[str]:
    """Its caller can't be referred, is refused by a colleague, then taken, and a supervisor joins the two."""
    async with running.referred("486 Busy Here") as phone:
        await phone.answered(PATIENCE)
        (call,) = (await running.api("GET", "/v1/calls?state=active"))["calls"]
        await page.goto(page.url.split("#")[0] + f"#/calls/{call['id']}")
        await transfer(page, "refer")
        await phone.wait("referred", timeout=PATIENCE)
        await expect(page.locator(".title .badge")).to_have_text("transferring")
        await expect(page.get_by_role("toolbar").get_by_role("button")).to_have_text(["Hang up"])
        await phone.command("go on")
        await expect(page.get_by_text(f"refer to {TARGET}: busy")).to_be_visible()
        async with consulted(page, running):
            found = await look(page, "consulting")
            await press(page, "Reject transfer")
            await expect(page.get_by_text(f"attended to {TARGET}: declined")).to_be_visible()
        async with consulted(page, running) as colleague, running.callee(port) as supervisor:
            await press(page, "Accept transfer")
            await expect(page.locator(".title .badge")).to_have_text("transferred")
            found += await whispers_and_takes_over(page, phone, colleague, supervisor)
            await press(page, "Hang up")
            await page.get_by_role("dialog").get_by_role("button", name="Hang up").click()
            await phone.wait("left", timeout=PATIENCE)
        await running.ended(call["id"], PATIENCE)
    return found


@asynccontextmanager
async def consulted(page: Page, running: Installation) -> AsyncIterator[Phone]:
    """A colleague whom the agent asks whether they take the caller; gone at the end."""
    async with running.callee() as colleague:
        await transfer(page, "attended")
        await colleague.wait("called", timeout=PATIENCE)
        await colleague.command("answer")
        await colleague.answered(PATIENCE)
        await expect(page.locator(".title .badge")).to_have_text("consulting")
        yield colleague
        await colleague.wait("left", timeout=PATIENCE)


async def whispers_and_takes_over(page: Page, phone: Phone, colleague: Phone, supervisor: Phone) -> list[str]:
    await press(page, "Listen or take over")
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("Supervisor").select_option("ada")
    await dialog.get_by_label("How").select_option("whisper")
    await dialog.get_by_role("button", name="Call supervisor").click()
    await supervisor.wait("called", timeout=PATIENCE)
    await supervisor.command("answer")
    await supervisor.answered(PATIENCE)
    await expect(page.get_by_text(re.compile("ada.*, whisper: on"))).to_be_visible()
    supervisor.rtp.say(tone(60.0, 1500))
    await colleague.rtp.hears(lambda samples: has_tone(samples, 1500), timeout=PATIENCE)
    assert not any(has_tone(each.samples, 1500) for each in phone.rtp.stretches())
    await press(page, "Switch to listening")
    await expect(page.get_by_text(re.compile("ada.*, listen: on"))).to_be_visible()
    await expect(page.get_by_role("meter")).to_have_count(0)  # of an agent who has gone
    found = await look(page, "supervised")
    await press(page, "Take over the call")
    await phone.rtp.hears(lambda samples: has_tone(samples, 1500), timeout=PATIENCE)
    return found


async def places(page: Page, running: Installation) -> list[str]:
    """A call to somebody who is busy, and what the queue says of it."""
    async with running.refusing("486 Busy Here") as callee:
        await press(page, "Place a call")
        await page.get_by_label("Number").fill(TARGET)
        await page.get_by_role("button", name="Call", exact=True).click()
        await callee.wait("refused", timeout=PATIENCE)
    await expect(page.get_by_role("heading", name=f"To {TARGET}")).to_be_visible()
    await expect(page.locator(".title .badge")).to_have_text("ended")
    await page.get_by_role("link", name="Queue", exact=True).click()
    await page.get_by_label("Status", exact=True).select_option("ended")
    await expect(page.get_by_role("row").filter(has_text=TARGET)).to_contain_text("busy")
    await press(page, "Pause dialing")
    await expect(page.locator("dl.tiles")).to_contain_text("Paused")
    return await look(page, "queue")


async def hangs_up_by_keyboard(page: Page, phone: Phone) -> None:
    """All the way from the list of calls, after a change of mind."""
    await tab_to(page, "link", "Live")
    await page.keyboard.press("Enter")
    await tab_to(page, "link", "+4930123456")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", name="From +4930123456")).to_be_visible()
    await tab_to(page, "button", "Hang up")
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("dialog")).to_contain_text("ends at once")
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)
    await expect(page.get_by_role("button", name="Hang up", exact=True)).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("dialog").get_by_role("button", name="Cancel")).to_be_focused()
    await page.keyboard.press("Tab")
    await page.keyboard.press("Enter")
    await phone.wait("left", timeout=PATIENCE)
    await expect(page.locator(".title .badge")).to_have_text("ended")


async def past(page: Page) -> list[str]:
    """The call in the history: found by a word, heard, and its words follow the sound."""
    await page.get_by_role("link", name="History", exact=True).click()
    await page.get_by_label("Transcript contains").fill("nothing like that")
    await press(page, "Search")
    await expect(page.get_by_text("No calls found.")).to_be_visible()
    await page.get_by_label("Transcript contains").fill("Saturdays")
    await press(page, "Search")
    await expect(page.get_by_role("link", name="+4930123456")).to_be_visible()
    found = await look(page, "history")
    await page.get_by_role("link", name="+4930123456").click()
    await expect(page.get_by_role("log")).to_contain_text(HOSTILE)
    await expect(page.locator(".line.operator")).to_contain_text("to say word for word")
    await expect(page.locator(".parties li").filter(has_text="supervision")).to_contain_text("ada")
    await expect(page.get_by_text("where a supervisor took over the call")).to_be_visible()
    await page.wait_for_function(PAINTED)
    await expect(page.locator(".wave .cut").first).to_be_attached()
    await expect(page.locator(".wave .wait").first).to_be_attached()
    await page.get_by_role("listitem").filter(has_text="until noon").get_by_role("button").click()
    await page.wait_for_function("() => document.querySelector('audio').currentTime > 1")
    await expect(page.locator(".line.here")).to_contain_text("until noon")
    found += await look(page, "past")
    await page.get_by_role("link", name="Config", exact=True).click()
    await expect(page.get_by_text("Be brief.")).to_be_visible()
    await expect(page.locator("main")).not_to_contain_text("sk-test")
    return found + await look(page, "config")
