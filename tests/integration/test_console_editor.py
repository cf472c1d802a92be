"""The console's editor in a real browser, over the real API of resources with versions and a real store."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, expect

from bridge.contract import ServerVad
from controller.api.auth.authenticator import Authenticator
from controller.api.console import files
from controller.api.console.session import SessionResources, choices_of
from controller.api.resources.history import HistoryResources
from controller.api.resources.versions import configuration_operations
from controller.calls.tools.http import HttpTools
from controller.config.models.api import Pace, Token
from controller.config.models.records import Records
from controller.events.records.history import History
from controller.events.records.repository import RecordRepository
from controller.store.database import Database
from controller.versions.publisher import Publisher
from controller.versions.repository import VersionStore
from tests.integration.api_harness import ADMIN, TOKENS, harness
from tests.integration.resources_harness import STORED, Desk, file_of
from tests.integration.tool_harness import ENV
from tests.peers.browser import chromium, look
from tests.peers.stores import store_at
from tests.unit.controller.configs import with_

AGENT = "/v1/resources/agents/reception"
PROMPT = "Be kind to {{caller_name}} of {{ tier }}."
EXPECTED = ("(Unauthorized)", "(Precondition Failed)", "(Unprocessable Entity)", "(Not Found)")
"""Statuses of which the browser itself remarks, and the page makes something."""

pytestmark = pytest.mark.timeout(120)
expect.set_options(timeout=20_000)


@asynccontextmanager
async def editing(folder: Path, data: Mapping[str, Any] = STORED) -> AsyncIterator[tuple[Desk, Page]]:
    """An editor's place, and a page on which they have logged in; nothing may go wrong on it."""
    known = [
        Token.model_validate({"name": token.partition("-")[0], "token": token, "scopes": scopes})
        for token, scopes in TOKENS.items()
    ]
    keeper = Authenticator(known, Pace(per_second=10_000, burst=100_000))
    wrong: list[str] = []
    async with Database(store_at(folder)) as database, chromium() as browser:
        publisher = Publisher(file_of(data, ENV), VersionStore(database), shared=database.shared)
        await publisher.start()
        session = SessionResources(keeper, lambda: choices_of(publisher.current))
        routes = (*files.routes(), *session.routes())
        history = HistoryResources(History(database), RecordRepository(database), (), Records())
        tools = HttpTools()
        configuration = configuration_operations(publisher.current, publisher, tools.run)
        more = (*configuration, *history.operations())
        async with harness(*routes, more=lambda _, __: more, store=True, authenticator=keeper) as it:
            page = await browser.new_page()
            page.set_default_timeout(20_000)
            page.on("pageerror", lambda error: wrong.append(str(error)))
            page.on("console", lambda line: wrong.append(line.text) if line.type == "error" else None)
            await page.goto(f"http://127.0.0.1:{it.port}/console/#/agents")
            await page.get_by_label("API token").fill(ADMIN)
            await page.keyboard.press("Enter")
            await expect(page.get_by_role("heading", name="Agents", exact=True).first).to_be_visible()
            yield Desk(it, publisher, database=database), page
            await page.close()
    assert [each for each in wrong if not each.endswith(EXPECTED)] == []


async def press(page: Page, name: str) -> None:
    await page.get_by_role("button", name=name, exact=True).click()


def field(page: Page, label: str) -> Any:
    return page.get_by_label(label, exact=True)


