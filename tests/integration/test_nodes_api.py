"""Nodes over the API: one alone, and two of which one carries a request to the other, each on a real socket."""

import asyncio
import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest
from aiohttp import web
from pydantic import SecretStr

from controller.api.carrying import NodeGate
from controller.api.resources.nodes import NodeResources, carried_routes
from controller.api.server import ApiServer
from controller.calls import errors
from controller.calls.admission.control import AdmissionControl
from controller.calls.admission.spending import Spending
from controller.cli import connection
from controller.cluster import peer
from controller.cluster.directory import Nodes
from controller.cluster.membership import Membership
from controller.cluster.memory import MemoryBackend, Shared
from controller.cluster.node import NodeId
from controller.cluster.nodes import NodeRegistry
from controller.cluster.peer import Peers
from controller.cluster.port import NodeFacts, Report
from controller.config import ConfigErrors
from controller.config.prices import Prices
from controller.store.database import Database
from tests.integration.api_harness import Harness, harness
from tests.integration.test_cli import voiceai
from tests.peers.stores import store_at
from tests.unit.controller.configs import config, current
from tests.unit.controller.workers.test_worker_choice import worker, workers

SECRET = SecretStr("t" * 40)


class Beating:
    """A node's `Member`, and what it tells."""

    def __init__(self, admission: AdmissionControl) -> None:
        self.admission, self.url = admission, ""

    def facts(self) -> NodeFacts:
        facts = NodeFacts(self.url, "1.2", calls=3, capacity=50)
        return replace(facts, state="draining") if self.admission.draining else facts


class Node:
    """One controller, as far as nodes go."""

    def __init__(self, name: str, database: Database, shared: Shared | None, token: SecretStr | None) -> None:
        made = current()
        spending = Spending(made.config.limits, Prices({}))
        self.admission = AdmissionControl(made, workers(worker(capacity=50)), spending, lambda: iter(()))
        self.told, self.backend = Beating(self.admission), MemoryBackend(NodeId(name, 1), shared)
        self.membership = Membership(NodeId(name, 1), self.backend)
        self.peers = Peers(token, timeout_s=0.3)
        self.nodes = Nodes(self.membership, NodeRegistry(database), self.told.facts, self.admission, self.peers)
        self.token, self.api = token, cast(Harness, None)

    def report(self) -> Report:
        return Report(self.told.facts(), "2026-11-30")

    async def beat(self) -> None:
        await self.membership._beat(self)

    def holdings(self) -> dict[str, tuple[str, ...]]:
        return {}

    def elsewhere(self, day: str, amounts: Any) -> None: ...

    @asynccontextmanager
    async def serving(self, **more: Any) -> AsyncIterator["Node"]:
        routes = carried_routes(NodeGate(self.nodes.own_name, self.token), self.nodes.set_own)
        operations = lambda _, __: NodeResources(self.nodes).operations()  # noqa: E731
        async with harness(*routes, more=operations, **more) as self.api:
            self.told.url = f"http://127.0.0.1:{self.api.port}/"
            yield self

    async def ask(self, method: str, path: str, **more: Any) -> tuple[int, dict[str, Any]]:
        async with self.api.request(method, path, **more) as answer:
            return answer.status, await answer.json()

    async def states(self) -> dict[str, str]:
        _, page = await self.ask("GET", "/v1/nodes")
        return {each["name"]: each["state"] for each in page["nodes"]}


@asynccontextmanager
async def alone(folder: Path) -> AsyncIterator[Node]:
    async with Database(store_at(folder)) as database:
        await NodeRegistry(database).join("node1", "1.2", "")
        async with Node("node1", database, None, None).serving() as node:
            yield node


@asynccontextmanager
async def two(folder: Path, first: SecretStr | None = SECRET, second: SecretStr | None = SECRET) -> AsyncIterator[Any]:
    """Both have heard of each other."""
    shared = Shared()
    async with Database(store_at(folder)) as database:
        a, b = Node("a", database, shared, first), Node("b", database, shared, second)
        async with a.serving(store=True), b.serving(store=True):
            for each in (a, b, a):
                await each.beat()
            yield a, b


