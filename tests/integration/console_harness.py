"""The console in a real browser over the real API: scripted live calls, a real queue and real records, no Asterisk."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiohttp import web
from playwright.async_api import Page, expect

from controller.api.auth.authenticator import Authenticator
from controller.api.console import files
from controller.api.console.session import SessionResources, choices_of
from controller.api.resources.history import HistoryResources
from controller.calls.outbound.queue import Queue
from controller.calls.outbound.service import OutboundCalls
from controller.calls.outbound.trunk_breaker import TrunkBreakers
from controller.calls.outbound.waiting import Obstacles
from controller.calls.reporting import lifecycle
from controller.config import CurrentConfig
from controller.config.models.api import Pace, Token
from controller.config.models.records import Records as Settings
from tests.integration.api_harness import ADMIN, TOKENS, Harness, harness
from tests.integration.records_harness import Desk, desk
from tests.peers.browser import chromium
from tests.unit.controller.configs import FULL, config

MISSED = ("(Unauthorized)", "(Not Found)", "(Conflict)")
"""Statuses that the browser remarks on and the page expects."""

expect.set_options(timeout=20_000)


@dataclass
class Console:
    it: Harness
    page: Page
    queue: Queue
    orders: OutboundCalls
    obstacles: Obstacles
    records: Desk
    wrong: list[str] = field(default_factory=list)

    async def go(self, place: str, heading: str) -> None:
        await self.page.goto(f"http://127.0.0.1:{self.it.port}/console/#/{place}")
        await expect(self.page.get_by_role("heading", name=heading, exact=True).first).to_be_visible()


async def nothing_happens(request: web.Request) -> web.StreamResponse:
    """A stream of events without events."""
    answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await answer.prepare(request)
    await answer.write(b": nothing\n\n")
    while request.transport is not None and not request.transport.is_closing():  # noqa: ASYNC110 - aiohttp tells nobody
        await asyncio.sleep(0.2)
    return answer


@asynccontextmanager
async def console(folder: Path, token: str = ADMIN, **keys: Any) -> AsyncIterator[Console]:
    """`keys` change the config. Nothing may go wrong on the page."""
    current = CurrentConfig(config(FULL, **keys))
    known = [
        Token.model_validate({"name": each.partition("-")[0], "token": each, "scopes": scopes})
        for each, scopes in TOKENS.items()
    ]
    keeper = Authenticator(known, Pace(per_second=10_000, burst=100_000))
    session = SessionResources(keeper, lambda: choices_of(current))
    streams = [web.get(path, nothing_happens) for path in ("/v1/events", "/v1/live")]
    async with AsyncExitStack() as stack:
        records = await stack.enter_async_context(desk(folder))
        queue, obstacles = Queue(records.database), Obstacles()
        told = lifecycle.unobserved, TrunkBreakers(current.config.trunks), obstacles
        orders = OutboundCalls(current, queue, lambda: None, *told, check_webhook=lambda _: None)
        past = HistoryResources(records.history, records.repository, (folder,), Settings(), countries={"49"})
        served = harness(
            *(*files.routes(), *session.routes(), *streams),
            more=lambda _, __: past.operations(),
            authenticator=keeper,
            store=True,
            queue=orders,
        )
        it = await stack.enter_async_context(served)
        browser = await stack.enter_async_context(chromium())
        page = await browser.new_page(viewport={"width": 1440, "height": 900})
        made = Console(it, page, queue, orders, obstacles, records)
        page.set_default_timeout(20_000)
        page.on("pageerror", lambda error: made.wrong.append(str(error)))
        page.on("console", lambda line: made.wrong.append(line.text) if line.type == "error" else None)
        await page.goto(f"http://127.0.0.1:{it.port}/console/")
        await page.get_by_label("API token").fill(token)
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="Live calls")).to_be_visible()
        yield made
        await page.close()
    assert [each for each in made.wrong if not each.endswith(MISSED)] == []
