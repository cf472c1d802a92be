"""The API explorer in a browser: open, navigate, search, authorise, try; under its policy, and on a narrow screen."""

from playwright.async_api import Page, expect

from tests.integration.test_client import TOKEN, Controller, controller
from tests.peers.browser import chromium

__all__ = ["controller"]

LOAD_MS = 20_000
"""Chromium reads 2 MB of script and a document of 800 kB: a second, on a machine that does nothing else."""


async def opened(page: Page, controller: Controller, path: str = "/docs") -> list[str]:
    """What it complains of, such as a violation of its policy, or a request that fails."""
    faults: list[str] = []
    page.on(
        "console",
        lambda said: faults.append(said.text) if said.type == "error" and "Deprecated" not in said.text else None,
    )
    page.on("pageerror", lambda fault: faults.append(str(fault)))
    page.on("request", lambda asked: faults.append(asked.url) if not asked.url.startswith(controller.url) else None)
    await page.goto(f"{controller.url}{path}")
    await expect(page.get_by_role("heading", name="voiceai")).to_be_visible(timeout=LOAD_MS)
    return faults


async def authorised(page: Page) -> None:
    await page.get_by_role("button", name="Authorize").first.click()
    await page.get_by_label("auth-bearer-value").fill(TOKEN)
    await page.get_by_role("button", name="Apply credentials").click()
    await page.get_by_role("button", name="Close", exact=True).click()


async def test_open_search_authorise_and_try(controller: Controller) -> None:
    async with chromium() as browser:
        page = await browser.new_page(viewport={"width": 1440, "height": 900})
        faults = await opened(page, controller)
        await page.get_by_placeholder("Filter by tag").fill("get calls trace")
        await expect(page.locator("[id^=operations-calls-]")).to_have_count(1)
        await expect(page.locator("[id^=operations-queue-]")).to_have_count(0)
        await page.get_by_role("navigation").get_by_role("link", name="GET /calls", exact=True).click()
        block = page.locator("#operations-calls-list_calls")
        await expect(block).to_be_in_viewport()
        await expect(block.locator(".example").first).to_contain_text('"order": "A-1017"')
        await authorised(page)
        await block.get_by_role("button", name="Try it out").click()
        await block.get_by_role("button", name="Execute").click()
        answer = block.locator(".live-responses-table .response").first
        await expect(answer.locator(".response-col_status")).to_contain_text("200")
        await expect(answer).to_contain_text("unreachable_nodes")
        assert faults == []


async def test_a_link_to_an_operation_its_problems_and_streams(controller: Controller) -> None:
    async with chromium() as browser:
        page = await browser.new_page(viewport={"width": 1440, "height": 900})
        await opened(page, controller, "/docs#/calls/show_call")
        block = page.locator("#operations-calls-show_call")
        async with page.expect_popup() as another:
            await block.locator('tr[data-code="404"] a').first.click()
        page = await another.value
        await expect(page.get_by_role("heading", name="Call not found")).to_be_visible()
        await page.get_by_role("link", name="GET /v1/calls/{id} ").first.click()
        await expect(page.locator("#operations-calls-show_call .opblock-body")).to_be_visible(timeout=LOAD_MS)
        await page.get_by_role("link", name="GET /calls/{id}/events").click()
        stream = page.locator("#operations-events-stream_call_events")
        await expect(stream.locator(".opblock-body")).to_be_visible()
        await expect(stream.get_by_role("button", name="Try it out")).to_have_count(0)


async def test_on_a_narrow_screen(controller: Controller) -> None:
    async with chromium() as browser:
        page = await browser.new_page(viewport={"width": 390, "height": 844})
        faults = await opened(page, controller)
        await page.get_by_text("Operations", exact=True).click()
        await page.get_by_role("navigation").get_by_role("link", name="POST /calls", exact=True).click()
        block = page.locator("#operations-calls-place_call")
        await expect(block.locator(".opblock-body")).to_be_visible()
        assert await page.evaluate("document.documentElement.scrollWidth") <= 390
        await authorised(page)
        await block.get_by_role("button", name="Try it out").click()
        await block.get_by_role("button", name="Execute").click()
        await expect(block.locator(".live-responses-table .response .response-col_status")).to_contain_text("202")
        assert await page.evaluate("document.documentElement.scrollWidth") <= 390
        assert faults == []