async def test_a_node_alone_is_listed_drained_and_taken_back(tmp_path: Path) -> None:
    async with alone(tmp_path) as node:
        status, page = await node.ask("GET", "/v1/nodes")
        (only,) = page["nodes"]
        assert (status, only["this"], only["state"], only["calls"], only["capacity"]) == (200, True, "accepting", 3, 50)
        assert only["started_at"] is not None
        assert (only["lease_s"], only["silent_s"]) == (None, None)

        assert (await node.ask("POST", "/v1/nodes/node1/drain"))[1]["state"] == "draining"
        assert not node.admission.accepts()  # closes the readiness app
        with pytest.raises(errors.NotReady, match="drained"):
            node.admission.check_session()
        node.admission.check_session(waited=True)  # whoever stands in line already goes on
        assert (await node.ask("POST", "/v1/nodes/node1/undrain"))[1]["state"] == "accepting"
        assert node.admission.accepts()

        assert (await node.ask("POST", "/v1/nodes/node2/drain"))[0] == 404
        assert (await node.ask("POST", "/v1/nodes/node1/drain", token="reader-0123456789"))[0] == 403
        node.admission.drain()
        assert (await node.ask("POST", "/v1/nodes/node1/undrain"))[1]["type"] == "/problems/refused"


async def test_a_request_is_carried_once_and_audited_once(tmp_path: Path) -> None:
    async with two(tmp_path) as (a, b):
        assert await a.states() == {"a": "accepting", "b": "accepting"}
        status, told = await a.ask("POST", "/v1/nodes/b/drain")
        assert (status, told["state"], told["this"], told["calls"]) == (200, "draining", False, 3)
        assert (a.admission.draining, b.admission.draining) == (False, True)
        assert (await b.states())["b"] == "draining"
        await asyncio.gather(a.api.kept.audit_log.drain(), b.api.kept.audit_log.drain())
        entries = [each for node in (a, b) for each in (await node.ask("GET", "/v1/audit"))[1]["entries"]]
        assert [(each["operation"], each["asked"]) for each in entries] == [("drain_node", {"node": "b"})]

        a.told.url = b.told.url  # a wrong `api_url`: there another node answers, and carries nothing on
        await a.beat()
        await b.beat()
        why = f"`cluster.api_url` is {b.told.url.rstrip('/')} on a and b; set it to each node's own address"
        assert [each["trouble"] for each in (await b.ask("GET", "/v1/nodes"))[1]["nodes"]] == [why, why]
        assert a.nodes.warnings() == b.nodes.warnings() == [why]
        status, told = await b.ask("POST", "/v1/nodes/a/drain")
        assert (status, told["type"], "another node answers" in told["detail"]) == (
            502,
            "/problems/node-unreachable",
            True,
        )
        assert not a.admission.draining


@pytest.mark.parametrize(
    ("first", "second", "why"),
    [
        (None, SECRET, "not set on this node"),
        (SECRET, None, "b refused the `cluster.token` of this node: it has none (403)."),
        (SECRET, SecretStr("u" * 40), "b refused the `cluster.token` of this node: it has another one (401)."),
    ],
)
async def test_without_the_same_token_nothing_is_carried(
    tmp_path: Path, first: SecretStr | None, second: SecretStr | None, why: str
) -> None:
    async with two(tmp_path, first, second) as (a, b):
        status, told = await a.ask("POST", "/v1/nodes/b/drain")
        assert (status, told["type"], why in told["detail"]) == (502, "/problems/node-unreachable", True), told
        assert not b.admission.draining


async def test_a_token_that_was_refused_is_not_shown_again_at_once_and_everybody_sees_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection.out, "_width", 200)
    async with two(tmp_path, SecretStr("u" * 40)) as (a, b):
        assert a.nodes.warnings() == []
        for _ in range(30):
            _, told = await a.ask("POST", "/v1/nodes/b/drain")
            assert "b refused the `cluster.token` of this node: it has another one (401)." in told["detail"]
        why = "b refused the `cluster.token` of this node: it has another one (401)."
        assert a.nodes.warnings() == [why]
        assert [each["trouble"] for each in (await a.ask("GET", "/v1/nodes"))[1]["nodes"]] == [None, why]
        assert why in (await voiceai(a.api, "nodes")).output
        # Who has the right one is let in, from the same address.
        path, right = peer.PREFIX.format(name="b") + "/drain", f"Bearer {SECRET.get_secret_value()}"
        sent: dict[str, Any] = {"json": {"by": "x"}, "token": None, "headers": {"Authorization": right}}
        assert (await b.ask("POST", path, **sent))[0] == 200

        a.peers._token = SECRET  # as after it was mended, and a while
        monkeypatch.setattr(peer, "monotonic", lambda: time.monotonic() + peer.REFUSED_S)
        assert (await a.ask("POST", "/v1/nodes/b/undrain"))[1]["state"] == "accepting"
        assert a.nodes.warnings() == []


