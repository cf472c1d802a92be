"""Streams of calls of other nodes: events of one call, and who speaks. Three nodes, a Valkey, and APIs on real sockets.

Call control is scripted; events, their stream in Valkey and what carries requests are real.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from bridge import contract
from controller.api.audit import AuditLog
from controller.api.resources import cluster_live, events as streams
from controller.api.resources.events import EventResources
from controller.api.resources.live_status import LiveStatusResources
from controller.api.server import ApiStorage
from controller.cluster.valkey_event_log import ValkeyEventLog
from controller.config import cluster_url
from controller.events.pipeline import Events
from controller.store.database import Database
from controller.telemetry.live_status import LiveStatusHub
from tests.integration import webhook_harness
from tests.integration.api_harness import LIMITED, FakeOrders
from tests.integration.test_cluster_calls import Node
from tests.integration.test_events_stream import READER, WITHOUT_WORDS, Stream, types
from tests.integration.test_live_status import looks, status_of
from tests.integration.webhook_harness import begin, end, eventually, say, told_to
from tests.peers.stores import store_at
from tests.peers.valkey import Server


class Talking(Node):
    """A node with events, and workers that are asked to measure."""

    def __init__(self, name: str, valkey: Server, database: Database, events: Events) -> None:
        super().__init__(name, valkey, database)
        self.events, self.asked_to_watch = events, 0
        self.orders = FakeOrders(self.calls)
        self.hub = LiveStatusHub(self._tell, lambda call: 0.25)

    async def _tell(self, _: contract.WatchLive) -> None:
        self.asked_to_watch += 1

    @asynccontextmanager
    async def talking(self, kept: ApiStorage) -> AsyncIterator[None]:
        carrier = self.node.carrier
        also = (
            *EventResources(self.events, self.calls, self.orders, carrier).operations(),
            *LiveStatusResources(self.hub, self.calls, carrier).operations(),
        )
        watching = asyncio.create_task(self.hub.run())
        async with self.serving(kept, *also):
            try:
                yield
            finally:
                self.events.stream.close()
                self.hub.close()
                watching.cancel()

    async def talks(self, call: str, agent: str = "reception") -> None:
        self.calls.add(id=call, agent=agent)
        await self.beat()
        begin(self.events, call)

    @asynccontextmanager
    async def reading(self, path: str, token: str = READER, last_id: str | None = None) -> AsyncIterator[Stream]:
        headers = {"Last-Event-ID": last_id} if last_id is not None else {}
        async with self.api.request("GET", path, token, headers=headers) as response:
            assert response.status == 200, await response.text()
            yield Stream(response)


@pytest.fixture(scope="module")
def valkey() -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.fixture
async def nodes(
    valkey: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Talking, Talking, Talking]]:
    for module, name in ((streams, "MOVED_SECONDS"), (cluster_live, "LOOK_S"), (cluster_live, "AGAIN_S")):
        monkeypatch.setattr(module, name, 0.2)
    await asyncio.to_thread(valkey.command, "FLUSHALL")
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(Database(store_at(tmp_path)))
        kept, made = ApiStorage(database, AuditLog(database, 30)), []
        for name in "abc":
            (home := tmp_path / name).mkdir()
            event_log = ValkeyEventLog(cluster_url.parse(valkey.url), "voiceai")
            events = await stack.enter_async_context(webhook_harness.events(told_to({}), home, event_log=event_log))
            node = Talking(name, valkey, database, events)
            await stack.enter_async_context(node.talking(kept))
            made.append(node)
            stack.push_async_callback(node.membership.close)
        for each in (*made, *made):
            await each.beat()
        a, b, c = made
        yield a, b, c


async def test_the_events_of_a_call_are_told_by_any_node_until_it_ends(nodes: tuple[Talking, Talking, Talking]) -> None:
    a, b, c = nodes
    await b.talks("x")
    async with a.reading("/v1/calls/x/events") as stream:
        first = await stream.next()
        say(b.events, "x")
        said = await stream.next()
    assert first is not None
    assert said is not None
    assert (first.event, said.data["data"]["text"]) == ("call.started", "hello")
    async with c.reading("/v1/calls/x/events", WITHOUT_WORDS, last_id=first.id) as stream:
        told = await stream.next()
        assert told is not None
        assert (told.id, told.data["data"]["text"]) == (said.id, None)
        end(b.events, "x")
        assert types(await stream.rest()) == ["call.ended"]
    async with a.api.request("GET", "/v1/calls/x/events", LIMITED) as answer:
        assert answer.status == 404, "of an agent that the key does not reach"
    async with a.api.request("GET", "/v1/calls/nobody/events", READER) as answer:
        assert answer.status == 404


async def test_who_waits_for_a_call_of_the_queue_is_told_when_another_node_dials_it(
    nodes: tuple[Talking, Talking, Talking],
) -> None:
    a, b, _ = nodes
    a.orders.add(id="queued")
    async with a.reading("/v1/calls/queued/events") as stream:
        await eventually(lambda: a.events.stream.subscribers == 1)
        await b.talks("queued")
        assert await stream.rest() == [], "it ends, and the client comes back"
    async with a.reading("/v1/calls/queued/events") as stream:
        (told,) = await stream.take(1)
        assert told.event == "call.started"


async def looks_for(answer: aiohttp.ClientResponse, *calls: str) -> dict[str, Any]:
    """What was told of these calls, until there is something of each."""
    found: dict[str, Any] = {}
    while not found.keys() >= set(calls):
        found |= {each["call"]: each for each in (await looks(answer))["scenes"]}
    return found


async def test_who_speaks_is_told_of_the_calls_of_all_nodes_and_workers_measure_only_meanwhile(
    nodes: tuple[Talking, Talking, Talking],
) -> None:
    a, b, c = nodes
    for each, call in ((a, "x"), (b, "y"), (c, "z")):
        await each.talks(call, agent="night" if call == "z" else "reception")
    assert not [each.asked_to_watch for each in nodes if each.asked_to_watch]
    async with a.api.request("GET", "/v1/live", READER) as answer, a.api.request("GET", "/v1/live", LIMITED) as of_key:
        await eventually(lambda: all(each.asked_to_watch for each in nodes))
        await eventually(lambda: [len(each.hub._subscribers) for each in nodes] == [2, 2, 2])
        for each, call in ((a, "x"), (b, "y"), (c, "z")):
            each.hub.take([status_of(call, "Good day")])
        told = await looks_for(answer, "x", "y", "z")
        assert {each["saying"] for each in told.values()} == {"Good day"}
        assert set(await looks_for(of_key, "z")) == {"z"}

    def nobody_reads() -> bool:
        for each in nodes:
            each.hub.take([status_of("x")])  # who writes learns that nobody reads
        return not any(each.hub._subscribers for each in nodes)

    await eventually(nobody_reads)


async def test_of_one_call_its_node_is_asked_and_no_other(nodes: tuple[Talking, Talking, Talking]) -> None:
    a, b, c = nodes
    await b.talks("y")
    async with a.api.request("GET", "/v1/live?call=y", WITHOUT_WORDS) as answer:
        await eventually(lambda: len(b.hub._subscribers) == 1)
        b.hub.take([status_of("other"), status_of("y", "Good day")])
        (scene,) = (await looks(answer))["scenes"]
        assert (scene["call"], scene["saying"], scene["cost"]) == ("y", "", 0.25)
    assert (a.asked_to_watch, c.asked_to_watch) == (0, 0)


async def test_a_node_that_is_away_costs_the_others_nothing(nodes: tuple[Talking, Talking, Talking]) -> None:
    a, b, c = nodes
    c.url = "http://127.0.0.1:9"
    for each in (c, a):
        await each.beat()
    async with a.api.request("GET", "/v1/live", READER) as answer:
        await eventually(lambda: len(b.hub._subscribers) == 1)
        b.hub.take([status_of("y")])
        assert set(await looks_for(answer, "y")) == {"y"}


async def test_it_is_audited_once_by_the_node_that_was_asked(nodes: tuple[Talking, Talking, Talking]) -> None:
    a, b, _ = nodes
    await b.talks("x")
    async with a.reading("/v1/calls/x/events") as stream:
        await stream.next()
    await a.api.kept.audit_log.drain()  # type: ignore[union-attr]
    _, page = await a.ask("GET", "/v1/audit", "admin-0123456789")
    assert [(each["by"], each["operation"], each["call"]) for each in page["entries"]] == [
        ("listener", "stream_call_events", "x")
    ]