async def test_an_agent_is_edited_published_and_rolled_back(tmp_path: Path) -> None:
    async with editing(tmp_path) as (desk, page):
        found = await look(page, "agents")
        await page.get_by_role("link", name="reception").click()
        await expect(field(page, "Prompt")).to_have_value("Be kind.")
        await expect(field(page, "crm")).to_be_checked()
        await expect(field(page, "transfer")).not_to_be_checked()
        await field(page, "Prompt").fill(PROMPT)
        await expect(page.locator(".variables li", has_text="caller_name")).to_contain_text("always there")
        await expect(page.locator(".variables li", has_text="tier")).to_contain_text("not known here")
        assert await page.locator(".marks-behind mark").all_inner_texts() == ["{{caller_name}}", "{{ tier }}"]
        await field(page, "When does the agent answer?").select_option("patient")
        await expect(page.get_by_text("silent for 0.6 s")).to_be_visible()
        await field(page, "crm").uncheck()
        await press(page, "Save draft")
        await expect(page.get_by_text("could be published")).to_be_visible()
        await expect(page.locator(".diff")).to_contain_text(f"+instructions: {PROMPT}")
        found += await look(page, "agent")

        await press(page, "Publish…")
        dialog = page.get_by_role("dialog")
        await dialog.get_by_label("Comment").fill("kinder")
        await dialog.get_by_role("button", name="Publish").click()
        await expect(page.get_by_text("Version 2 is published.")).to_be_visible()
        agent = desk.publisher.current.config.agents["reception"]
        assert (agent.instructions, agent.tools) == (PROMPT, ("hang_up",))
        assert agent.turn_detection == ServerVad(silence_duration_ms=600)
        await expect(page.get_by_role("row", name="kinder")).to_be_visible()

        await press(page, "Roll back to version 1")
        await page.get_by_role("dialog").get_by_role("button", name="Roll back").click()
        await expect(page.get_by_text("Version 3 is published with the content of version 1.")).to_be_visible()
        await expect(field(page, "Prompt")).to_have_value("Be kind.")
        await field(page, "From").select_option("1")
        await expect(page.get_by_text("No difference.")).to_be_visible()
        assert found == []


async def test_what_is_wrong_is_said_at_its_field_and_the_rest_stays(tmp_path: Path) -> None:
    data = with_(STORED, agents__reception__on_ai_failure=["hang_up"])
    async with editing(tmp_path, data) as (desk, page):
        await page.get_by_role("link", name="reception").click()
        await expect(page.get_by_text("Also set, and kept: on_ai_failure")).to_be_visible()
        await field(page, "How fast it speaks").fill("9")
        await field(page, "Prompt").fill("{% if %}")
        await press(page, "Publish…")
        await expect(field(page, "How fast it speaks")).to_have_attribute("aria-invalid", "true")
        await expect(field(page, "Prompt")).to_have_attribute("aria-invalid", "true")
        await expect(page.get_by_text("is no template")).to_be_visible()
        found = await look(page, "agent-wrong")
        draft = (await desk.ask("GET", AGENT))[2]["draft"]["content"]
        assert (draft["speed"], draft["on_ai_failure"]) == (9, ["hang_up"])

        await press(page, "Text")
        await field(page, "All of it, as JSON").fill("{")
        await press(page, "Form")
        await expect(page.get_by_text("Not valid JSON")).to_be_visible()
        await field(page, "All of it, as JSON").fill('{"instructions": "Be short.", "voise": "x"}')
        await press(page, "Save draft")
        await expect(page.get_by_role("alert").get_by_text("voise")).to_be_visible()
        await press(page, "Discard draft")
        await page.get_by_role("dialog").get_by_role("button", name="Discard").click()
        await expect(page.get_by_text("Draft by")).to_be_hidden()
        assert (await desk.ask("GET", AGENT))[2]["draft"] is None
        assert found == []


async def test_two_editors_see_each_others_changes(tmp_path: Path) -> None:
    async with editing(tmp_path) as (desk, page):
        await page.get_by_role("link", name="reception").click()
        await field(page, "Greeting").fill("Hello, mine.")
        theirs = {"instructions": "Be theirs.", "tools": ["hang_up"]}
        assert (await desk.ask("PUT", f"{AGENT}/draft", {"content": theirs}, etag="*"))[0] == 200
        await press(page, "Save draft")
        clash = page.get_by_role("alert").filter(has_text="Somebody else has changed it")
        await expect(clash).to_contain_text("+Be theirs.")
        await expect(field(page, "Greeting")).to_have_value("Hello, mine.")
        found = await look(page, "agent-clash")
        assert (await desk.ask("GET", AGENT))[2]["draft"]["content"] == theirs
        await press(page, "Save mine instead")
        await expect(clash).to_be_hidden()
        assert (await desk.ask("GET", AGENT))[2]["draft"]["content"]["greeting"] == "Hello, mine."

        await field(page, "Greeting").fill("Not saved.")
        await page.get_by_role("link", name="Agents", exact=True).click()
        await page.get_by_role("link", name="reception").click()
        await expect(field(page, "Greeting")).to_have_value("Not saved.")
        assert (await desk.ask("PUT", f"{AGENT}/draft", {"content": theirs}, etag="*"))[0] == 200
        await press(page, "Save draft")
        await press(page, "Take theirs, lose mine")
        await expect(field(page, "Prompt")).to_have_value("Be theirs.")
        assert found == []


