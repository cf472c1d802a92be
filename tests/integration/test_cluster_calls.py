"""Any node answers for any call: three nodes, each with an API on a real socket, one Valkey, one store.

Call control is scripted, so that what is asked of it can be told: a call is on the node that has its slot.
"""

import asyncio
import base64
import io
import json
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import aiohttp
import pytest
from aiohttp import web
from pydantic import SecretStr
from sqlalchemy import insert

from controller.api import carrying
from controller.api.audit import AuditLog
from controller.api.operation import STREAM, ApiRequest, Operation
from controller.api.resources import cluster_calls
from controller.api.resources.call_trace import TraceResources
from controller.api.resources.live_calls import VERBS
from controller.api.server import ApiServer, ApiStorage
from controller.api.token_check import TokenCheck
from controller.calls import errors
from controller.calls.reporting import view
from controller.calls.reporting.call_log import Utterance
from controller.cluster import peer
from controller.cluster.membership import Membership
from controller.cluster.node import NodeId
from controller.cluster.port import CALLS, NodeFacts, Report
from controller.cluster.valkey import ValkeyBackend
from controller.config import cluster_url
from controller.config.models.cluster import Cluster
from controller.store.database import Database
from controller.store.owners import owner
from controller.store.tables.call_snapshots import live_calls
from controller.store.tables.nodes import nodes as node_rows
from controller.store.tables.records import calls as past_calls
from controller.telemetry.call_trace import Step, Trace
from simulator.ports import free_port
from tests.integration.api_harness import LIMITED, FakeCalls, Harness, harness
from tests.integration.test_cli import voiceai
from tests.peers.stores import store_at
from tests.peers.valkey import Server
from tests.unit.controller.views import STARTED, later

SECRET = SecretStr("t" * 40)
OPS = "mover-0123456789"
BODIES: dict[str, dict[str, Any]] = {
    "mute": {"side": "agent"},
    "unmute": {"side": "agent"},
    "send_digits": {"digits": "12#"},
    "say": {"text": "Moment, bitte.", "exact": True},
    "switch_agent": {"agent": "night"},
    "record": {"action": "pause"},
    "transfer": {"to": "+4930123"},
    "decide_transfer": {"accept": True},
    "supervise": {"to": "+4930555", "mode": "whisper"},
}


class Node:
    def __init__(self, name: str, valkey: Server, database: Database, token: SecretStr | None = SECRET) -> None:
        self.id, self.url = NodeId(name, 1), ""
        self.membership = Membership(self.id, ValkeyBackend(self.id, cluster_url.parse(valkey.url), "voiceai"))
        self.calls, self.database = FakeCalls(), database
        knows = self.calls.views.__contains__
        self.node = carrying.node_of(Cluster(token=token), self.membership, database, knows)
        self.api, self.news = cast(Harness, None), asyncio.Queue[str]()
        self.file = Path()

    def report(self) -> Report:
        return Report(NodeFacts(self.url, "1", calls=len(self.calls.views)), "2026-11-30")

    def holdings(self) -> dict[str, tuple[str, ...]]:
        return {call: (CALLS,) for call, each in self.calls.views.items() if each.ended_at is None}

    def elsewhere(self, day: str, amounts: Any) -> None: ...

    @asynccontextmanager
    async def serving(self, kept: ApiStorage, *also: Operation, **how: Any) -> AsyncIterator["Node"]:
        traced = Trace()
        traced.note(Step(datetime.now(UTC), "call", f"of {self.id.name}"))
        streamed = Operation("stream", "GET", "/v1/calls/{id}/stream", "", self.stream, scopes=("read",), media=STREAM)
        sound = Operation("sound", "GET", "/v1/calls/{id}/sound", "", self.sound, scopes=("read",), media="audio/wav")
        traces: Any = SimpleNamespace(of=lambda _: traced, refused=lambda _: None)
        more = lambda calls, orders: (  # noqa: E731
            *TraceResources(calls, orders, traces).operations(),
            *(replace(each, of_call="path", limited=True) for each in (streamed, sound)),
            *also,
        )
        async with harness(more=more, calls=self.calls, kept=kept, node=self.node, **how) as self.api:
            self.url = f"http://127.0.0.1:{self.api.port}"
            yield self

    async def stream(self, asked: ApiRequest) -> web.StreamResponse:
        """Says who asks for what, and then something whenever `news` is set; ends when it is said so."""
        self.calls.get(asked.part("id"))
        response = web.StreamResponse(headers={"Content-Type": STREAM})
        await response.prepare(asked.request)
        self.news.put_nowait(f"{self.id.name} {asked.by} {asked.request.headers.get('Last-Event-ID')}")
        while text := await self.news.get():
            await response.write(f"data: {text}\n\n".encode())
        return response

    async def sound(self, asked: ApiRequest) -> web.StreamResponse:
        return web.FileResponse(self.file, headers={"Content-Type": "audio/wav"})

    async def beat(self) -> None:
        await self.membership._beat(self)
        await self.membership._tell()

    async def call(self, **changes: Any) -> str:
        made = self.calls.add(**changes)
        await self.beat()
        return made.id

    async def ask(self, method: str, path: str, token: str | None = OPS, **more: Any) -> tuple[int, Any]:
        async with self.api.request(method, path, token, **more) as answer:
            return answer.status, await answer.json()

    async def listed(self, query: str = "", token: str = OPS) -> dict[str, Any]:
        status, page = await self.ask("GET", f"/v1/calls{query}", "reader-0123456789" if token == OPS else token)
        assert status == 200, page
        return cast(dict[str, Any], page)


