"""An attended transfer that a person answers in the browser, while a supervisor whispers to them from another one."""

from pathlib import Path

import pytest
from playwright.async_api import expect

from simulator.audio.sound import tone
from simulator.phone.phone import Phone
from tests.e2e.installation import Installation, shared
from tests.e2e.test_attended_transfer import ACCEPT, ANNOUNCED, Consultant
from tests.e2e.test_call_control import is_music
from tests.e2e.test_inbound import greeted
from tests.e2e.test_softphone import (
    HEARS,
    SOUND,
    SUPERVISOR,
    TOKENS,
    console,
    log_in,
    microphone,
    nothing_of_browsers,
    ready,
    with_microphone,
)
from tests.peers.asterisk import Asterisk
from tests.peers.browser import chromium, look

COLLEAGUE = "colleague-test-token"
SETTINGS = {"softphone": {}, "transfer": {"targets": {"helpdesk": "softphone:*"}, "kinds": {"helpdesk": "attended"}}}
WORDS = "good day this is somebody in a browser"


async def nobody_is_there(running: Installation, call: str, phone: Phone, to: str) -> None:
    """It is as with a telephone that is switched off: the caller is back."""
    await running.api("POST", f"/v1/calls/{call}/transfer", to=to)
    await running.service.logged("nobody is available in the console", call=call)
    shown = await running.api("GET", f"/v1/calls/{call}")
    assert (shown["state"], shown["transfer"]["outcome"]) == ("talking", "no_answer")


@pytest.mark.timeout(120)
async def test_a_person_takes_the_call_in_the_browser_and_hears_what_a_supervisor_whispers(
    asterisk: Asterisk, tmp_path: Path
) -> None:
    tokens = [*TOKENS, {"name": "colleague", "token": COLLEAGUE, "scopes": ["read", "supervise"]}]
    sound = await microphone(tmp_path, WORDS)
    async with (
        shared(asterisk, tmp_path, lambda: Consultant(ACCEPT), tokens=tokens, more=SETTINGS) as running,
        chromium(*with_microphone(sound)) as browser,
        console(browser, running) as colleague,
        console(browser, running) as supervisor,
    ):
        await log_in(colleague, COLLEAGUE)
        await log_in(supervisor, SUPERVISOR)
        await ready(running)
        async with running.caller() as phone:
            await greeted(phone)
            call = await running.call_id()
            await nobody_is_there(running, call, phone, "helpdesk")

            await colleague.get_by_role("button", name="Available", exact=True).click()
            await expect(colleague.locator("#available.there")).to_be_visible()
            await nobody_is_there(running, call, phone, "softphone:somebody else")
            await running.api("POST", f"/v1/calls/{call}/transfer", to="helpdesk")
            panel = colleague.locator("#phone")
            await expect(panel.get_by_text("A call is transferred to you")).to_be_visible()
            await phone.rtp.hears(is_music)
            problems = await look(colleague, "called")
            await panel.get_by_role("button", name="Answer", exact=True).click()
            await colleague.wait_for_function(HEARS, arg=500)
            await expect(panel.get_by_label("Message of the agent")).to_contain_text(ANNOUNCED.text)
            problems += await look(colleague, "consulting")
            await panel.get_by_role("button", name="Take the call", exact=True).click()
            await running.service.logged("call state", call=call, state="transferred")
            await phone.rtp.sound(after=await phone.rtp.quiet(0.3))  # their words; the music is over
            phone.rtp.say(tone(1.0, 620))
            await colleague.wait_for_function(HEARS, arg=620)

            await panel.get_by_role("button", name="Mute", exact=True).click()
            await phone.rtp.spoken()
            await phone.rtp.quiet(0.5)
            await supervisor.goto(supervisor.url.split("#")[0] + f"#/calls/{call}")
            await supervisor.get_by_role("button", name="Listen in browser", exact=True).click()
            await supervisor.get_by_role("dialog").get_by_label("How").select_option("whisper")
            await supervisor.get_by_role("dialog").get_by_role("button", name="Join").click()
            await colleague.wait_for_function(SOUND)
            since = await phone.rtp.quiet(0.0)
            await colleague.wait_for_timeout(1500)  # the words go on for about two seconds
            assert await phone.rtp.quiet(1.5) == since, "the caller has heard the whisper"

            await panel.get_by_role("button", name="Hang up", exact=True).click()
            await phone.wait("left")
        shown = await running.ended(call)
        assert (shown["transfer"]["outcome"], shown["supervision"]["mode"]) == ("answered", "whisper")
        await expect(colleague.locator("#available.there")).to_be_visible()  # for the next one
        await colleague.get_by_role("button", name="Log out", exact=True).click()
        await running.nothing_left()
        await nothing_of_browsers(running, 2)
        assert problems == []
