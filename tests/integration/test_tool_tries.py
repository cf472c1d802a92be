"""A tool over HTTP tried over the API: against a server that answers well, wrongly, slowly, too much, or not at all."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from controller.api.resources.tool_tries import AT_ONCE, hidden
from controller.calls.tools.http import CUT, LARGEST_ANSWER
from tests.integration.resources_harness import STORED, Desk, desk
from tests.integration.test_cli import voiceai
from tests.integration.tool_harness import ENV, ToolServer, tool_server
from tests.unit.controller.configs import with_

TRY = "/v1/resources/http_tools/crm/try"
TOOL = "/v1/resources/http_tools/crm"


@dataclass
class Trying(Desk):
    server: ToolServer = field(default_factory=ToolServer)

    async def try_(self, arguments: Any = None, **more: Any) -> dict[str, Any]:
        status, _, told = await self.ask("POST", TRY, {"arguments": arguments or {"id": "a/b"}, **more})
        assert status == 200, told
        return told  # type: ignore[no-any-return]


@asynccontextmanager
async def trying(folder: Path, **more: Any) -> AsyncIterator[Trying]:
    async with tool_server() as server:
        data = with_(STORED, http_tools={"crm": server.tool()}, **more)
        async with desk(folder, data, ENV) as it:
            yield Trying(it.it, it.publisher, server=server)


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Trying]:
    async with trying(tmp_path) as made:
        yield made


async def test_a_tool_is_really_asked_and_no_secret_is_told(here: Trying) -> None:
    here.server.answer = lambda: web.json_response({"you": "Bearer crm-Hunter2-secret", "key": "k/ey=9", "name": "Ada"})
    told = await here.try_()
    assert here.server.asked[0][0] == "/customers/a%2Fb?key=k/ey=9"
    assert here.server.asked[0][1]["Authorization"] == "Bearer crm-Hunter2-secret"
    assert told["output"] == '{"you": "**********", "key": "**********", "name": "Ada"}'
    assert told["url"] == f"http://{here.server.address}/customers/a%2Fb?key=**********"
    assert (told["ok"], told["status"], told["reason"], told["method"]) == (True, 200, None, "GET")
    assert here.it.kept is not None
    await here.it.kept.audit_log.drain()
    found = (await here.ask("GET", "/v1/audit"))[2]["entries"]
    (entry,) = [each for each in found if each["operation"] == "try_http_tool"]
    assert entry["asked"] | {"ms": 0} == {"kind": "http_tools", "name": "crm", "ok": True, "answered": 200, "ms": 0}


async def test_whatever_goes_wrong_is_told_as_a_call_would_hear_it(here: Trying) -> None:
    server = here.server
    server.answer = lambda: web.Response(status=500, text="secret trace")
    told = await here.try_()
    assert (told["ok"], told["status"], told["reason"]) == (False, 500, "server_error")
    assert told["output"] == "The tool's server answered with status 500."
    server.answer = lambda: web.Response(text="x" * 5_000_000)
    told = await here.try_()
    assert (told["ok"], told["status"], told["reason"]) == (True, 200, "too_large")
    assert told["output"] == "x" * LARGEST_ANSWER + CUT
    told = await here.try_({"id": 7})
    assert (told["ok"], told["status"], told["reason"], told["url"]) == (False, None, "arguments", None)
    assert "id: 7 is not of type 'string'" in told["output"]
    assert len(server.asked) == 2


async def test_a_draft_is_tried_and_forbidden_addresses_and_slow_servers_are_told(here: Trying) -> None:
    server = here.server
    assert (await here.ask("POST", TRY, {"draft": True}))[0] == 404
    server.open.clear()
    draft = f"{TOOL}/draft"
    assert (await here.ask("PUT", draft, {"content": server.tool(timeout_s=0.2)}, etag="*"))[0] == 200
    told = await here.try_(draft=True)
    assert (told["ok"], told["reason"], told["detail"]) == (False, "timeout", "no answer within 0.2 s")
    server.open.set()
    forbidden = server.tool(url="http://127.0.0.1:1/{id}", allowed_hosts=[])
    assert (await here.ask("PUT", draft, {"content": forbidden}, etag="*"))[0] == 200
    told = await here.try_(draft=True)
    assert (told["ok"], told["reason"], told["output"]) == (
        False,
        "private_address",
        "The tool is not set up properly.",
    )
    assert (await here.ask("PUT", draft, {"content": server.tool(timeout_s=900)}, etag="*"))[0] == 200
    status, _, told = await here.ask("POST", TRY, {"draft": True})
    assert (status, told["errors"][0]["path"]) == (422, "http_tools.crm.timeout_s")
    assert (await here.try_({"id": "1"}))["ok"], "the published one is as it was"


async def test_who_may_and_how_often(here: Trying) -> None:
    server = here.server
    here.token, token = "reader-0123456789", here.token
    assert (await here.ask("POST", TRY, {}))[0] == 403
    here.token = token
    assert (await here.ask("POST", "/v1/resources/http_tools/a%2F..%20%C3%A4/try", {}))[0] == 404
    assert (await here.ask("POST", TRY, {"arguments": [1]}))[0] == 400
    server.open.clear()
    asked = [asyncio.create_task(here.ask("POST", TRY, {"arguments": {"id": "1"}})) for _ in range(AT_ONCE + 2)]
    refused = 0
    async with asyncio.timeout(10):
        for done in asyncio.as_completed(asked):
            status, headers, _ = await done
            refused += (status, headers.get("Retry-After")) == (429, "1")
            if refused == 2:
                server.open.set()
    assert refused == 2


async def test_from_the_shell(here: Trying) -> None:
    told = await voiceai(here.it, "config", "try-tool", "crm", "--arguments", '{"id": "1"}')
    assert told.exit_code == 0, told.output
    assert "key=**********" in told.output
    assert "status 200" in told.output
    assert '{"name": "Ada"}' in told.output
    here.server.answer = lambda: web.Response(status=404)
    told = await voiceai(here.it, "config", "try-tool", "crm", "-a", '{"id": "1"}')
    assert (told.exit_code, "status 404" in told.output) == (1, True)
    for wrong in ("{", "[1]"):
        assert (await voiceai(here.it, "config", "try-tool", "crm", "-a", wrong)).exit_code == 2
    assert len(here.server.asked) == 2


async def test_while_the_file_has_the_tools_the_published_one_is_tried(tmp_path: Path) -> None:
    async with trying(tmp_path, resources={"source": "file"}) as here:
        assert (await here.try_())["ok"]


def test_secrets_are_hidden_in_each_way_in_which_they_are_written() -> None:
    assert hidden('a pä"ss b p%C3%A4%22ss c p\\u00e4\\"ss d pä\\"ss', ['pä"ss', "", "a"]) == " ".join(
        ("a **********", "b **********", "c **********", "d **********")
    )