class Nodes:
    def __init__(self, valkey: Server, database: Database, kept: ApiStorage) -> None:
        self.valkey, self.database, self.kept = valkey, database, kept
        self.a, self.b, self.c = (Node(name, valkey, database) for name in "abc")

    def __iter__(self) -> Iterator[Node]:
        return iter((self.a, self.b, self.c))

    async def beat(self) -> None:
        for each in (*self, *self):  # everybody hears of everybody
            await each.beat()

    async def audited(self) -> list[tuple[str, str, str, int]]:
        await self.kept.audit_log.drain()
        _, page = await self.a.ask("GET", "/v1/audit", "admin-0123456789")
        return [(each["by"], each["operation"], each["call"], each["status"]) for each in page["entries"]]


@pytest.fixture(scope="module")
def valkey() -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.fixture
async def nodes(valkey: Server, tmp_path: Path) -> AsyncIterator[Nodes]:
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(Database(store_at(tmp_path)))
        made = Nodes(valkey, database, ApiStorage(database, AuditLog(database, 30)))
        await asyncio.to_thread(valkey.command, "FLUSHALL")
        for each in made:
            await stack.enter_async_context(each.serving(made.kept))
            stack.push_async_callback(each.membership.close)
        await made.beat()
        yield made


def asked_by(node: Node) -> list[tuple[str, str]]:
    return [(verb, arguments["by"]) for verb, arguments in node.calls.asked]


async def test_every_verb_is_done_by_the_node_that_has_the_call(nodes: Nodes) -> None:
    call, sent = await nodes.b.call(), {"X-Request-Id": "r-1"}
    for verb in VERBS:
        token = "supervisor-0123456789" if "supervise" in verb.scopes else OPS
        asked: Any = {"token": token, "json": BODIES.get(verb.name, {}), "headers": sent}
        path = f"/v1/calls/{call}/{verb.path}"
        there, here = await nodes.b.ask(verb.method, path, **asked), await nodes.a.ask(verb.method, path, **asked)
        assert here == there, verb.name
        assert (here[0], here[1]["node"]) == (202, "b"), verb.name
        first, second = nodes.b.calls.asked[-2:]
        assert first == second
        assert second[1]["by"] == token.partition("-")[0]
    path = f"/v1/calls/{call}/participants"
    async with nodes.a.api.request("POST", path, OPS, json={"to": "+4930777"}) as answer:
        told = await answer.json()
        assert (answer.status, answer.headers["Location"]) == (202, f"{path}/{told['leg']}")
    assert (await nodes.a.ask("DELETE", f"{path}/{told['leg']}"))[0] == 202
    assert (await nodes.c.ask("POST", f"/v1/calls/{call}/hangup"))[1]["state"] == "ending"
    assert asked_by(nodes.b)[-3:] == [("add_participant", "mover"), ("drop_participant", "mover"), ("hang_up", "mover")]
    assert nodes.a.calls.asked == nodes.c.calls.asked == []


