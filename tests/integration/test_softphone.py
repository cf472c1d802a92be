"""SIP of a browser through the API to Asterisk's websocket: what passes, what ends it, and whose it is."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any, cast

import aiohttp
from pydantic import SecretStr
from websockets.asyncio.server import ServerConnection, serve

from bridge.common.auth_throttle import AuthThrottle
from controller.api.auth.authenticator import Authenticator
from controller.api.resources.softphone import AVAILABLE, SUPERVISORS, TALKS, SoftphoneResources
from controller.ari.rest import Ari
from controller.config.models.api import Pace, Token
from controller.config.models.root import Ari as AriSettings
from controller.config.models.softphone import Softphone
from controller.softphone.relay import SIP, Relay, websocket_of
from controller.softphone.service import Softphones
from controller.versions.edits import NoSuchResource
from simulator.ports import free_port
from tests.integration.api_harness import LIMITED, TOKENS, Harness, harness, with_limited_key
from tests.unit.controller.softphone.fake_ari import FakeAri
from tests.unit.controller.softphone.test_sip_frames import message

CALLER, ADMIN = "caller-0123456789", "admin-0123456789"
TRIED = cast(Any, SimpleNamespace(agents={"reception": None}))
"""The configuration with a draft, or with version 7."""
AGENTS = SimpleNamespace(config=SimpleNamespace(agents={"reception": None, "night": None}))


@dataclass
class Stage:
    """`heard`: what Asterisk's websocket got; `peers`: its connections."""

    api: Harness
    ari: FakeAri
    phones: Softphones
    heard: "asyncio.Queue[str]" = field(default_factory=asyncio.Queue)
    peers: list[ServerConnection] = field(default_factory=list)

    async def opened(self, agent: str = "reception", token: str = CALLER, **more: Any) -> dict[str, Any]:
        async with self.api.request("POST", TALKS, token, json={"agent": agent, **more}) as answer:
            assert answer.status == 201
            found: dict[str, Any] = await answer.json()
            return found

    def websocket(self, path: str, token: str = CALLER) -> Any:
        headers = {"Authorization": f"Bearer {token}"}
        url = f"http://127.0.0.1:{self.api.port}{path}"
        return self.api.http.ws_connect(url, protocols=(SIP,), headers=headers)

    async def gone(self) -> None:
        async with asyncio.timeout(5):
            while self.ari.left:
                self.ari.changed.clear()
                await self.ari.changed.wait()


@asynccontextmanager
async def stage(*, reachable: bool = True) -> AsyncIterator[Stage]:
    ari, port = FakeAri(), free_port()
    phones = Softphones(Softphone(), cast(Ari, ari), lambda: True)
    settings = AriSettings(url=f"http://127.0.0.1:{port}/ari", password=SecretStr("x"))
    known = [Token(name=each.partition("-")[0], token=SecretStr(each), scopes=TOKENS[each]) for each in (CALLER, ADMIN)]
    keeper = with_limited_key(Authenticator(known, Pace(per_second=1000, burst=1000), AuthThrottle(1000, 1000)))
    found: list[Stage] = []

    async def asterisk(peer: ServerConnection) -> None:
        assert peer.subprotocol == SIP
        found[0].peers.append(peer)
        async for text in peer:
            found[0].heard.put_nowait(str(text))
            await peer.send("SIP/2.0 401 Unauthorized\r\n\r\n")

    relay = Relay(settings, phones)

    async def version_of(agent: str, which: object) -> Any:
        if (agent, which) not in (("reception", "draft"), ("reception", 7), ("new", "draft")):
            raise NoSuchResource("There is none.")
        return TRIED

    def resources(calls: Any, _: object) -> Any:
        return SoftphoneResources(cast(Any, AGENTS), phones, relay, calls, keeper, version_of).operations()

    async with (
        serve(asterisk, "127.0.0.1", port if reachable else free_port(), subprotocols=[SIP]),
        harness(more=resources, authenticator=keeper) as api,
    ):
        found.append(Stage(api, ari, phones))
        yield found[0]


async def test_sip_passes_both_ways_and_the_session_ends_with_the_websocket() -> None:
    async with stage() as it:
        account = await it.opened()
        async with it.websocket(account["websocket"]) as browser:
            assert browser.protocol == SIP
            await browser.send_str(mine := call_of(account))
            assert await it.heard.get() == mine
            assert (await browser.receive_str()).startswith("SIP/2.0 401")
            assert len(it.ari.left) == 1
        await it.gone()
        async with it.api.request("GET", account["websocket"], CALLER) as answer:
            assert answer.status == 400


async def test_what_is_not_the_sessions_own_ends_it() -> None:
    async with stage() as it:
        for text in (message(sender="From: <sip:trunk@voiceai.invalid>;tag=a"), b"\0\1", "x" * 20000):
            account = await it.opened()
            async with it.websocket(account["websocket"]) as browser:
                await (browser.send_bytes(text) if isinstance(text, bytes) else browser.send_str(text))
                ended = await browser.receive()
                assert ended.type in (aiohttp.WSMsgType.CLOSE, aiohttp.WSMsgType.CLOSED)
            await it.gone()
        assert it.heard.empty()


