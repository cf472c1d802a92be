"""A node dies: whoever lives ends its calls, once, and has what it held. With a real PostgreSQL and each backend."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from prometheus_client import CollectorRegistry
from sqlalchemy import select, update

from controller.api.server import ApiServer
from controller.calls.outbound.dialer import Dialer
from controller.calls.outbound.entry import CallOrder, Status
from controller.calls.outbound.queue import Queue
from controller.calls.runtime.lost_calls import LostCalls
from controller.calls.runtime.snapshot_store import SnapshotStore
from controller.cluster import leases, membership, memory, reaping, valkey
from controller.cluster.departures import Departures
from controller.cluster.joining import reaper_of
from controller.cluster.membership import Membership
from controller.cluster.memory import MemoryBackend, Shared
from controller.cluster.node import LostCall, NodeId
from controller.cluster.nodes import NodeRegistry
from controller.cluster.port import Backend, NodeFacts, Report
from controller.config import CurrentConfig, cluster_url
from controller.events.factory import OutgoingEvent
from controller.events.pipeline import Events
from controller.events.records.history import History
from controller.events.records.repository import RecordRepository
from controller.events.records.restore import restorer
from controller.store.database import Database, StoreError
from controller.store.instance import Holder, StoreLock
from controller.store.tables.call_snapshots import live_calls
from controller.store.tables.outbound import outbound_calls
from controller.store.tables.records import calls
from tests.integration.outbound_harness import FakeControl
from tests.integration.webhook_harness import Receiver, begin, hook, receiver
from tests.peers.stores import on_postgresql, store_at
from tests.peers.valkey import Server
from tests.unit.controller.calls.runtime.test_stored_call import written
from tests.unit.controller.configs import config

LEASE_S = 0.6
NOBODY = "http://127.0.0.1:1"
MakeBackend = Callable[[NodeId], Backend]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    if not on_postgresql():
        pytest.skip("SQLite has one node")
    monkeypatch.setattr(membership, "BEAT_S", 0.1)
    monkeypatch.setattr(reaping, "STALE_S", LEASE_S)
    for module in (leases, membership, memory, valkey):
        monkeypatch.setattr(module, "LEASE_S", LEASE_S)


@pytest.fixture(params=["memory", "valkey"])
def backends(request: pytest.FixtureRequest) -> Any:
    if request.param == "memory":
        shared = Shared()
        yield lambda node: MemoryBackend(node, shared)
        return
    with Server() as server:
        yield lambda node: valkey.ValkeyBackend(node, cluster_url.parse(server.url), "test")


@dataclass
class Controller:
    """One node, without Asterisk. `live`: its calls and what is kept of each. It beats until `dies()`."""

    name: str
    webhook: str
    url: str = ""
    names_itself: bool = True
    live: dict[str, dict[str, Any]] = field(default_factory=dict)
    control: FakeControl = field(default_factory=FakeControl)
    made: list[OutgoingEvent] = field(default_factory=list)

    def report(self) -> Report:
        return Report(NodeFacts(self.url, names_itself=self.names_itself), "2026-11-30")

    def holdings(self) -> Mapping[str, tuple[str, ...]]:
        return dict.fromkeys(self.live, ("calls",))

    def elsewhere(self, day: str, amounts: Mapping[str, float]) -> None: ...

    @asynccontextmanager
    async def runs(self, folder: Path, backends: MakeBackend) -> AsyncIterator["Controller"]:
        current = CurrentConfig(config(webhooks={"crm": hook(self.webhook)}))
        async with Database(store_at(folder)) as self.database:
            self.registry = NodeRegistry(self.database)
            self.id = await self.registry.join(self.name, "1", "")
            self.cluster = Membership(self.id, backends(self.id), take_s=1.0)
            self.events = Events(current, self.database, CollectorRegistry(), keep=self.made.append)
            self.queue, self.records = Queue(self.database), RecordRepository(self.database)
            self.departures = Departures(self.database, (self.queue, self.events.outbox), (self.queue, self.records))
            self.dialer = Dialer(current, self.queue, self.control.place, self.events.observe)
            self.snapshots = SnapshotStore(self.database, self.live.get)
            lost = LostCalls(partial(restorer, History(self.database)), self.events.observe).tell
            self.metrics = CollectorRegistry()
            found = self.cluster, self.database, self.departures, lost, self.dialer.tell, self.metrics
            self.reaper = reaper_of(*found)
            self._tasks = [*map(asyncio.ensure_future, (self.events.run(), self.cluster.run(self), self._beats()))]
            try:
                await until(lambda: self.cluster.up)
                yield self
            finally:
                await self.dies()
                await self.cluster.close()

    async def _beats(self) -> None:
        while True:
            await self.registry.beat(self.id)
            await asyncio.sleep(0.1)

    async def works(self) -> None:
        """On the queue."""
        self._tasks.append(asyncio.ensure_future(self.dialer.run()))

    async def dies(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)

    async def keep(self, call: str, kept: dict[str, Any]) -> None:
        self.live[call] = kept
        await self.store(call)

    async def store(self, call: str) -> None:
        self.snapshots._queue.put(call)
        assert await self.snapshots._queue.finish(5)

    async def sees(self, call: str, owner: NodeId | None, look: Callable[[], Awaitable[Any]] | None = None) -> None:
        """Waits until this is the owner of the call, and looks for dead nodes meanwhile."""
        async with asyncio.timeout(15):
            while await self.cluster.owner(call) != owner:
                if look is not None:
                    await look()
                await asyncio.sleep(0.02)

    def count(self, metric: str) -> float:
        return self.metrics.get_sample_value(f"voiceai_cluster_{metric}_total") or 0.0


async def until(true: Callable[[], bool], *, look: Callable[[], Awaitable[Any]] | None = None) -> None:
    async with asyncio.timeout(15):
        while not true():
            if look is not None:
                await look()
            await asyncio.sleep(0.02)


async def queued(queue: Queue, database: Database, *names: str) -> None:
    now = datetime.now(UTC)
    for number, name in enumerate(names):
        order = CallOrder(f"+4930{1000 + number}", "main", "reception", "ops")
        ends = now + timedelta(hours=1)
        await queue.add(name, order, now=now, due_at=now, expires_at=ends, most=10)
    async with database.writing() as store:
        await store.execute(update(outbound_calls).values(untold=False))


def told(seen: Receiver) -> list[tuple[str, str, str]]:
    of_ends = [each.body for each in seen.got if each.body["type"] in ("call.ended", "call.settled")]
    return sorted((each["data"]["call"], each["type"], each["data"]["outcome"]) for each in of_ends)


async def test_what_a_dead_node_had_ends_once_and_is_free(tmp_path: Path, backends: MakeBackend) -> None:
    async with AsyncExitStack() as stack:
        seen = await stack.enter_async_context(receiver())
        a, b, c = [
            await stack.enter_async_context(Controller(each, seen.url()).runs(tmp_path, backends)) for each in "abc"
        ]
        await queued(a.queue, a.database, "rings", "waits")
        for entry in await a.queue.claim(await a.queue.heads(datetime.now(UTC), without=(), each=5), datetime.now(UTC)):
            if entry.id == "rings":
                await a.queue.dial(entry.id, datetime.now(UTC))
        await a.keep("talks", written())
        begin(a.events, "talks")
        await until(lambda: len(a.made) == 1)
        await a.records.put([each.event for each in a.made])
        a.cluster.hold("talks", ("calls",))
        await b.sees("talks", a.id)
        await b.reaper.look()
        assert (await b.queue.get("rings")).status is Status.DIALING  # type: ignore[union-attr]

        await a.dies()
        await b.sees("talks", None, lambda: asyncio.gather(b.reaper.look(), c.reaper.look()))
        assert b.count("reaped_nodes") + c.count("reaped_nodes") == 1
        assert b.count("lost_calls") + c.count("lost_calls") == 1
        for each in (b, c):
            await each.works()
        await until(lambda: len(b.control.placed + c.control.placed) == 1)
        assert b.control.placed + c.control.placed == ["+49301001"], "what it had claimed, and nobody else"
        await seen.until(lambda seen: len(told(seen)) == 2)
        assert told(seen) == [("rings", "call.settled", "interrupted"), ("talks", "call.ended", "node_lost")]
        await asyncio.gather(b.reaper.look(), c.reaper.look())
        assert await b.departures.untold() == await c.departures.untold() == []
        async with b.database.reading() as store:
            ended = select(calls.c.outcome).where(calls.c.call == "talks", calls.c.ended_at.is_not(None))
            assert (await store.execute(ended)).scalars().all() == ["node_lost"]
        assert not seen.forged


@pytest.mark.parametrize("backends", ["memory"], indirect=True)
async def test_slots_are_free_though_the_store_takes_nothing_of_what_is_told(
    tmp_path: Path, backends: MakeBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with AsyncExitStack() as stack:
        seen = await stack.enter_async_context(receiver())
        a, b = [await stack.enter_async_context(Controller(each, seen.url()).runs(tmp_path, backends)) for each in "ab"]
        await a.keep("talks", written())
        a.cluster.hold("talks", ("calls",))
        await b.sees("talks", a.id)

        async def away(_: LostCall) -> bool:
            raise StoreError("away")

        async def look() -> None:
            with suppress(StoreError):
                await b.reaper.look()

        with monkeypatch.context() as patch:
            patch.setattr(b.reaper, "_tell_lost", away)
            await a.dies()
            await b.sees("talks", None, look)
        await b.reaper.look()
        await seen.until(lambda seen: len(told(seen)) == 1)
        assert told(seen) == [("talks", "call.ended", "node_lost")]


@pytest.mark.parametrize("backends", ["memory"], indirect=True)
async def test_a_node_that_was_taken_for_dead_finds_out_and_says_again_what_it_has(
    tmp_path: Path, backends: MakeBackend
) -> None:
    async with AsyncExitStack() as stack:
        seen = await stack.enter_async_context(receiver())
        a, b = [await stack.enter_async_context(Controller(each, seen.url()).runs(tmp_path, backends)) for each in "ab"]
        await a.keep("talks", written())
        a.cluster.hold("talks", ("calls",))
        await b.sees("talks", a.id)
        await a.dies()  # it stands still
        await b.sees("talks", None, b.reaper.look)
        await seen.until(lambda seen: len(seen.got) == 1)

        assert await a.registry.beat(a.id)
        assert not await a.registry.beat(a.id), "told once"
        a.snapshots.write_again()
        assert await a.snapshots._queue.finish(5)
        async with b.database.reading() as store:
            rows = (await store.execute(select(live_calls.c.node, live_calls.c.lost_at))).all()
        assert [tuple(row) for row in rows] == [("a", None)]
        running = asyncio.create_task(a.cluster.run(a))
        await b.sees("talks", a.id)
        running.cancel()
        await asyncio.wait([running])


async def test_a_node_that_died_before_the_backend_was_emptied_is_found_dead(tmp_path: Path) -> None:
    """Nobody knows of its lease any more, but who has heard of it."""
    shared = Shared()
    async with AsyncExitStack() as stack:
        seen = await stack.enter_async_context(receiver())
        a, b = [
            await stack.enter_async_context(
                Controller(each, seen.url()).runs(tmp_path, lambda node: MemoryBackend(node, shared))
            )
            for each in "ab"
        ]
        await a.keep("talks", written())
        a.cluster.hold("talks", ("calls",))
        await b.sees("talks", a.id)
        await b.reaper.look()
        await a.dies()
        shared.empty()
        await until(lambda: [each.node for each in b.cluster.leases] == [b.id], look=b.reaper.look)
        await until(lambda: bool(b.count("lost_calls")), look=b.reaper.look)
        await seen.until(lambda seen: len(told(seen)) == 1)
        assert told(seen) == [("talks", "call.ended", "node_lost")]
        await b.reaper.look()
        assert a.id not in b.reaper._heard


def health(headers: Mapping[str, str], asked: asyncio.Event) -> web.Application:
    """What answers `/healthz`."""

    async def answer(_: web.Request) -> web.Response:
        asked.set()
        return web.json_response({"status": "ok"}, headers=headers)

    app = web.Application()
    app.router.add_get("/healthz", answer)
    return app


@pytest.mark.parametrize("named", [False, True], ids=["release before", "by name"])
async def test_a_node_whose_api_answers_is_left_alone(tmp_path: Path, named: bool) -> None:
    headers = {"Voiceai-Node": "a"} if named else {}
    shared, asked = Shared(), asyncio.Event()
    app = health(headers, asked)
    async with AsyncExitStack() as stack:
        async with ApiServer(app, "127.0.0.1", 0) as api:
            a, b = [
                await stack.enter_async_context(each.runs(tmp_path, lambda node: MemoryBackend(node, shared)))
                for each in (Controller("a", NOBODY, f"http://127.0.0.1:{api.port}/", named), Controller("b", NOBODY))
            ]
            await a.keep("damaged", {"version": 99})
            a.cluster.hold("damaged", ("calls",))
            await b.sees("damaged", a.id)
            await a.dies()
            await until(asked.is_set, look=b.reaper.look)
            assert await b.cluster.owner("damaged") == a.id
        await b.sees("damaged", None, b.reaper.look)
        assert await b.departures.untold() == [], "nobody can be told of a call that can't be read"


@pytest.mark.parametrize("headers", [{"Voiceai-Node": "b"}, {}], ids=["another node", "who knows the path"])
async def test_an_answer_of_somebody_else_is_no_sign_of_life(tmp_path: Path, headers: dict[str, str]) -> None:
    shared, asked = Shared(), asyncio.Event()
    async with AsyncExitStack() as stack:
        api = await stack.enter_async_context(ApiServer(health(headers, asked), "127.0.0.1", 0))
        url = f"http://127.0.0.1:{api.port}"
        a, b = [
            await stack.enter_async_context(
                Controller(each, NOBODY, url).runs(tmp_path, lambda node: MemoryBackend(node, shared))
            )
            for each in "ab"
        ]
        await a.keep("damaged", {"version": 99})
        a.cluster.hold("damaged", ("calls",))
        await b.sees("damaged", a.id)
        await a.dies()
        await b.sees("damaged", None, b.reaper.look)
        assert asked.is_set()
        assert b.count("reaped_nodes") == 1


async def test_a_node_that_is_being_started_is_left_alone_and_one_that_stands_still_is_not(tmp_path: Path) -> None:
    shared, us = Shared(), Holder.of_us("127.0.0.1:1", "voiceai")
    lock, still = [StoreLock(store_at(tmp_path), tmp_path / name, us, "a") for name in ("next.lock", "still.lock")]
    async with AsyncExitStack() as stack:
        a, b = [
            await stack.enter_async_context(
                Controller(each, NOBODY).runs(tmp_path, lambda node: MemoryBackend(node, shared))
            )
            for each in "ab"
        ]
        stack.push_async_callback(lock.release)
        stack.push_async_callback(still.release)
        await a.keep("damaged", {"version": 99})
        a.cluster.hold("damaged", ("calls",))
        await b.sees("damaged", a.id)
        await a.dies()
        await lock.acquire()
        await until(lambda: a.id in b.reaper._spared, look=b.reaper.look)
        assert await b.cluster.owner("damaged") == a.id
        await lock.release()
        await still.acquire()
        await a.registry.beat(a.id)
        await b.sees("damaged", None, b.reaper.look)
