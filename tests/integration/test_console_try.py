"""The console's page on which agents are tried by typing, in a real browser, over a worker and a Realtime server."""

from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import expect

from simulator.realtime.model import ToneModel
from simulator.realtime.reply import CallTool, Say
from tests.integration.test_text_sessions import ORDER
from tests.integration.text_service import text_installation
from tests.peers.browser import chromium, look

pytestmark = pytest.mark.timeout(120)
expect.set_options(timeout=20_000)
AGENT: dict[str, Any] = {"tools": ["hang_up", "order"]}


async def test_a_draft_is_typed_to_with_tools_answered_by_hand(tmp_path: Path) -> None:
    tool = CallTool("order", {"number": "123456"})
    model = ToneModel([Say("Good day."), tool, Say("It is shipped."), Say("Hello again.")])
    more: dict[str, Any] = {"http_tools": {"order": ORDER}, "resources": {"source": "store"}}
    async with text_installation(tmp_path, model, agent=AGENT, **more) as running, chromium() as browser:
        with running.client() as client:
            found = client.show_resource("agents", "reception")
            assert found.published is not None
            draft = {**dict(found.published.content), "instructions": "You are the draft."}
            client.put_draft("agents", "reception", draft, etag=found.etag)
        page = await browser.new_page()
        page.set_default_timeout(20_000)
        wrong: list[str] = []
        page.on("pageerror", lambda error: wrong.append(str(error)))
        await page.goto(f"{running.service.url}/console/#/edit/agents/reception")
        await page.get_by_label("API token").fill(running.token)
        await page.keyboard.press("Enter")
        await page.get_by_role("link", name="Try by typing").click()
        await expect(page.get_by_label("Version")).to_have_value("draft")
        await page.get_by_label("HTTP tools").select_option("by_hand")
        await page.get_by_role("button", name="Start").click()
        log = page.get_by_role("log")
        await expect(log).to_contain_text("Good day.")
        await expect(page.get_by_text("your turn")).to_be_visible()
        assert running.realtime.sessions[-1].config["instructions"] == "You are the draft."
        await expect(page.get_by_label("You say")).to_be_focused()
        await page.keyboard.type("Where is my order?")
        await page.keyboard.press("Enter")
        await page.get_by_label("Answer of order").fill("shipped")
        found_wrong = await look(page, "try")
        await page.get_by_role("button", name="Answer", exact=True).click()
        await expect(log).to_contain_text("It is shipped.")
        await expect(log).to_contain_text("answered by you")
        await expect(log).to_contain_text("answered in")
        await page.get_by_role("button", name="End", exact=True).click()
        await expect(log.get_by_text("Ended")).to_be_visible()
        await page.get_by_role("button", name="Save as test").click()
        await page.get_by_label("Name of the test").fill("my-order")
        await page.keyboard.press("Enter")
        await expect(page.get_by_text("The test my-order is in the draft")).to_be_visible()
        with running.client() as client:
            kept: Any = client.show_resource("agents", "reception").draft
            assert kept.content["tests"]["my-order"] == {
                "says": ["Where is my order?"],
                "results": {"order": "shipped"},
                "checks": [{"tool_called": {"name": "order", "arguments": {"number": "123456"}}}],
            }
            client.validate_draft("agents", "reception")

        await page.get_by_label("Version").select_option("")
        await page.get_by_role("button", name="Start").click()
        await expect(log).to_contain_text("Hello again.")
        assert running.realtime.sessions[-1].config["instructions"] == "You are the receptionist."
        await page.get_by_role("link", name="Live", exact=True).click()
        assert (found_wrong, wrong) == ([], [])