async def test_more_than_a_browser_has_to_say_ends_it() -> None:
    async with stage() as it:
        account = await it.opened()
        async with it.websocket(account["websocket"]) as browser:
            for _ in range(100):
                await browser.send_str("\r\n\r\n")
            async with asyncio.timeout(5):
                while (await browser.receive()).type is aiohttp.WSMsgType.TEXT:
                    pass
        await it.gone()
        assert 0 < it.heard.qsize() < 100


async def test_asterisk_goes_or_is_not_there() -> None:
    async with stage() as it:
        account = await it.opened()
        async with it.websocket(account["websocket"]) as browser:
            await browser.send_str(call_of(account))
            await it.heard.get()
            await browser.receive()
            await it.peers[0].close()
            assert (await browser.receive()).data == aiohttp.WSCloseCode.GOING_AWAY
        await it.gone()
    async with stage(reachable=False) as it:
        async with it.websocket((await it.opened())["websocket"]) as browser:
            assert (await browser.receive()).data == aiohttp.WSCloseCode.TRY_AGAIN_LATER
        await it.gone()


async def test_the_session_is_of_who_opened_it() -> None:
    async with stage() as it:
        account = await it.opened()
        place = f"{TALKS}/{account['id']}"
        async with it.api.request("DELETE", place, ADMIN) as answer:
            assert answer.status == 204
        assert len(it.ari.left) == 1
        async with it.api.request("POST", f"{SUPERVISORS}/{account['id']}/supervise", ADMIN, json={"call": "c"}) as no:
            assert (no.status, (await no.json())["type"]) == (404, "/problems/unknown-softphone")
        async with it.api.request("DELETE", place, CALLER) as answer:
            assert answer.status == 204
        assert it.ari.left == set()


async def test_the_browser_is_told_whether_all_went_well() -> None:
    async with stage() as it:
        for stops, code in ((False, aiohttp.WSCloseCode.OK), (True, aiohttp.WSCloseCode.GOING_AWAY)):
            account = await it.opened()
            async with it.websocket(account["websocket"]) as browser:
                await browser.send_str(call_of(account))
                await browser.receive()
                if stops:
                    await it.phones.finish()
                else:
                    await it.phones.close(it.phones.find(account["id"], "caller"), "its call is over")
                assert (await browser.receive()).data == code


async def test_a_limited_key_talks_to_its_agents_only() -> None:
    async with stage() as it:
        assert (await it.opened("night", LIMITED))["call"]
        for body, status in (({"agent": "reception"}, 403), ({"agent": "nobody"}, 422), ({}, 400)):
            async with it.api.request("POST", TALKS, LIMITED, json=body) as answer:
                assert answer.status == status


async def test_a_draft_or_a_version_is_talked_to() -> None:
    async with stage() as it:
        for body, config in (
            ({"version": "draft"}, TRIED),
            ({"version": 7}, TRIED),
            ({}, None),
            ({"version": None}, None),
        ):
            async with it.api.request("POST", TALKS, CALLER, json={"agent": "reception", **body}) as answer:
                account = await answer.json()
            name, session = f"PJSIP/{account['id']}-0000002a", it.phones.find(account["id"], "caller")
            assert session.config is config
            assert it.phones.call_of("channel", name).config is config
            await it.phones.close(session, "the test goes on")
        assert (await it.opened("new", CALLER, version="draft"))["call"]
        for agent, version, status in (
            ("reception", 8, 404),
            ("nobody", "draft", 404),
            ("new", None, 422),
            ("reception", 0, 400),
            ("reception", "published", 400),
        ):
            async with it.api.request("POST", TALKS, CALLER, json={"agent": agent, "version": version}) as answer:
                assert answer.status == status


async def test_who_is_available_is_told_which_call_is_theirs() -> None:
    async with stage() as it:
        async with it.api.request("POST", AVAILABLE, CALLER, json={}) as answer:
            assert answer.status == 403
        async with it.api.request("POST", AVAILABLE, LIMITED, json={}) as answer:
            assert answer.status == 403
        async with it.api.request("POST", AVAILABLE, ADMIN, json={}) as answer:
            account = await answer.json()
        assert (account["target"], account["call"]) == (None, None)
        place = f"{AVAILABLE}/{account['id']}"
        async with it.api.request("GET", place, ADMIN) as answer:
            assert (answer.status, (await answer.json())["call"]) == (200, None)
        async with it.api.request("POST", f"{place}/decision", ADMIN, json={"accept": True}) as answer:
            assert answer.status == 409
        async with it.api.request(
            "POST", f"{SUPERVISORS}/{account['id']}/supervise", ADMIN, json={"call": "c1"}
        ) as answer:
            assert answer.status in (404, 409)
        async with it.websocket(f"{place}/sip", ADMIN) as browser:
            assert browser.protocol == SIP
        await it.gone()
        async with it.api.request("GET", place, ADMIN) as answer:
            assert answer.status == 404


def call_of(account: dict[str, Any]) -> str:
    return message(sender=f"From: <{account['uri']}>;tag=a1")


def test_the_websocket_beside_ari() -> None:
    assert websocket_of("http://127.0.0.1:8088/ari") == "ws://127.0.0.1:8088/ws"
    assert websocket_of("https://pbx.example:8089/pbx/ari/") == "wss://pbx.example:8089/pbx/ws"
