"""The console of one node while people talk at another one: calls, words, levels, and what is asked of a call.

The node without calls has no Asterisk of its own: it uses that of the other one, for a Stasis application of its own.
Each has a store of its own, so that no PostgreSQL is needed.
"""

from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from playwright.async_api import expect

from simulator.audio.sound import tone
from simulator.ports import free_port
from simulator.realtime import Say, ToneModel
from simulator.services import Service
from tests.e2e.installation import installation
from tests.e2e.test_console import LOUD, PATIENCE, press, visitor
from tests.e2e.test_inbound import greeted
from tests.peers.asterisk import Asterisk
from tests.peers.browser import chromium
from tests.peers.stores import of_one_installation, store_at
from tests.peers.valkey import Server

STORY = Say("We are open from nine to five, and on Saturdays until noon.", 6.0, 880)
SECRET = "t" * 40


def node(name: str, valkey: Server, port: int) -> dict[str, Any]:
    return {"node": name, "url": valkey.url, "api_url": f"http://127.0.0.1:{port}", "token": SECRET}


def settings_of(folder: Path, other: Path, valkey: Server) -> dict[str, Any]:
    """Of a second node: as the one of `other`."""
    found: dict[str, Any] = yaml.safe_load((other / "config.yaml").read_text())
    port = free_port()
    found["api"]["listen"], found["cluster"] = f"127.0.0.1:{port}", node("a", valkey, port)
    found["asterisk"]["ari"]["app"], found["store"] = "voiceai-a", {"url": store_at(folder)}
    del found["bridge"]["ports"]
    return found


async def until(stream: httpx.Response, type_: str) -> set[str]:
    """The types of events up to the first of this one."""
    found = set[str]()
    async for line in stream.aiter_lines():
        if line.startswith("event: "):
            found.add(line.removeprefix("event: "))
        if type_ in found:
            break
    return found


@pytest.mark.timeout(240)
async def test_the_console_of_a_node_shows_a_call_of_another_as_it_is_spoken(
    asterisk: Asterisk, tmp_path: Path
) -> None:
    (home := tmp_path / "a").mkdir()
    await of_one_installation(tmp_path, home)
    port, model = free_port(), ToneModel([Say("Good day.", 1.0, 440), STORY], words=["When are you open?"])
    async with AsyncExitStack() as stack:
        valkey = stack.enter_context(Server())
        browser = await stack.enter_async_context(chromium())
        more, api = {"cluster": node("b", valkey, port)}, {"listen": f"127.0.0.1:{port}"}
        b = await stack.enter_async_context(installation(asterisk, tmp_path, model, more=more, api=api))
        token = str(b.service.api.headers["authorization"]).split()[1]
        service = Service(settings_of(home, tmp_path, valkey), home, token=token, home=home)
        a = replace(b, service=await stack.enter_async_context(service))
        page = await stack.enter_async_context(visitor(browser, a, token))
        events = await stack.enter_async_context(a.service.api.stream("GET", "/v1/events", timeout=PATIENCE))
        assert events.status_code == 200
        async with b.caller() as phone:
            await page.get_by_role("link", name="+4930123456").click()
            await greeted(phone)
            phone.rtp.say(tone(0.6, 620))
            log = page.get_by_role("log")
            await expect(log).to_contain_text("When are you open?")
            await expect(page.locator(".line.now")).to_contain_text("We are open from")
            await expect(page.get_by_role("meter", name="Agent's level")).to_have_attribute("aria-valuetext", LOUD)
            call = await b.call_id()
            async with a.service.api.stream("GET", f"/v1/calls/{call}/events") as of_call:
                assert await until(of_call, "call.said") >= {"call.started", "call.answered"}
            await press(page, "Hang up")
            await page.get_by_role("dialog").get_by_role("button", name="Hang up").click()
            await b.ended(call, PATIENCE)
            assert await until(events, "call.ended") >= {"call.started", "call.answered", "call.said"}
