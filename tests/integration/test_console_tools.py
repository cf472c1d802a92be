"""Tools over HTTP and shares of calls in the console: a real browser, the real API, a server that is really asked."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from playwright.async_api import Page, expect
from sqlalchemy import insert

from controller.store.tables.records import calls
from tests.integration.resources_harness import STORED, Desk
from tests.integration.test_console_editor import AGENT, editing, field, press
from tests.integration.tool_harness import tool_server
from tests.peers.browser import look
from tests.unit.controller.configs import with_

TOOL = "/v1/resources/http_tools/crm"

pytestmark = pytest.mark.timeout(120)


def argument(page: Page, number: int) -> Any:
    return page.get_by_role("group", name=f"Argument {number}", exact=True)


async def test_a_tool_is_made_by_its_form_and_tried(tmp_path: Path) -> None:
    async with tool_server() as server, editing(tmp_path, with_(STORED, http_tools={"crm": server.tool()})) as it:
        desk, page = it
        await page.get_by_role("link", name="crm", exact=True).click()
        await expect(argument(page, 1).get_by_label("Name", exact=True)).to_have_value("id")
        await expect(page.get_by_text("In the address: id.")).to_be_visible()
        await press(page, "Add an argument")
        await page.keyboard.type("state")
        second = argument(page, 2)
        await second.get_by_label("Only these values").fill("new\nold")
        await second.get_by_label("What it is, for the model").fill("Of the order.")
        await second.get_by_label("Required").uncheck()
        await page.get_by_role("button", name="Up argument 2").press("Enter")
        await expect(page.get_by_text("state is now argument 1.")).to_be_attached()
        await expect(field(page, "The same as JSON Schema")).to_have_value("""{
  "type": "object",
  "properties": {
    "state": {
      "type": "string",
      "enum": [
        "new",
        "old"
      ],
      "description": "Of the order."
    },
    "id": {
      "type": "string"
    }
  },
  "required": [
    "id"
  ]
}""")
        await press(page, "Save draft")
        await expect(page.get_by_text("has state, which would not be sent")).to_be_visible()
        await field(page, "Method").select_option("POST")
        await field(page, "Value 1").fill("Bearer plain-secret")
        await press(page, "Save draft")
        await expect(field(page, "Value 1")).to_have_attribute("aria-invalid", "true")
        await argument(page, 1).get_by_label("Name", exact=True).fill("id")
        await press(page, "Save draft")
        await expect(argument(page, 2).get_by_label("Name", exact=True)).to_have_attribute("aria-invalid", "true")
        found = await look(page, "tool-wrong")
        await argument(page, 1).get_by_label("Name", exact=True).fill("state")
        await field(page, "Value 1").fill("Bearer ${CRM_TOKEN}")
        assert server.asked == []

        server.answer = lambda: web.json_response({"name": "Ada <b>", "sent": "Bearer crm-Hunter2-secret"})
        attempt = page.get_by_role("form", name="Try crm")
        await attempt.get_by_label("id (required)").fill("4930/17")
        await attempt.get_by_label("state").select_option("old")
        await attempt.get_by_role("button", name="Try it").press("Enter")
        told = attempt.get_by_role("region", name="What the model reads")
        await expect(told).to_have_text('{"name": "Ada <b>", "sent": "**********"}')
        assert server.asked[0][0] == "/customers/4930%2F17?key=k/ey=9"
        content = (await desk.ask("GET", TOOL))[2]["draft"]["content"]
        assert list(content["parameters"]["properties"]) == ["state", "id"]
        await expect(attempt).to_contain_text("/customers/4930%2F17?key=**********")
        found += await look(page, "tool")
        server.answer = lambda: web.Response(status=500)
        await press(page, "Try it")
        await expect(told).to_have_text("The tool's server answered with status 500.")
        await attempt.get_by_text("As JSON", exact=True).click()
        await field(page, "Arguments as JSON").fill('{"id": 7}')
        await press(page, "Try it")
        await expect(told).to_contain_text("7 is not of type 'string'")
        await field(page, "Arguments as JSON").fill("{")
        await press(page, "Try it")
        await expect(field(page, "Arguments as JSON")).to_have_attribute("aria-invalid", "true")
        assert len(server.asked) == 2
        assert found == []


async def test_a_new_tool_by_wrong_json_and_two_editors(tmp_path: Path) -> None:
    async with editing(tmp_path) as (desk, page):
        await press(page, "New HTTP tool")
        await page.get_by_role("dialog").get_by_label("Name").fill("orders")
        await page.keyboard.press("Enter")
        await field(page, "Description").fill("Looks up an order.")
        await field(page, "URL").fill("https://orders.example/{number}")
        await expect(page.get_by_text("number: no such argument")).to_be_visible()
        schema = field(page, "The same as JSON Schema")
        await schema.fill("{")
        await press(page, "Save draft")
        await expect(schema).to_be_focused()
        assert (await desk.ask("GET", "/v1/resources/http_tools/orders"))[0] == 404
        await schema.fill(
            '{"type": "object", "properties": {"number": {"type": "integer", "minimum": 1}}, "required": ["number"]}'
        )
        await expect(argument(page, 1).get_by_label("Type")).to_have_value("integer")
        theirs = {"description": "Theirs.", "url": "https://orders.example/"}
        assert (await desk.ask("PUT", "/v1/resources/http_tools/orders/draft", {"content": theirs}, new=True))[0] == 200
        await press(page, "Save draft")
        await press(page, "Save mine instead")
        await expect(page.get_by_text("could be published")).to_be_visible()
        kept = (await desk.ask("GET", "/v1/resources/http_tools/orders"))[2]["draft"]["content"]
        assert kept["parameters"]["properties"] == {"number": {"type": "integer", "minimum": 1}}


async def ended_calls(desk: Desk, version: int, count: int, **changes: Any) -> None:
    """Ended calls of one version, each a little different."""
    now = datetime.now(UTC) - timedelta(hours=1)
    rows = [
        {
            "call": f"v{version}-{at}",
            "attempt": 1,
            "agent": "reception",
            "agent_version": version,
            "outcome": "answered",
        }
        | {"started_at": now, "answered_at": now, "ended_at": now, "talked_s": 60.0 + at % 7, "turns": 4 + at % 3}
        | {"first_frame_p50_ms": 700.0 + at % 40, "cost": 0.02 + at % 5 / 1000}
        | changes
        for at in range(count)
    ]
    assert desk.database is not None
    async with desk.database.writing() as store:
        await store.execute(insert(calls), rows)


async def test_on_the_page_of_an_agent_a_tool_is_tried_and_a_version_gets_a_share(tmp_path: Path) -> None:
    async with tool_server() as server, editing(tmp_path, with_(STORED, http_tools={"crm": server.tool()})) as it:
        desk, page = it
        assert (await desk.change(AGENT, {"instructions": "Be quick.", "tools": ["hang_up"]}, "quicker"))[0] == 200
        await ended_calls(desk, 2, 40)
        await ended_calls(desk, 1, 45, talked_s=200.0)
        await page.get_by_role("link", name="reception").click()
        await page.get_by_text("Try crm", exact=True).click()
        attempt = page.get_by_role("form", name="Try crm")
        await attempt.get_by_label("id (required)").fill("1")
        await attempt.get_by_role("button", name="Try it").click()
        await expect(attempt.get_by_role("region", name="What the model reads")).to_have_text('{"name": "Ada"}')
        await expect(page.get_by_text("All new calls get version 2")).to_be_visible()
        await press(page, "Start a trial…")
        dialog = page.get_by_role("dialog")
        await dialog.get_by_label("Share of new calls (%)").fill("25")
        await page.keyboard.press("Enter")
        await expect(
            page.get_by_text("25 % of new calls get version 1 (trial). The others get version 2")
        ).to_be_visible()
        assert (await desk.ask("GET", AGENT))[2]["trial"] == {"version": 1, "share": 25}
        table = page.get_by_role("table", name="Version comparison")
        one = table.get_by_role("row").filter(has_text="trial")
        await expect(one).to_contain_text("differs: more")
        await expect(one).to_contain_text("no clear difference")
        found = await look(page, "shares")

        await desk.ask("PUT", f"{AGENT}/trial", {"version": 1, "share": 30}, etag="*")
        await press(page, "Change the share…")
        await dialog.get_by_role("button", name="Apply").click()
        await expect(page.get_by_text("Somebody else has published it")).to_be_visible()
        await expect(page.get_by_text("30 % of new calls get version 1")).to_be_visible()
        await press(page, "Publish version 1…")
        await dialog.get_by_role("button", name="Publish").click()
        await expect(page.get_by_text("All new calls get version 3")).to_be_visible()
        told = (await desk.ask("GET", AGENT))[2]
        assert (told["trial"], told["published"]["content"]["instructions"]) == (None, "Be kind.")
        await ended_calls(desk, 3, 2)
        await field(page, "Period").select_option("7")
        await expect(table.get_by_role("row").filter(has_text="published")).to_contain_text("2 calls: too few to say")
        await page.get_by_role("link", name="Edit crm").click()
        await expect(field(page, "Description")).to_have_value("Looks up a customer.")
        await attempt.get_by_label("id (required)").fill("2")
        await attempt.get_by_role("button", name="Try it").click()
        await expect(attempt.get_by_role("region", name="What the model reads")).to_have_text('{"name": "Ada"}')
        assert (await desk.ask("GET", TOOL))[2]["draft"] is None
        assert found == []