async def test_a_call_and_its_trace_are_shown_by_any_node(nodes: Nodes) -> None:
    call = await nodes.b.call()
    said = Utterance(STARTED, "caller", "Guten Tag", interrupted=False, heard_ms=None)
    nodes.b.calls.details[call] = view.CallDetail(nodes.b.calls.get(call), (said,))
    path = f"/v1/calls/{call}"
    for token, words in (("reader-0123456789", []), ("listener-0123456789", ["Guten Tag"])):
        status, told = await nodes.a.ask("GET", path, token)
        assert (status, told["node"]) == (200, "b")
        assert [each["text"] for each in told["transcript"] or ()] == words
    assert (await nodes.a.ask("GET", f"{path}/trace", "reader-0123456789"))[1]["steps"][0]["what"] == "of b"
    async with nodes.a.api.request("HEAD", path, "reader-0123456789") as answer:
        assert answer.status == 200
    unknown = f"/v1/calls/{'0' * 36}"
    for path in (unknown, f"{unknown}/trace", "/v1/calls/%ED%A0%80", "/v1/calls/%2e%2e%2fx", f"/v1/calls/{'x' * 4000}"):
        status, told = await nodes.a.ask("GET", path, "reader-0123456789")
        assert (status, told["type"]) == (404, "/problems/unknown-call")


async def test_problems_of_the_owner_come_back_unchanged_and_rights_are_checked_where_one_asks(nodes: Nodes) -> None:
    call, sent = await nodes.b.call(agent="day"), {"X-Request-Id": "r-2"}
    path = f"/v1/calls/{call}/say"
    nodes.b.calls.refusal = errors.WrongState("The call can't be spoken in now: it is ringing.")
    asked: Any = {"json": BODIES["say"], "headers": sent}
    here, there = await nodes.a.ask("POST", path, **asked), await nodes.b.ask("POST", path, **asked)
    assert here == there
    assert here[0] == 409
    nodes.b.calls.refusal, before = None, len(nodes.b.calls.asked)
    for status, more in (
        (403, {"token": "reader-0123456789", "json": BODIES["say"]}),
        (401, {"token": "nobody-0123456789", "json": BODIES["say"]}),
        (400, {"json": {"text": ""}}),
        (400, {"json": {"txet": "x"}}),
        (
            413,
            {
                "data": io.BytesIO(b'{"text":"' + b"x" * 2_000_000 + b'"}'),
                "headers": {"Content-Type": "application/json"},
            },
        ),
        (404, {"token": LIMITED, "json": BODIES["say"]}),
    ):
        assert (await nodes.a.ask("POST", path, **cast(Any, more)))[0] == status
    assert len(nodes.b.calls.asked) == before
    mine = await nodes.b.call(agent="night")
    assert (await nodes.a.ask("POST", f"/v1/calls/{mine}/say", LIMITED, json=BODIES["say"]))[0] == 202
    told = await nodes.a.ask("POST", f"/v1/calls/{mine}/agent", LIMITED, json={"agent": "day"})
    assert (told[0], told[1]["errors"][0]["pointer"]) == (403, "/agent")


async def test_what_is_carried_is_audited_once_with_the_person_s_name(nodes: Nodes) -> None:
    call = await nodes.b.call()
    await nodes.a.ask("POST", f"/v1/calls/{call}/transfer", json=BODIES["transfer"])
    await nodes.c.ask("GET", f"/v1/calls/{call}", "listener-0123456789")
    assert await nodes.audited() == [("listener", "show_call", call, 200), ("mover", "transfer", call, 202)]


async def test_a_request_that_is_sent_twice_by_way_of_two_nodes_is_done_once(nodes: Nodes) -> None:
    call, keyed = await nodes.b.call(), {"Idempotency-Key": "k-1"}
    path, sent = f"/v1/calls/{call}/transfer", BODIES["transfer"]
    answers = [await each.ask("POST", path, json=sent, headers=keyed) for each in (nodes.a, nodes.c, nodes.b)]
    assert answers[0][0] == 202
    assert answers[0] == answers[1] == answers[2]
    assert asked_by(nodes.b) == [("transfer", "mover")]
    status, told = await nodes.c.ask("POST", path, json={"to": "+4930999"}, headers=keyed)
    assert (status, told["type"]) == (422, "/problems/key-reused")
    both = await asyncio.gather(
        *(each.ask("POST", path, json=sent, headers={"Idempotency-Key": "k-2"}) for each in (nodes.a, nodes.c))
    )
    assert {status for status, _ in both} <= {202, 409}
    assert len(nodes.b.calls.asked) == 2
    assert (
        await nodes.a.ask("POST", path, json=sent, headers={"Idempotency-Key": "k-3"}, token="controller-0123456789")
    )[0] == 403


