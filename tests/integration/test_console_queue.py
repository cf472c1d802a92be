"""The console's queue in a real browser, over a real queue: why each call waits, and many cancelled at once."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import expect

from controller.api.models.calls import PlaceCall
from controller.calls import errors
from controller.calls.outbound.entry import QueueFilter, Status
from tests.integration.console_harness import Console, console
from tests.peers.browser import look

pytestmark = pytest.mark.timeout(120)


async def order(it: Console, to: str, **asked: Any) -> str:
    return (await it.orders.place(PlaceCall.model_construct(to=to, **asked), by="crm")).id


async def test_each_call_says_why_it_waits_and_many_are_cancelled_at_once(tmp_path: Path) -> None:
    async with console(tmp_path) as it:
        page = it.page
        tomorrow = datetime.now(UTC) + timedelta(days=1)
        gone = await order(it, "+4930000")
        await it.orders.cancel(gone, by="ops")
        for number in range(3):
            await order(it, f"+493012345{number}", agent="reception")
        await order(it, "+493099999", agent="night", not_before=tomorrow)
        it.obstacles.lanes["main", "reception"] = errors.TooMany(
            "As many calls as allowed are up (trunks.<name>.max_calls)."
        )
        await it.go("queue", "Outbound queue")
        row = page.get_by_role("row").filter(has_text="+4930123450")
        await expect(row).to_contain_text("concurrency limit")
        await expect(row).to_contain_text("trunks.<name>.max_calls")
        await expect(page.get_by_role("row").filter(has_text="+493099999")).to_contain_text("its time")
        await expect(page.get_by_role("status").filter(has_text="4 calls")).to_be_visible()
        assert await page.get_by_role("row").filter(has_text="+4930000").count() == 0, "ended ones are not shown"
        problems = await look(page, "queue")

        await page.get_by_label("Status").select_option("")
        await expect(page.get_by_role("row").filter(has_text="+4930000")).to_contain_text("cancelled")
        await expect(page.get_by_role("status").filter(has_text="5 calls")).to_be_visible()
        await page.get_by_label("Status").select_option("active")
        await expect(page.get_by_role("row").filter(has_text="+4930000")).to_have_count(0)
        await page.get_by_role("checkbox", name="Select the call to +4930123450").check()
        await page.get_by_role("checkbox", name="Select the call to +4930123451").check()
        await page.get_by_role("button", name="Cancel 2 selected calls").click()
        await expect(page.get_by_role("dialog")).to_contain_text("2 calls that wait will not be placed.")
        await page.get_by_role("dialog").get_by_role("button", name="Cancel 2 calls").click()
        await expect(page.get_by_text("2 calls cancelled.")).to_be_visible()
        await expect(page.get_by_role("row").filter(has_text="+493012345")).to_have_count(1)

        await page.get_by_label("Agent", exact=True).select_option("night")
        await expect(page.get_by_role("row").filter(has_text="+493012345")).to_have_count(0)
        await page.get_by_role("button", name="Cancel all that fit").click()
        await expect(page.get_by_role("dialog")).to_contain_text(
            re.compile("1 call that waits .of the agent night. will not")
        )
        await order(it, "+493088888", agent="night")  # meanwhile
        await page.get_by_role("dialog").get_by_role("button", name="Cancel 1 call").click()
        await expect(page.get_by_role("alert").or_(page.locator(".toast.wrong"))).to_contain_text(
            "2 calls that wait fit, not 1"
        )
        assert await it.queue.count(QueueFilter((Status.QUEUED,), agent="night")) == 2
        await page.get_by_role("button", name="Pause dialing").click()
        await expect(page.get_by_role("row").filter(has_text="+493088888")).to_contain_text("paused")
        assert problems == []
