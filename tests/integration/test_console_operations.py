"""The console's pages for operations in a real browser, over the real API and a real store: statistics."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.async_api import Page, expect
from sqlalchemy import insert

from controller.api.auth.authenticator import Authenticator
from controller.api.console import files
from controller.api.console.session import SessionResources
from controller.api.models.session import Choices
from controller.api.operation import Operation
from controller.api.resources.statistics import StatisticsResources
from controller.config.models.api import Pace, Token
from controller.events.records.history import History
from controller.store.database import Database
from controller.store.tables.records import call_turns, calls
from tests.integration.api_harness import TOKENS, Harness, harness
from tests.integration.test_api_statistics import call
from tests.peers.browser import chromium, look
from tests.peers.stores import store_at

CHOICES = Choices(agents=("reception", "night"), trunks=("main",), targets=(), supervisors=(), softphone=False)
PAINTED = """() => [...document.querySelectorAll(".chart canvas")].filter((canvas) => {
    const pixels = canvas.width && canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
    return pixels && pixels.filter((each, at) => at % 4 === 3 && each > 0).length > 2000;
}).length"""
"""How many charts are drawn, and are more than their axes."""

MISSED = ("(Unauthorized)", "(Not Found)", "(Bad Request)")
"""Statuses that the browser remarks on and the page expects."""

expect.set_options(timeout=20_000)


@dataclass
class Desk:
    it: Harness
    page: Page
    database: Database
    wrong: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    """Of accessibility and layout."""

    async def go(self, place: str, heading: str) -> None:
        await self.page.goto(f"http://127.0.0.1:{self.it.port}/console/#/{place}")
        await expect(self.page.get_by_role("heading", name=heading, exact=True).first).to_be_visible()

    async def log_in(self, token: str) -> None:
        await self.page.get_by_label("API token").fill(token)
        await self.page.keyboard.press("Enter")

    async def look(self, name: str) -> None:
        self.problems += await look(self.page, name)


@asynccontextmanager
async def desk(folder: Path) -> AsyncIterator[Desk]:
    known = [
        Token.model_validate({"name": each.partition("-")[0], "token": each, "scopes": scopes})
        for each, scopes in TOKENS.items()
    ]
    keeper = Authenticator(known, Pace(per_second=10_000, burst=100_000))
    session = SessionResources(keeper, lambda: CHOICES)
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(Database(store_at(folder)))

        def operations(*_: object) -> Sequence[Operation]:
            return StatisticsResources(History(database)).operations()

        served = harness(*files.routes(), *session.routes(), more=operations, authenticator=keeper)
        it = await stack.enter_async_context(served)
        browser = await stack.enter_async_context(chromium())
        page = await browser.new_page(viewport={"width": 1440, "height": 900})
        made = Desk(it, page, database)
        page.set_default_timeout(20_000)
        page.on("pageerror", lambda error: made.wrong.append(str(error)))
        page.on("console", lambda line: made.wrong.append(line.text) if line.type == "error" else None)
        yield made
        await page.close()
    assert [each for each in made.wrong if not each.endswith(MISSED)] == []
    assert made.problems == []


async def some_calls(database: Database) -> None:
    """Some on each of the last days, most of them today."""
    now, rows, turns = datetime.now(UTC), [], []
    for at in range(40):
        began = now - timedelta(minutes=1) if at < 25 else now - timedelta(days=1 + at % 5)
        busy = at % 7 == 3
        more = {"answered_at": None, "talked_s": None, "outcome": "busy"} if busy else {"talked_s": 30.0 + 7 * at}
        agent = "night" if at % 4 == 1 else "reception"
        rows.append(
            call(f"c{at}", cost=0.0 if busy else 0.1, agent=agent, **more) | {"started_at": began, "ended_at": now}
        )
        turn = {"call": f"c{at}", "attempt": 0, "at": began, "turn": 1, "first_frame_ms": 300.0 + 20 * at}
        turns += [] if busy else [turn | {"event": f"t{at}"}]
    async with database.writing() as store:
        await store.execute(insert(calls), rows)
        await store.execute(insert(call_turns), turns)


@pytest.mark.timeout(120)
async def test_an_operator_looks_at_figures(tmp_path: Path) -> None:
    async with desk(tmp_path) as it:
        await some_calls(it.database)
        await it.page.goto(f"http://127.0.0.1:{it.it.port}/console/#/statistics")
        await it.log_in("reader-0123456789")
        await expect(it.page.get_by_role("heading", name="Statistics", exact=True)).to_be_visible()
        await shows_figures(it)


async def shows_figures(it: Desk) -> None:
    page = it.page
    table, tiles = page.get_by_role("table"), page.locator("dl.tiles")
    total = table.get_by_role("row").filter(has_text="Total")
    await expect(total.get_by_role("cell").nth(1)).to_have_text("40")
    await expect(tiles).to_contain_text("$3.40")
    await page.wait_for_function(f"() => ({PAINTED})() === 3")
    await expect(page.locator(".card").filter(has_text="Outcomes")).to_contain_text("busy")
    assert await page.get_by_role("img").first.get_attribute("aria-label")
    await page.locator(".chart").first.hover()
    await expect(page.locator(".reading").first).to_contain_text("answered")
    await it.look("statistics")
    await page.get_by_role("button", name="Yesterday").click()
    await expect(page.get_by_role("button", name="Yesterday")).to_have_attribute("aria-pressed", "true")
    await expect(total.get_by_role("cell").nth(1)).to_have_text("3")
    await page.get_by_role("button", name="7 days").click()
    await page.get_by_label("Group by", exact=True).select_option("agent")
    await expect(table.get_by_role("row").nth(1)).to_contain_text("reception")
    await page.get_by_label("Agent", exact=True).select_option("night")
    await expect(table.get_by_role("row")).to_have_count(3)
    await it.look("statistics-agent")
    await page.get_by_label("Direction").select_option("outbound")
    await expect(page.get_by_text("No calls in this period.")).to_be_visible()
    await expect(page.locator(".charts")).to_be_hidden()
    await page.get_by_label("From").fill("2020-01-01")
    await expect(page.get_by_role("alert")).to_contain_text("366 days")
    await expect(page.get_by_role("button", name="7 days")).to_have_attribute("aria-pressed", "false")