async def test_the_list_is_that_of_all_nodes(nodes: Nodes) -> None:
    for number in range(4):
        for each in nodes:
            ended = {"state": "ended", "ended_at": later(number + 20)} if number % 2 else {}
            await each.call(started_at=later(number), agent="night" if number == 3 else "day", **ended)
    whole = await nodes.a.listed()
    assert (len(whole["calls"]), whole["next"], whole["unreachable_nodes"]) == (12, None, [])
    assert {each["node"] for each in whole["calls"]} == {"a", "b", "c"}
    ids = [each["id"] for each in whole["calls"]]
    assert ids == [each["id"] for each in (await nodes.c.listed())["calls"]]
    walked, query = [], "?limit=5"
    for node in (nodes.a, nodes.b, nodes.c):  # each page from another node
        page = await node.listed(query)
        walked += [each["id"] for each in page["calls"]]
        query = f"?limit=5&before={page['next']}"
    assert walked == ids
    active = await nodes.b.listed("?state=active")
    assert [each["ended_at"] for each in active["calls"]] == [None] * 6
    assert {each["agent"] for each in (await nodes.b.listed("?agent=night"))["calls"]} == {"night"}
    assert len((await nodes.c.listed(token=LIMITED))["calls"]) == 3
    assert (await nodes.a.ask("GET", "/v1/calls?before=x", "reader-0123456789"))[0] == 400
    assert (await nodes.a.ask("GET", "/v1/calls?limit=0", "reader-0123456789"))[0] == 400


async def test_forged_and_broken_requests_of_nodes(nodes: Nodes) -> None:
    call = await nodes.b.call()
    path = peer.PREFIX.format(name="b") + f"/v1/calls/{call}/hangup"
    person = base64.b64encode(json.dumps({"name": "x", "owner": "x", "scopes": ["admin"]}).encode()).decode()
    right, who = f"Bearer {SECRET.get_secret_value()}", {carrying.ASKED_BY: person}
    for status, headers in (
        (401, who),
        (401, {**who, "Authorization": "Bearer " + "u" * 40}),
        (401, {**who, "Authorization": "Bearer admin-0123456789"}),
        (400, {"Authorization": right}),
        (400, {"Authorization": right, carrying.ASKED_BY: "%%%"}),
        (400, {"Authorization": right, carrying.ASKED_BY: base64.b64encode(b'{"name":"x","tenant":"y"}').decode()}),
    ):
        assert (await nodes.b.ask("POST", path, None, headers=headers))[0] == status
    assert nodes.b.calls.asked == []
    sent: Any = {"headers": {**who, "Authorization": right}}
    other = path.replace("/nodes/b/", "/nodes/c/")
    assert (await nodes.b.ask("POST", other, None, **sent))[1]["type"] == "/problems/unknown-node"
    for outside in ("/v1/nodes", "/v1/keys", "/v1/history", "/v1/config"):
        assert (await nodes.b.ask("GET", peer.PREFIX.format(name="b") + outside, None, **sent))[0] == 404
    large: Any = {
        "data": io.BytesIO(b"x" * 2_000_000),
        "headers": {**sent["headers"], "Content-Type": "application/json"},
    }
    assert (await nodes.b.ask("POST", path, None, **large))[0] == 413
    assert (await nodes.b.ask("POST", path, None, **sent))[0] == 202  # the token is right