async def test_what_is_in_front_of_a_node_and_refuses_says_nothing_of_the_token() -> None:
    async def refused(_: web.Request) -> web.Response:
        return web.Response(status=403, text="not from here")

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", refused)
    async with ApiServer(app, "127.0.0.1", 0) as server:
        peers, node = Peers(SECRET), peer.PeerNode("b", f"http://127.0.0.1:{server.port}")
        with pytest.raises(peer.PeerError, match="takes no request of this node at the moment: it answered 403"):
            await peers.carry(node, peer.PeerRequest("GET", "/v1/calls"))
        assert peers.refusal(node.name, node.url) is None
        await peers.close()


async def test_tokens_of_people_are_none_of_nodes(tmp_path: Path) -> None:
    async with Database(store_at(tmp_path)) as database, Node("a", database, None, SECRET).serving() as node:
        path = peer.PREFIX.format(name="a") + "/drain"
        right = f"Bearer {SECRET.get_secret_value()}"
        assert (await node.ask("POST", path, json={"by": "x"}))[0] == 401
        assert (await node.ask("POST", path, json={"by": "x"}, token=None))[0] == 401
        for body, status in (({"by": "x"}, 200), ({"by": "x", "later": 1}, 200), ({}, 400), ([], 400)):
            sent: dict[str, Any] = {"json": body, "token": None, "headers": {"Authorization": right}}
            assert (await node.ask("POST", path, **sent))[0] == status
        statuses = {(await node.ask("POST", path, json={"by": "x"}))[0] for _ in range(25)}
        assert 429 in statuses
        async with node.api.request("GET", "/v1/nodes", token=SECRET.get_secret_value()) as answer:
            assert answer.status == 401


async def test_the_owner_is_away_or_silent(tmp_path: Path) -> None:
    async with two(tmp_path) as (a, b):

        async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()  # until who asks gives up
            writer.close()
            await writer.wait_closed()

        async with await asyncio.start_server(silent, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            for url, status, why in (
                (f"http://127.0.0.1:{port}", 504, "within 0.3 s"),
                ("http://127.0.0.1:1", 502, "can't be reached"),
                ("", 502, "no `cluster.api_url`"),
            ):
                b.told.url = url
                await b.beat()
                await a.beat()
                began = time.monotonic()
                found, told = await a.ask("POST", "/v1/nodes/b/drain")
                assert (found, why in told["detail"], time.monotonic() - began < 2) == (status, True, True), told
        assert not b.admission.draining


async def test_nodes_in_the_shell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connection.out, "_width", 200)
    async with two(tmp_path) as (a, _):
        listed = (await voiceai(a.api, "nodes")).output
        assert [line.split()[:5] for line in listed[listed.index("node ") :].splitlines()[:3]] == [
            ["node", "start", "version", "state", "calls"],
            ["a*", "1", "1.2", "accepting", "3/50"],
            ["b", "1", "1.2", "accepting", "3/50"],
        ]
        assert "draining" in (await voiceai(a.api, "nodes", "drain", "b")).output
        told = (await voiceai(a.api, "nodes", "undrain", "b", "--json")).output.splitlines()[-1]
        assert json.loads(told)["state"] == "accepting"
        refused = await voiceai(a.api, "nodes", "drain", "c")
        assert (refused.exit_code, "Node not found" in refused.output) == (1, True)


@pytest.mark.parametrize("token", ["short", "ü" * 40, "x y" * 20])
def test_a_token_that_is_short_or_fits_no_header_is_a_config_error(token: str) -> None:
    with pytest.raises(ConfigErrors, match=r"cluster\.token"):
        config(cluster={"token": token})


def test_an_empty_token_is_none() -> None:
    assert config(cluster={"token": ""}).cluster.token is None
