"""The console's history in a real browser, over real records: sorted, filtered, added up."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect
from sqlalchemy import insert

from controller.store.tables.base import metadata
from tests.integration.console_harness import Console, console
from tests.peers.browser import look

pytestmark = pytest.mark.timeout(120)

CALLS = (
    ("inbound", "answered", "main", 120.0, 0.5, 420),
    ("outbound", "busy", "desk", 0.0, 0.0, None),
    ("inbound", "answered", "main", 30.0, 0.1, 900),
    ("outbound", "trunk_fault", "main", 0.0, 0.0, None),
)
"""Direction, outcome, trunk, seconds talked, cost, response time; the last one is the newest."""


async def kept(it: Console, more: int) -> None:
    now = datetime.now(UTC)
    rows: list[dict[str, Any]] = []
    for number in range(len(CALLS) + more):
        direction, outcome, trunk, talked, cost, first = CALLS[number % len(CALLS)]
        began = now - timedelta(days=60 if number >= len(CALLS) else 0, seconds=100 - number)
        rows.append(
            {
                **{"call": f"c{number}", "attempt": 1, "direction": direction, "agent": "reception", "trunk": trunk},
                **{"caller": f"+4930{1000 + number}", "callee": f"+4930{1000 + number}", "outcome": outcome},
                **{"started_at": began, "ended_at": began, "talked_s": talked, "cost": cost},
                **{"first_frame_p50_ms": first, "first_frame_max_ms": first},
            }
        )
    async with it.records.database.writing() as connection:
        await connection.execute(insert(metadata.tables["calls"]), rows)


async def shown(page: Page, *numbers: str) -> None:
    await expect(page.locator("td.wide a")).to_have_text(list(numbers))


async def test_past_calls_are_sorted_filtered_and_added_up(tmp_path: Path) -> None:
    async with console(tmp_path) as it:
        page = it.page
        await kept(it, 60)
        await it.go("history", "History")
        tiles = page.locator("dl.tiles")
        await expect(tiles).to_contain_text("Calls64")
        await page.get_by_role("button", name="More").click()
        await expect(page.locator("td.wide a")).to_have_count(64)
        await page.get_by_role("button", name="7 days").click()
        await shown(page, "+49301003", "+49301002", "+49301001", "+49301000")
        await expect(tiles).to_have_text("Calls4Total duration2:30Cost$0.60")
        await expect(page.get_by_role("button", name="7 days")).to_have_attribute("aria-pressed", "true")
        for outcome, kind in (("answered", "good"), ("busy", "wait"), ("trunk fault", "bad")):
            badge = page.locator("td .badge").filter(has_text=outcome).first
            await expect(badge).to_have_class(f"badge {kind}")
        problems = await look(page, "history-sorted")

        await page.get_by_role("columnheader", name="Cost").get_by_role("button").click()
        await shown(page, "+49301000", "+49301002", "+49301003", "+49301001")
        await expect(page.get_by_role("columnheader", name="Cost")).to_have_attribute("aria-sort", "descending")
        await page.get_by_role("columnheader", name="Cost").get_by_role("button").click()
        await shown(page, "+49301001", "+49301003", "+49301002", "+49301000")
        await page.get_by_label("Sort").select_option("first_frame_ms desc")
        await shown(page, "+49301002", "+49301000")
        await expect(page.get_by_role("columnheader", name="Response time")).to_have_attribute(
            "aria-sort", "descending"
        )

        await page.get_by_label("Sort").select_option("started_at desc")
        await page.get_by_label("Direction").select_option("outbound")
        await page.get_by_label("Trunk").select_option("main")
        await page.get_by_role("button", name="Search").click()
        await shown(page, "+49301003")
        await page.get_by_label("Trunk").select_option("")
        await page.get_by_label("Direction").select_option("")
        await page.get_by_label("Duration from").fill("20")
        await page.get_by_label("Duration to").fill("60")
        await page.keyboard.press("Enter")
        await shown(page, "+49301002")
        await expect(page.get_by_role("link", name="CSV")).to_have_attribute("href", re.compile("least_talked_s=20"))
        await page.get_by_role("link", name="+49301002").click()
        await expect(page.get_by_role("heading", name="From +49301002")).to_be_visible()
        await page.get_by_role("link", name="← History").click()
        await shown(page, "+49301002")
        assert problems == []
