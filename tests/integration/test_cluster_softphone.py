"""A supervisor's browser at one node, and a call of another one: SIP credentials, the websocket, and what ends it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import aiohttp
import pytest
from pydantic import SecretStr
from websockets.asyncio.server import ServerConnection, serve

from bridge.common.auth_throttle import AuthThrottle
from controller.api.audit import AuditLog
from controller.api.auth.authenticator import Authenticator
from controller.api.resources.softphone import SUPERVISORS, SoftphoneResources
from controller.api.server import ApiStorage
from controller.ari.rest import Ari
from controller.config.models.api import Pace, Token
from controller.config.models.root import Ari as AriSettings
from controller.config.models.softphone import Softphone
from controller.softphone.relay import SIP, Relay
from controller.softphone.service import Softphones
from controller.store.database import Database
from simulator.ports import free_port
from tests.integration.api_harness import TOKENS
from tests.integration.test_cluster_calls import Node, Nodes
from tests.integration.webhook_harness import eventually
from tests.peers.stores import store_at
from tests.peers.valkey import Server
from tests.unit.controller.softphone.fake_ari import FakeAri
from tests.unit.controller.softphone.test_sip_frames import message

ADA = "supervisor-0123456789"


class Desk:
    """One node with softphones. `heard`: what Asterisk's websocket got."""

    def __init__(self, node: Node) -> None:
        self.node, self.ari, self.heard = node, FakeAri(), asyncio.Queue[str]()
        self.phones = Softphones(Softphone(), cast(Ari, self.ari), lambda: True)
        known = [Token(name=each.partition("-")[0], token=SecretStr(each), scopes=TOKENS[each]) for each in TOKENS]
        self.keeper = Authenticator(known, Pace(per_second=1000, burst=1000), AuthThrottle(1000, 1000))

    @asynccontextmanager
    async def serving(self, kept: ApiStorage) -> AsyncIterator["Desk"]:
        async def asterisk(peer: ServerConnection) -> None:
            async for text in peer:
                self.heard.put_nowait(str(text))
                await peer.send("SIP/2.0 401 Unauthorized\r\n\r\n")

        port = free_port()
        relay = Relay(AriSettings(url=f"http://127.0.0.1:{port}/ari", password=SecretStr("x")), self.phones)
        known: Any = SimpleNamespace(config=SimpleNamespace(agents={"reception": None}))
        asked: Any = self.node.calls, self.keeper, None, self.node.id.name
        made = SoftphoneResources(known, self.phones, relay, *asked).operations()
        async with (
            serve(asterisk, "127.0.0.1", port, subprotocols=[SIP]),
            self.node.serving(kept, *made, authenticator=self.keeper),
        ):
            yield self

    def websocket(self, path: str) -> Any:
        url, headers = f"http://127.0.0.1:{self.node.api.port}{path}", {"Authorization": f"Bearer {ADA}"}
        return self.node.api.http.ws_connect(url, protocols=(SIP,), headers=headers)


@pytest.fixture
async def desks(tmp_path: Path) -> AsyncIterator[tuple[Desk, Desk, Nodes]]:
    async with AsyncExitStack() as stack:
        valkey = stack.enter_context(Server())
        database = await stack.enter_async_context(Database(store_at(tmp_path)))
        nodes = Nodes(valkey, database, ApiStorage(database, AuditLog(database, 30)))
        made = []
        for each in (nodes.a, nodes.b):
            made.append(await stack.enter_async_context(Desk(each).serving(nodes.kept)))
            stack.push_async_callback(each.membership.close)
        await nodes.a.beat()
        await nodes.b.beat()
        await nodes.a.beat()
        yield made[0], made[1], nodes


async def test_a_browser_at_one_node_supervises_a_call_of_another(desks: tuple[Desk, Desk, Nodes]) -> None:
    a, b, nodes = desks
    call = await b.node.call()
    status, account = await a.node.ask("POST", SUPERVISORS, ADA, json={"call": call})
    assert (status, len(b.ari.left), len(a.ari.left)) == (201, 1, 0)
    supervise = f"{SUPERVISORS}/{account['id']}/supervise"
    async with a.websocket(account["websocket"]) as browser:
        assert browser.protocol == SIP
        mine = message(sender=f"From: <{account['uri']}>;tag=a1")
        await browser.send_str(mine)
        assert await b.heard.get() == mine
        assert (await browser.receive_str()).startswith("SIP/2.0 401")
        status, told = await a.node.ask("POST", supervise, ADA, json={"call": call, "mode": "whisper"})
        assert (status, told["id"], told["node"]) == (202, call, "b")
        verb, arguments = b.node.calls.asked[-1]
        assert (verb, arguments["by"], arguments["mode"]) == ("supervise", "supervisor", "whisper")
        await b.phones.close(b.phones.find(account["id"], "supervisor"), "its call is over")
        assert (await browser.receive()).data == aiohttp.WSCloseCode.OK
    await eventually(lambda: not b.ari.left)
    status, told = await a.node.ask("POST", supervise, ADA, json={"call": call})
    assert (status, told["type"]) == (404, "/problems/unknown-softphone")
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await a.websocket(account["websocket"])
    assert refused.value.status == 404
    assert (await a.node.ask("GET", account["websocket"], ADA))[0] == 400  # it is no websocket
    entries = await nodes.audited()
    assert [each[1] for each in entries if each[0] == "supervisor"].count("open_supervisor_phone") == 1


async def test_the_session_ends_with_the_browser_the_token_or_the_node_that_was_asked(
    desks: tuple[Desk, Desk, Nodes],
) -> None:
    a, b, _ = desks
    call = await b.node.call()

    async def opened() -> Any:
        _, account = await a.node.ask("POST", SUPERVISORS, ADA, json={"call": call})
        browser = await a.websocket(account["websocket"])
        await browser.send_str(message(sender=f"From: <{account['uri']}>;tag=a1"))
        await browser.receive_str()
        assert len(b.ari.left) == 1
        return browser

    await (await opened()).close()
    await eventually(lambda: not b.ari.left)
    for text in ("x" * 20_000, "x" * 2_000_000):  # more than a browser has to say
        browser = await opened()
        await browser.send_str(text)
        await eventually(lambda: not b.ari.left)
        await browser.close()
    browser = await opened()
    a.keeper.users.replace_tokens([])
    await eventually(lambda: not b.ari.left)
    await browser.close()
