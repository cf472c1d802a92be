"""Two nodes, each with an Asterisk of its own: a call of the second one is shown and controlled by way of the first."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio

from simulator.ports import free_port
from simulator.realtime import Say, ToneModel
from tests.e2e.installation import Installation, installation
from tests.e2e.test_call_control import TARGET
from tests.e2e.test_inbound import GREETING, greeted
from tests.integration.webhook_harness import eventually
from tests.peers import asterisk as asterisks
from tests.peers.stores import of_one_installation
from tests.peers.valkey import Server

pytestmark = pytest.mark.timeout(120)  # two of everything are started in the time of the first test


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def nodes(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Installation, Installation]]:
    folder, made = tmp_path_factory.mktemp("nodes"), []
    async with AsyncExitStack() as stack:
        valkey = stack.enter_context(Server())
        for name in ("n1", "n2"):
            own, port = folder / name, free_port()
            own.mkdir()
            await of_one_installation(own)
            asterisk = stack.enter_context(asterisks.instance(f"e2e-{os.getpid()}-{name}"))
            reached = {"api_url": f"http://127.0.0.1:{port}", "token": "t" * 40}
            cluster = {"cluster": {"node": name, "url": valkey.url, "take_ms": 1000, **reached}}
            listen = {"listen": f"127.0.0.1:{port}"}
            model = ToneModel([GREETING, Say("Yes.", 0.5, 700)])
            there = installation(asterisk, own, model, more=cluster, api=listen)
            made.append(await stack.enter_async_context(there))

        async def heard() -> bool:
            states = [each["state"] for each in (await made[0].api("GET", "/v1/nodes"))["nodes"]]
            return states == ["accepting", "accepting"]

        await eventually(heard)
        yield made[0], made[1]


async def test_a_call_of_one_node_is_listed_transferred_and_hung_up_by_another(
    nodes: tuple[Installation, Installation],
) -> None:
    first, second = nodes
    async with second.callee() as target, second.caller() as phone:
        await greeted(phone)
        listed = await first.only_call()
        call = listed["id"]
        assert (call, listed["node"], listed["state"]) == (await second.call_id(), "n2", "talking")
        await first.api("POST", f"/v1/calls/{call}/hold")
        await second.service.logged("call state", call=call, state="holding")
        await first.api("POST", f"/v1/calls/{call}/resume")
        await second.service.logged("call state", call=call, state="talking", before="holding")
        assert (await first.api("POST", f"/v1/calls/{call}/transfer", to=TARGET))["node"] == "n2"
        await target.wait("called")
        await target.command("answer")
        await second.service.logged("call state", call=call, state="transferred")
        shown = await first.api("GET", f"/v1/calls/{call}")
        assert (shown["state"], shown["transfer"]["by"], shown["node"]) == ("transferred", "test", "n2")
        assert [each["who"] for each in shown["transcript"]] == ["agent"]
        assert (await first.api("GET", f"/v1/calls/{call}/trace"))["steps"]
        await first.api("POST", f"/v1/calls/{call}/hangup")
        await asyncio.gather(phone.wait("left"), target.wait("left"))
    over = await second.ended(call)
    assert over["ended_by"] == "test"
