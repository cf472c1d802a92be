"""The console's log-in and its page of keys in a real browser, with a real OpenID provider."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from controller.api.access import Access
from controller.api.console import files
from controller.config import CurrentConfig
from controller.store.database import Database
from simulator.ports import free_port
from tests.integration.api_harness import Harness, harness
from tests.peers.browser import chromium, look
from tests.peers.openid import ROLES, SECRET, OpenIdProvider
from tests.peers.stores import store_at
from tests.unit.controller.configs import SMALL, config

ADMIN = "an-admin-of-the-tests-0123456789"

expect.set_options(timeout=20_000)


@dataclass
class Desk(Harness):
    access: Access = None  # type: ignore[assignment]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/console/"


@asynccontextmanager
async def desk(folder: Path, issuer: OpenIdProvider | None, port: int) -> AsyncIterator[Desk]:
    api: dict[str, Any] = {"tokens": [{"name": "root", "token": ADMIN, "scopes": ["admin"]}]}
    if issuer is not None:
        api["oidc"] = {
            "issuer": issuer.issuer,
            "client_id": "voiceai",
            "client_secret": SECRET,
            "console_url": f"http://127.0.0.1:{port}/console/",
            "roles": ROLES,
            "name": "Example <b>ID</b>",
            "log_out_at_provider": True,
        }
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(Database(store_at(folder)))
        access = Access(CurrentConfig(config(SMALL, api=api)), database)
        await access.read()
        pages = (*files.routes(), *access.routes())
        it = await stack.enter_async_context(
            harness(*pages, authenticator=access.authenticator, port=port, more=lambda _, __: access.operations())
        )
        task = asyncio.create_task(access.run())
        try:
            yield Desk(**vars(it), access=access)
        finally:
            task.cancel()
            await asyncio.wait([task])
            await access.finish()


@asynccontextmanager
async def visitor(stack: AsyncExitStack, wrong: list[str]) -> AsyncIterator[Page]:
    browser = await stack.enter_async_context(chromium())
    context = await browser.new_context(viewport={"width": 1440, "height": 900})
    await context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = await context.new_page()
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("console", lambda line: wrong.append(line.text) if "Content Security Policy" in line.text else None)
    page.set_default_timeout(20_000)
    yield page


@pytest.mark.timeout(120)
async def test_a_person_signs_in_makes_a_key_limits_it_and_revokes_it(tmp_path: Path) -> None:
    port, wrong = free_port(), list[str]()
    provider = OpenIdProvider([f"http://127.0.0.1:{port}/console/signed-in"])
    async with AsyncExitStack() as stack:
        stack.enter_context(provider.running())
        it = await stack.enter_async_context(desk(tmp_path, provider, port))
        page = await stack.enter_async_context(visitor(stack, wrong))
        await page.goto(f"{it.url}#/keys")
        problems = await look(page, "sign-in")
        await page.get_by_role("link", name="Sign in with Example <b>ID</b>").click()
        await signs_in(page, "eve")
        await expect(page.get_by_role("heading", name="You have no access")).to_be_visible()
        problems += await look(page, "no-access")
        await page.context.clear_cookies()
        await page.get_by_role("link", name="Sign in again").click()
        await signs_in(page, "ada")
        await page.goto(f"{it.url}#/keys")
        await expect(page.get_by_role("heading", name="API keys")).to_be_visible()
        await expect(page.get_by_role("row", name=re.compile("sso:ada@example.com"))).to_be_visible()

        secret = await makes(page, problems)
        async with it.request("GET", "/v1/calls", secret) as answer:
            assert answer.status == 200
        row = page.get_by_role("row", name=re.compile("^nightly"))
        await expect(row).to_contain_text("from 127.0.0.0/8")
        await expect(row).to_contain_text("127.0.0.1", timeout=20_000)  # used from
        problems += await look(page, "keys")
        assert secret not in await page.content()
        await changes(page)
        async with it.request("GET", "/v1/calls", secret) as answer:
            assert answer.status == 403, "it has other scopes now"
        await page.get_by_role("button", name="Revoke nightly").focus()
        await page.keyboard.press("Enter")
        await page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
        await expect(page.get_by_text("nightly is revoked.")).to_be_visible()
        await expect(row).to_have_count(0)
        async with it.request("GET", "/v1/calls", secret) as answer:
            assert answer.status == 401
        await page.get_by_role("button", name="Log out").click()
        await expect(page).to_have_url(re.compile(re.escape(f"{provider.issuer}/session/end")))
        assert (problems, wrong) == ([], [])


async def signs_in(page: Page, login: str) -> None:
    """At the provider, which knows nothing of us but our name."""
    await page.locator("[name=login]").fill(login)
    await page.locator("[name=password]").fill("any")
    await page.get_by_role("button", name="Sign-in").click()
    await page.get_by_role("button", name="Continue").click()


async def makes(page: Page, problems: list[str]) -> str:
    """By keyboard."""
    await page.get_by_role("button", name="Create key").focus()
    await page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    await expect(dialog.get_by_label("Name")).to_be_focused()
    await page.keyboard.type("nightly")
    await page.keyboard.press("Tab")
    await expect(dialog.get_by_role("checkbox", name="metrics")).to_be_focused()
    await expect(dialog.get_by_role("checkbox", name=re.compile("^read"))).to_be_checked()
    problems += await look(page, "make-a-key")
    await dialog.get_by_label("Addresses").fill("127.0.0.1/8")
    await page.keyboard.press("Enter")
    await expect(dialog.get_by_role("alert")).to_contain_text("write 127.0.0.0/8")
    await dialog.get_by_label("Addresses").fill("127.0.0.0/8")
    await dialog.get_by_label("Expires").select_option("90")
    await page.get_by_role("button", name="Create", exact=True).click()
    shown = page.get_by_role("dialog", name="API key nightly")
    await expect(shown.get_by_role("button", name="Copy")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(shown).to_be_visible()
    await page.keyboard.press("Enter")
    await expect(shown.get_by_role("status")).to_have_text("Copied.")
    secret = await page.evaluate("() => navigator.clipboard.readText()")
    assert secret == await shown.locator("code").inner_text()
    problems += await look(page, "the-key")
    await shown.get_by_role("button", name="Done").click()
    await expect(page.get_by_role("dialog")).to_have_count(0)
    return str(secret)


async def changes(page: Page) -> None:
    await page.get_by_role("button", name="Change nightly").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_role("checkbox", name=re.compile("^read")).uncheck()
    await dialog.get_by_role("checkbox", name="metrics").check()
    await dialog.get_by_role("button", name="Save").click()
    await expect(page.get_by_text("nightly is changed.")).to_be_visible()


@pytest.mark.timeout(60)
async def test_without_a_provider_a_token_opens_the_console_and_ends_other_sessions(tmp_path: Path) -> None:
    port, wrong = free_port(), list[str]()
    async with AsyncExitStack() as stack:
        it = await stack.enter_async_context(desk(tmp_path, None, port))
        here = {"Sec-Fetch-Site": "same-origin"}
        async with it.request("POST", "/console/session", None, json={"token": ADMIN}, headers=here) as other:
            cookie = {"Cookie": f"voiceai={other.cookies['voiceai'].value}"} | here
            it.http.cookie_jar.clear()
        page = await stack.enter_async_context(visitor(stack, wrong))
        await page.goto(f"{it.url}#/keys")
        await page.get_by_label("API token").fill(ADMIN)
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("heading", name="API keys")).to_be_visible()
        assert await page.get_by_role("link", name=re.compile("Sign in")).count() == 0
        await page.get_by_role("button", name="End the session of root").click()
        await page.get_by_role("dialog").get_by_role("button", name="Log out").click()
        await expect(page.get_by_role("button", name="End the session of root")).to_have_count(0)
        async with it.request("GET", "/console/session", None, headers=cookie) as answer:
            assert answer.status == 401
        await page.goto(f"{it.url}#/keys/%")  # a link that was cut
        await expect(page.get_by_role("heading", name="API keys")).to_have_count(0)
        assert wrong == []