async def test_a_new_agent(tmp_path: Path) -> None:
    async with editing(tmp_path) as (desk, page):
        await press(page, "New agent")
        await page.get_by_role("dialog").get_by_label("Name").fill("sales")
        await page.keyboard.press("Enter")
        await expect(page.get_by_text("Nothing is published yet.")).to_be_visible()
        await field(page, "Prompt").fill("Sell.")
        await press(page, "Publish…")
        await page.get_by_role("dialog").get_by_role("button", name="Publish").click()
        await expect(page.get_by_text("Version 1 is published.")).to_be_visible()
        assert desk.publisher.current.config.agents["sales"].instructions == "Sell."


async def test_in_file_mode_everything_is_readable_and_says_why_it_stays(tmp_path: Path) -> None:
    async with editing(tmp_path, with_(STORED, resources={"source": "file"})) as (_, page):
        await expect(page.get_by_text("The config file has the agents")).to_be_visible()
        await page.get_by_role("link", name="reception").click()
        await expect(field(page, "Prompt")).to_have_value("Be kind.")
        await expect(field(page, "Prompt")).to_have_js_property("readOnly", True)
        await expect(field(page, "crm")).to_be_disabled()
        await expect(page.get_by_text("The config file has the agents")).to_be_visible()
        assert await page.locator("main button:visible").all_inner_texts() == ["Form", "Text"]
        assert await look(page, "agent-file") == []


async def test_routes_are_ordered_by_keyboard_and_asked_who_answers(tmp_path: Path) -> None:
    two = [{"to": "5001", "agent": "reception"}, {"to": "500*", "agent": "night"}]
    async with editing(tmp_path, with_(STORED, routes=two)) as (desk, page):
        await page.get_by_role("link", name="routes", exact=True).click()
        await page.get_by_role("textbox", name="Number called").fill("5001")
        await press(page, "Test")
        await expect(page.get_by_text("reception, by route 1.")).to_be_visible()
        await page.get_by_role("button", name="Down route 1").focus()
        await page.keyboard.press("Enter")
        await expect(page.get_by_text("The route for 5001 is now number 2.")).to_be_attached()
        await press(page, "Test")
        await expect(page.get_by_text("[1].to is never reached")).to_be_visible()
        await press(page, "Up route 2")

        await press(page, "Add route")
        dialog = page.get_by_role("dialog")
        await dialog.get_by_label("Number called").fill("+4930*")
        await dialog.get_by_label("Agent").fill("reception: 90, nobody: 10")
        await dialog.get_by_label("Hours", exact=True).fill("mon-fri 08:00-18:00")
        await dialog.get_by_label("Time zone").fill("Europe/Berlin")
        await dialog.get_by_role("button", name="Apply").click()
        await press(page, "Save draft")
        await expect(page.get_by_role("row", name="+4930*").locator(".problem")).to_be_visible()
        found = await look(page, "routes")
        await page.get_by_role("button", name="Edit route 3").click()
        await page.get_by_role("dialog").get_by_label("Agent").fill("night")
        await page.get_by_role("dialog").get_by_role("button", name="Apply").click()
        await press(page, "Up route 3")
        await expect(page.get_by_role("button", name="Up route 2")).to_be_focused()
        await press(page, "Remove route 1")
        await press(page, "Test")
        await expect(page.get_by_text("night, by route 2.")).to_be_visible()
        await press(page, "Publish…")
        await page.get_by_role("dialog").get_by_role("button", name="Publish").click()
        await expect(page.get_by_text("Version 2 is published.")).to_be_visible()
        assert [each.to for each in desk.publisher.current.config.routes] == ["+4930*", "500*"]
        assert found == []