async def test_a_request_is_never_carried_on(nodes: Nodes) -> None:
    """Also where the owner does not have the call, and each node thinks that another one has it."""
    call = "11111111-1111-4111-8111-111111111111"
    await asyncio.to_thread(nodes.valkey.command, "HSET", "{voiceai}:slots:" + CALLS, call, "c:1")
    status, told = await nodes.a.ask("POST", f"/v1/calls/{call}/hangup")
    assert (status, told["type"]) == (404, "/problems/unknown-call")
    nodes.c.url = nodes.b.url  # a wrong `api_url`: another node answers there
    await nodes.beat()
    status, told = await nodes.a.ask("POST", f"/v1/calls/{call}/hangup")
    assert (status, told["type"], "another node answers" in told["detail"]) == (502, "/problems/node-unreachable", True)
    nodes.c.url = nodes.a.url  # even this one
    await nodes.beat()
    assert (await nodes.a.ask("POST", f"/v1/calls/{call}/hangup"))[0] == 502
    assert [each["node"] for each in (await nodes.a.listed())["unreachable_nodes"]] == ["c"]
    assert [each.calls.asked for each in (nodes.a, nodes.b)] == [[], []]


async def test_a_call_that_two_nodes_claim(nodes: Nodes) -> None:
    """One came back after a partition: each goes on with its own; the others ask who has the slot, and see one call."""
    call = await nodes.b.call(state="talking")
    nodes.c.calls.views[call] = replace(nodes.b.calls.get(call), state="ended", ended_at=later(9))
    for node, other in ((nodes.b, nodes.c), (nodes.a, nodes.c)):
        assert (await node.ask("POST", f"/v1/calls/{call}/hold"))[0] == 202
        assert other.calls.asked == []
    found = [each for each in (await nodes.a.listed())["calls"] if each["id"] == call]
    assert [each["state"] for each in found] == ["talking"]


async def test_the_owner_is_gone_between_look_up_and_verb(nodes: Nodes, monkeypatch: pytest.MonkeyPatch) -> None:
    call, keyed = await nodes.b.call(), {"Idempotency-Key": "k-9"}
    port = free_port()
    nodes.b.url = f"http://127.0.0.1:{port}"
    await nodes.beat()
    path, began = f"/v1/calls/{call}/transfer", time.monotonic()
    status, told = await nodes.a.ask("POST", path, json=BODIES["transfer"], headers=keyed)
    assert (status, told["type"]) == (502, "/problems/node-unreachable")
    assert "The node b has this call" in told["detail"]
    assert "GET /v1/nodes" in told["detail"]
    page = await nodes.a.listed()
    assert [each["node"] for each in page["unreachable_nodes"]] == ["b"]
    assert time.monotonic() - began < 2
    await nodes.a.call(), await nodes.c.call()
    shown = (await voiceai(nodes.a.api, "calls")).output
    assert "The calls of the node b are missing: b can't be reached" in " ".join(shown.split())
    assert "outcome" not in shown
    assert [line.split()[-1] for line in shown.splitlines() if line.startswith("call ")] == ["node"]

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    monkeypatch.setattr(cluster_calls, "ANSWER_S", 0.2)
    nodes.a.node.peers._timeout_s = 0.3
    async with await asyncio.start_server(silent, "127.0.0.1", port):
        status, told = await nodes.a.ask("POST", path, json=BODIES["transfer"], headers=keyed)
        assert (status, told["type"], "It may have done it" in told["detail"]) == (504, "/problems/node-timeout", True)
        assert (await nodes.a.listed())["unreachable_nodes"][0]["reason"] == "It gave no answer within 0.2 s."
    nodes.b.url = f"http://127.0.0.1:{nodes.b.api.port}"
    await nodes.beat()
    nodes.a.node.peers._timeout_s = 5.0
    assert (await nodes.a.ask("POST", path, json=BODIES["transfer"], headers=keyed))[0] == 202
    assert asked_by(nodes.b) == [("transfer", "mover")]
    nodes.b.calls.views[call] = replace(nodes.b.calls.get(call), state="ended", ended_at=later(9))
    nodes.b.calls.refusal = errors.WrongState("The call has ended.")
    assert (await nodes.a.ask("POST", f"/v1/calls/{call}/hold"))[1]["detail"] == "The call has ended."


@pytest.mark.parametrize(
    ("token", "why"), [(None, "is not set on this node"), (SecretStr("u" * 40), "it has another one")]
)
async def test_without_the_same_token_nothing_is_carried(nodes: Nodes, token: SecretStr | None, why: str) -> None:
    call = await nodes.b.call()
    nodes.a.node.peers._token = token
    status, told = await nodes.a.ask("POST", f"/v1/calls/{call}/hangup")
    assert (status, told["type"], why in told["detail"]) == (502, "/problems/node-unreachable", True)
    assert [each["node"] for each in (await nodes.a.listed())["unreachable_nodes"]] == ["b", "c"]
    assert nodes.b.calls.asked == []


