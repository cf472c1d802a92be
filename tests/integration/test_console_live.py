"""Live calls in the console, in a real browser over scripted calls: who else is there, another agent, participants; and
each page fits small screens."""

from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import expect

from controller.api.models.calls import PlaceCall
from controller.calls.reporting import lifecycle, view
from tests.integration.console_harness import console
from tests.peers.browser import look
from tests.unit.controller.views import STARTED, call_view as view_of

pytestmark = pytest.mark.timeout(120)

PARTY = view.ParticipantView("leg-1", "+49307777777", "ops", "joined", "answered")
GONE = view.ParticipantView("leg-2", "+49308888888", "ops", "left", "answered")
WATCHED = view.SupervisionView("ada", "ops", "listen", "on", "answered")
MOVED = view.TransferView("+49309999999", "ops", "ringing", None, "attended")
LONG_NAME = "x" * 60
LONG = "a" * 60 + "@" + "b" * 60 + ".example"


async def test_who_else_is_in_a_call_and_another_agent_for_it(tmp_path: Path) -> None:
    async with console(tmp_path) as it:
        page = it.page
        talking: dict[str, Any] = {"state": "talking", "answered_at": STARTED, "agent": "reception"}
        call = it.it.calls.add(**talking, participants=(PARTY, GONE), supervision=WATCHED)
        it.it.calls.add(**talking | {"state": "transferring"}, caller=LONG, transfer=MOVED)
        it.it.calls.add(**talking, ended_at=STARTED, outcome="busy")
        await it.go("queue", "Outbound queue")
        await it.go("", "Live calls")
        row = page.get_by_role("row").filter(has_text="+4930123").first
        await expect(row).to_contain_text("+49307777777 (participant, joined)")
        await expect(row).to_contain_text("ada (supervisor, listen)")
        await expect(row).not_to_contain_text("+49308888888")
        await expect(page.get_by_role("row").filter(has_text=LONG)).to_contain_text("+49309999999 (transfer, ringing)")
        await expect(page.locator(".badge.wait").filter(has_text="busy")).to_be_visible()
        problems = await look(page, "live-company")

        await it.go(f"calls/{call.id}", "From +4930123")
        card = page.locator(".parties")
        await expect(card).to_contain_text("ada")
        problems += await look(page, "call-company")
        await page.get_by_role("button", name="Remove +49307777777").click()
        await page.get_by_role("button", name="Switch agent").click()
        dialog = page.get_by_role("dialog")
        await dialog.get_by_label("Agent").select_option("")
        await dialog.get_by_role("button", name="Switch").click()
        await expect(dialog.get_by_role("alert")).to_contain_text("Choose another agent, or write instructions")
        await dialog.get_by_label("Agent").select_option("night")
        await dialog.get_by_label("Instructions").fill("Speak French.")
        await dialog.get_by_role("button", name="Switch").click()
        await expect(page.get_by_text("The call goes on with night.")).to_be_visible()
        await page.get_by_role("button", name="Add participant").click()
        await dialog.get_by_label("To").fill("+4930222")
        await dialog.get_by_role("button", name="Call").click()
        await expect(page.get_by_text("+4930222 is being called.")).to_be_visible()
        asked = [(verb, {name: given[name] for name in given if given[name]}) for verb, given in it.it.calls.asked[-3:]]
        whose = {"call": call.id, "by": "admin"}
        assert asked == [
            ("drop_participant", whose | {"leg": "leg-1"}),
            ("switch", whose | {"agent": "night", "instructions": "Speak French."}),
            ("add_participant", whose | {"to": "+4930222"}),
        ]
        assert problems == []


async def test_every_page_of_the_menu_fits_small_screens(tmp_path: Path) -> None:
    """With long names; pages with content of their own are looked at where they are tested."""
    async with console(tmp_path, agents={LONG_NAME: {"instructions": "Be kind."}}, routes=[]) as it:
        page = it.page
        it.it.calls.add(state="talking", agent=LONG_NAME, trunk=LONG_NAME, caller=LONG)
        await it.orders.place(PlaceCall.model_construct(to="+4930123", agent=LONG_NAME), by=LONG_NAME)
        it.records.tell([lifecycle.CallBegan("inbound", view_of(agent=LONG_NAME, caller=LONG), None)])
        await it.records.written()
        links = page.get_by_role("navigation").get_by_role("link")
        places = [str(await each.get_attribute("href")) for each in await links.all()]
        assert len(places) >= 8
        wide = []
        for place in places:
            await page.goto(f"http://127.0.0.1:{it.it.port}/console/{place}")
            await expect(page.locator("main h1")).to_be_visible()
            if place in ("#/", "#/queue", "#/history"):
                await expect(page.locator("td").filter(has_text=LONG_NAME).first).to_be_visible()
            for width in (360, 390):
                await page.set_viewport_size({"width": width, "height": 900})
                beyond = await page.evaluate("() => document.documentElement.scrollWidth - innerWidth")
                wide += [(place, width, beyond)] if beyond > 0 else []
        assert wide == []
