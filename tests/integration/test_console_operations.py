"""The console's pages for operations in a real browser, over the real API and a real store: statistics, alerts, the
audit log, and dead letters."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web
from playwright.async_api import Page, expect
from sqlalchemy import insert

from controller.api.auth.authenticator import Authenticator
from controller.api.console import files
from controller.api.console.session import SessionResources
from controller.api.models.session import Choices
from controller.api.operation import Operation
from controller.api.resources.alerts import AlertResources
from controller.api.resources.events import EventResources
from controller.api.resources.nodes import NodeResources
from controller.api.resources.statistics import StatisticsResources
from controller.api.resources.workers import WorkerResources
from controller.calls.outbound.trunk_breaker import SuspendedTrunk
from controller.cluster.node import NodeId
from controller.cluster.overview import NodeView
from controller.config.models.api import Pace, Token
from controller.events.records.history import History
from controller.events.webhooks.outbox import Outbox
from controller.store.database import Database
from controller.store.tables.api import audit
from controller.store.tables.events import webhook_outbox
from controller.store.tables.records import call_turns, calls
from tests.integration.api_harness import ADMIN, TOKENS, FakeCalls, FakeOrders, Harness, harness
from tests.integration.test_api_alerts import System
from tests.integration.test_api_statistics import call
from tests.integration.test_cli import Staff
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
    system: System = field(default_factory=System)

    async def go(self, place: str, heading: str) -> None:
        await self.page.goto(f"http://127.0.0.1:{self.it.port}/console/#/{place}")
        await expect(self.page.get_by_role("heading", name=heading, exact=True).first).to_be_visible()

    async def log_in(self, token: str) -> None:
        await self.page.get_by_label("API token").fill(token)
        await self.page.keyboard.press("Enter")

    async def look(self, name: str) -> None:
        self.problems += await look(self.page, name)


class Alone:
    """`ports.NodeAdmin` of a controller without others."""

    async def all(self) -> tuple[NodeView, ...]:
        return (NodeView(NodeId("node1", 1), "accepting", own=True, version="1"),)

    async def set_drained(self, name: str, drained: bool, *, by: str, request_id: str) -> NodeView:
        raise AssertionError


async def no_metrics(_: web.Request) -> web.Response:
    return web.Response(text="")


@asynccontextmanager
async def desk(folder: Path) -> AsyncIterator[Desk]:
    known = [
        Token.model_validate({"name": each.partition("-")[0], "token": each, "scopes": scopes})
        for each, scopes in TOKENS.items()
    ]
    keeper = Authenticator(known, Pace(per_second=10_000, burst=100_000))
    session = SessionResources(keeper, lambda: CHOICES)
    system, staff = System(), Staff()
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(Database(store_at(folder)))
        events: Any = SimpleNamespace(outbox=Outbox(database), replayed=lambda: None)

        def operations(calls: FakeCalls, orders: FakeOrders) -> Sequence[Operation]:
            return (
                *StatisticsResources(History(database)).operations(),
                *AlertResources(system.sources(orders)).operations(),
                *EventResources(events, calls, orders).operations(),
                *WorkerResources(staff, 60.0, lambda: None).operations(),
                *NodeResources(Alone()).operations(),
            )

        pages = (*files.routes(), *session.routes(), web.get("/metrics", no_metrics))
        served = harness(*pages, more=operations, authenticator=keeper, store=True)
        it = await stack.enter_async_context(served)
        browser = await stack.enter_async_context(chromium())
        page = await browser.new_page(viewport={"width": 1440, "height": 900})
        made = Desk(it, page, database, system=system)
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


async def some_requests(database: Database) -> None:
    """Sixty lines of the audit log, the latest one of a wrong token."""
    now = datetime.now(UTC)
    line = {"operation": "hang_up", "asked": {"mode": "listen"}, "source": "192.0.2.7", "call": "a" * 36}
    rows = [
        line | {"at": now - timedelta(days=2, minutes=60 - at), "by": "ops", "status": 202, "request_id": f"r{at}"}
        for at in range(59)
    ]
    wrong = {"at": now, "by": "", "operation": "show_call", "call": None, "asked": {}, "status": 401}
    async with database.writing() as store:
        await store.execute(insert(audit), [*rows, line | wrong | {"request_id": "w"}])


async def some_letters(database: Database) -> None:
    now = datetime.now(UTC)
    letter = {"type": "call.ended", "url": None, "body": "{}", "accepted_at": now, "since": now, "due_at": None}
    dead = letter | {"attempts": 7, "reason": "answered 503", "dead_at": now}
    rows = [
        dead | {"event": f"e{at}", "call": f"c{at}", "receiver": "crm" if at < 3 else "https://erp.example/a/long/path"}
        for at in range(5)
    ]
    async with database.writing() as store:
        await store.execute(insert(webhook_outbox), rows)


@pytest.mark.timeout(120)
async def test_an_operator_looks_at_figures_alerts_and_requests_and_mends_webhooks(tmp_path: Path) -> None:
    async with desk(tmp_path) as it:
        assert it.it.kept is not None
        await some_calls(it.database)
        await some_letters(it.database)
        await some_requests(it.it.kept.database)
        it.system.dead = 5
        it.system.suspended = [
            SuspendedTrunk("main", datetime.now(UTC), 3, datetime.now(UTC), False, "congestion", 503)
        ]
        await it.page.goto(f"http://127.0.0.1:{it.it.port}/console/#/statistics")
        await it.log_in("reader-0123456789")
        await expect(it.page.get_by_role("heading", name="Statistics", exact=True)).to_be_visible()
        await shows_figures(it)
        await shows_alerts(it)
        await it.go("webhooks", "Webhooks")
        await expect(it.page.get_by_text("5 dead letters")).to_be_visible()
        assert await it.page.locator("main button:visible").all_inner_texts() == ["Search"], "a reader changes nothing"
        assert await it.page.get_by_role("link", name="Audit").count() == 0
        await it.page.get_by_role("button", name="Log out").click()
        await it.log_in(ADMIN)
        await mends_webhooks(it)
        await reads_the_audit_log(it)


async def shows_alerts(it: Desk) -> None:
    page = it.page
    badge = page.get_by_role("link", name="2 alerts")
    await expect(badge).to_have_text("2")
    await badge.click()
    await expect(page.get_by_role("heading", name="Health", exact=True)).to_be_visible()
    alerts = page.get_by_role("region", name="Alerts").get_by_role("listitem")
    await expect(alerts).to_have_count(2)
    await expect(alerts.first).to_contain_text("Trunk main fails again and again")
    it.system.calls.parts["asterisk"] = False
    it.it.orders.paused.add("")
    await page.reload()
    await expect(alerts).to_have_count(4)
    await expect(alerts.first).to_contain_text("critical")
    await expect(page.get_by_role("link", name="3 alerts")).to_have_text("3")
    await it.look("health")
    await expect(alerts.nth(2).get_by_role("link", name="Go to Webhooks")).to_have_attribute("href", "#/webhooks")


async def mends_webhooks(it: Desk) -> None:
    page = it.page
    rows = page.get_by_role("row")
    await expect(page.get_by_text("5 dead letters")).to_be_visible()
    await expect(rows).to_have_count(6)
    await it.look("webhooks")
    await page.get_by_role("button", name="Retry message 1", exact=True).click()
    await expect(page.get_by_text("The message is sent again.")).to_be_visible()
    await expect(rows).to_have_count(5)
    await page.get_by_role("button", name="Discard message 2", exact=True).click()
    await page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
    await expect(rows).to_have_count(5)
    await page.get_by_role("button", name="Discard message 2", exact=True).click()
    await page.get_by_role("dialog").get_by_role("button", name="Discard").click()
    await expect(rows).to_have_count(4)
    await page.get_by_label("Receiver").fill("crm")
    await page.keyboard.press("Enter")
    await expect(rows).to_have_count(2)
    await page.get_by_role("button", name="Retry all").click()
    await expect(page.get_by_role("dialog")).to_contain_text("for crm")
    await page.get_by_role("dialog").get_by_role("button", name="Retry all").click()
    await expect(page.get_by_text("1 message will be sent again.")).to_be_visible()
    await expect(page.get_by_text("No dead letters.")).to_be_visible()
    await page.get_by_label("Receiver").fill("")
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="Discard all").click()
    await page.get_by_role("dialog").get_by_role("button", name="Discard all").click()
    await expect(page.get_by_text("2 messages discarded.")).to_be_visible()
    outbox = Outbox(it.database)
    assert await outbox.sizes() == (2, 0)


async def reads_the_audit_log(it: Desk) -> None:
    page = it.page
    await it.go("audit", "Audit log")
    rows = page.get_by_role("row")
    await expect(page.get_by_text("50 or more entries")).to_be_visible()
    await expect(page.get_by_role("row").filter(has_text="wrong token")).to_contain_text("401")
    await it.look("audit")
    await page.get_by_label("Operation").fill("hang_up")
    await page.keyboard.press("Enter")
    await page.get_by_role("button", name="More").click()
    await expect(page.get_by_text("59 entries")).to_be_visible()
    await expect(page.get_by_role("button", name="More")).to_be_hidden()
    await page.get_by_label("From").fill(f"{datetime.now(UTC):%F}")
    await page.get_by_role("button", name="Search").click()
    await expect(page.get_by_text("No entries found.")).to_be_visible()
    await page.get_by_label("Operation").fill("")
    await page.get_by_label("Show").select_option("Wrong tokens")
    await expect(page.get_by_label("Key, token or person")).to_be_disabled()
    await page.get_by_role("button", name="Search").click()
    await expect(page.get_by_text("1 entry", exact=True)).to_be_visible()
    await expect(rows).to_have_count(2)


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