async def test_each_node_is_asked_once_whether_it_takes_the_token(
    nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    nodes.b.node.gate._token = SecretStr("u" * 40)
    asked, carry = list[str](), peer.Peers.carry

    async def noted(peers: peer.Peers, node: peer.PeerNode, *request: Any, **more: Any) -> Any:
        asked.append(node.name)
        return await carry(peers, node, *request, **more)

    monkeypatch.setattr(peer.Peers, "carry", noted)
    check = TokenCheck(nodes.a.membership, nodes.a.node.peers)
    for _ in range(3):
        await check.look()
    assert sorted(asked) == ["b", "c"]
    refusals = [nodes.a.node.peers.refusal(each.id.name, each.url) for each in (nodes.b, nodes.c)]
    assert refusals == ["b refused the `cluster.token` of this node: it has another one (401).", None]
    assert nodes.b.calls.asked == nodes.c.calls.asked == []


async def test_an_answer_has_an_end(nodes: Nodes, monkeypatch: pytest.MonkeyPatch) -> None:
    call = await nodes.b.call(detail="x" * 20_000)
    monkeypatch.setattr(peer.Peers.carry, "__kwdefaults__", {"timeout_s": None, "most": 10_000})
    status, told = await nodes.a.ask("GET", f"/v1/calls/{call}", "reader-0123456789")
    assert (status, "more than 10000 bytes" in told["detail"]) == (504, True)


async def test_while_valkey_is_away_the_store_says_who_has_a_call(nodes: Nodes) -> None:
    lives, past = await nodes.b.call(), await nodes.b.call(state="ended", ended_at=later(9))
    async with nodes.database.writing() as store:
        kept = {"call": lives, "written_at": STARTED, "kept": {}}
        await store.execute(insert(live_calls).values(**kept, **owner(nodes.b.id)))
        row = {"call": past, "attempt": 1, "started_at": STARTED}
        await store.execute(insert(past_calls).values(**row, **owner(nodes.b.id)))
    assert (await nodes.a.ask("GET", f"/v1/calls/{past}", "reader-0123456789"))[1]["node"] == "b"
    nodes.valkey.freeze()
    try:
        began = time.monotonic()
        assert (await nodes.a.ask("POST", f"/v1/calls/{lives}/hold"))[1]["node"] == "b"
        assert {each["id"] for each in (await nodes.a.listed())["calls"]} == {lives, past}
        assert time.monotonic() - began < 2
    finally:
        nodes.valkey.thaw()
    nodes.b.url = "http://127.0.0.1:1"
    await nodes.beat()
    assert (await nodes.a.ask("GET", f"/v1/calls/{past}", "reader-0123456789"))[0] == 404  # it is in the history


async def test_nodes_of_which_valkey_does_not_know_yet_are_those_of_the_store(nodes: Nodes) -> None:
    """It was emptied, and they have not said anything since; or they have begun since leases were heard last."""
    call = await nodes.b.call()
    async with nodes.database.writing() as store:
        for each in nodes:
            times = dict.fromkeys(("started_at", "beat_at"), STARTED)
            row = {"name": each.id.name, "epoch": 1, "version": "1", "url": each.url, **times}
            await store.execute(insert(node_rows).values(**row))
        kept = {"call": call, "written_at": STARTED, "kept": {}}
        await store.execute(insert(live_calls).values(**kept, **owner(nodes.b.id)))
    await asyncio.to_thread(nodes.valkey.command, "FLUSHALL")
    await nodes.a.beat()
    page = await nodes.a.listed()
    assert ([each["id"] for each in page["calls"]], page["unreachable_nodes"]) == ([call], [])
    assert (await nodes.a.ask("POST", f"/v1/calls/{call}/hold"))[1].get("node") == "b"
    await nodes.beat()
    nodes.a.membership._leases = ()
    assert nodes.a.membership.up
    assert (await nodes.a.ask("POST", f"/v1/calls/{call}/resume"))[1].get("node") == "b"


async def test_health_names_the_node_so_that_none_is_taken_for_another(nodes: Nodes) -> None:
    async with nodes.a.api.request("GET", "/healthz", None) as answer:
        assert (answer.status, answer.headers[peer.ANSWERED_BY]) == (200, "a")
    url = f"http://127.0.0.1:{nodes.a.api.port}/"
    assert await peer.answers(peer.PeerNode("a", url))
    assert not await peer.answers(peer.PeerNode("b", url))


async def test_a_stream_is_passed_on_as_it_comes_until_one_side_ends_it(nodes: Nodes) -> None:
    call = await nodes.b.call()
    path, sent = f"/v1/calls/{call}/stream", {"Last-Event-ID": "b-7"}
    async with nodes.a.api.request("GET", path, "reader-0123456789", headers=sent) as answer:
        assert (answer.status, answer.content_type) == (200, STREAM)
        assert await answer.content.readuntil(b"\n\n") == b"data: b reader b-7\n\n"
        nodes.b.news.put_nowait("more")
        assert await answer.content.readuntil(b"\n\n") == b"data: more\n\n"
        nodes.b.news.put_nowait("")
        assert await answer.content.read() == b""
    async with nodes.a.api.request("GET", path, "reader-0123456789") as answer:
        await answer.content.readuntil(b"\n\n")
        for each in list(cast(ApiServer, nodes.b.api.server).connections._known.values()):
            each.transport.abort()  # the owner is gone
        with pytest.raises(aiohttp.ClientError):
            await answer.content.read()
        nodes.b.news.put_nowait("")
    nodes.b.calls.views.clear()
    status, told = await nodes.a.ask("GET", path, "reader-0123456789")
    assert (status, told["type"]) == (404, "/problems/unknown-call")


async def test_a_recording_is_read_by_any_node(nodes: Nodes, tmp_path: Path) -> None:
    call, nodes.b.file = await nodes.b.call(), tmp_path / "b.wav"
    nodes.b.file.write_bytes(bytes(range(256)) * 8192)  # 2 MiB
    (tmp_path / "b.wav.gz").write_bytes(b"not asked for")
    path = f"/v1/calls/{call}/sound"
    async with nodes.a.api.request("GET", path, "reader-0123456789") as answer:
        assert (answer.status, answer.content_type, answer.content_length) == (200, "audio/wav", 2 << 20)
        assert await answer.read() == nodes.b.file.read_bytes()
    sent = {"Range": "bytes=256-259"}
    async with nodes.a.api.request("GET", path, "reader-0123456789", headers=sent) as answer:
        assert (answer.status, await answer.read()) == (206, bytes(range(4)))
        assert answer.headers["Content-Range"] == f"bytes 256-259/{2 << 20}"
    async with nodes.a.api.request("HEAD", path, "reader-0123456789") as answer:
        assert (answer.status, answer.headers["Content-Length"]) == (200, str(2 << 20))


async def test_a_call_that_was_asked_for_is_found_after_its_end_whatever_the_store_knows(nodes: Nodes) -> None:
    call = await nodes.b.call()
    path, token = f"/v1/calls/{call}", "reader-0123456789"
    assert (await nodes.a.ask("GET", path, token))[1]["state"] == "talking"
    nodes.b.calls.views[call] = replace(nodes.b.calls.get(call), state="ended", ended_at=later(9))
    nodes.b.membership.release(call)
    await nodes.b.beat()
    status, told = await nodes.a.ask("GET", path, token)
    assert (status, told["state"], told["node"]) == (200, "ended", "b")
    assert (await nodes.c.ask("GET", path, token))[0] == 404


async def test_of_a_call_that_is_over_this_node_tells_what_it_knows_if_the_other_one_does_not(nodes: Nodes) -> None:
    past = nodes.a.api.orders.add(state="ended", ended_at=later(9)).id
    async with nodes.database.writing() as store:
        row = {"call": past, "attempt": 1, "started_at": STARTED}
        await store.execute(insert(past_calls).values(**row, **owner(nodes.b.id)))
    for url in (nodes.b.url, "http://127.0.0.1:1"):  # it has forgotten the call; it is away
        nodes.b.url = url
        await nodes.beat()
        status, told = await nodes.a.ask("GET", f"/v1/calls/{past}", "reader-0123456789")
        assert (status, told["node"]) == (200, None)
