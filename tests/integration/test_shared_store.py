"""Several nodes on one PostgreSQL: what each owns stays its own, and what is everybody's is done once."""

import asyncio
import os
import random
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import func, select, text, update

from controller.api.idempotency import Idempotency
from controller.api.problems import Problem
from controller.calls.admission.capacity import Slot
from controller.calls.admission.control import AdmissionControl, today
from controller.calls.admission.spending import Spending
from controller.calls.admission.usage_store import UsageStore
from controller.calls.errors import Busy
from controller.calls.outbound.entry import CallOrder, QueuedCall, QueueFilter, Status
from controller.calls.outbound.queue import NotQueued, Queue
from controller.calls.runtime.snapshot_store import SnapshotStore
from controller.cluster.departures import Departures
from controller.cluster.node import NodeId
from controller.cluster.nodes import NodeRegistry
from controller.config import CurrentConfig
from controller.config.prices import Prices
from controller.events.records.repository import NODE_LOST, RecordRepository
from controller.events.webhooks.outbox import AttemptResult, Draft, LostCallTold, Outbox
from controller.events.webhooks.retry_policy import Delivered
from controller.store.database import Database
from controller.store.tables.call_snapshots import live_calls
from controller.store.tables.events import webhook_outbox
from controller.store.tables.outbound import outbound_calls
from tests.integration.webhook_harness import Receiver, eventually, receiver
from tests.peers.stores import on_postgresql, store_at
from tests.unit.controller.configs import FULL, config
from tests.unit.controller.workers.test_worker_choice import worker, workers

ROOT = Path(__file__).parents[2]
NUMBERS = 200
NOW = datetime(2026, 11, 30, 12, 0, tzinfo=UTC)
LATER = NOW + timedelta(minutes=1)


@pytest.fixture(autouse=True)
def of_a_server() -> None:
    if not on_postgresql():
        pytest.skip("SQLite has one node")


@dataclass
class Node:
    """Of one controller: what it has of the store."""

    id: NodeId
    database: Database
    queue: Queue
    outbox: Outbox
    snapshots: SnapshotStore
    departures: Departures


@asynccontextmanager
async def node(folder: Path, name: str, live: tuple[str, ...] = ()) -> AsyncIterator[Node]:
    async with Database(store_at(folder)) as database:
        us = await NodeRegistry(database).join(name, "1", "")
        queue, outbox, records = Queue(database), Outbox(database), RecordRepository(database)
        snapshots = SnapshotStore(database, lambda call: {"call": call} if call in live else None)
        yield Node(us, database, queue, outbox, snapshots, Departures(database, (queue, outbox), (queue, records)))


async def queued(queue: Queue, count: int) -> list[QueuedCall]:
    made = [
        await queue.add(
            f"call-{number}",
            CallOrder(f"+4930{1000 + number}", "main", "reception", "ops"),
            now=NOW,
            due_at=NOW,
            expires_at=datetime.now(UTC) + timedelta(hours=1),
            most=1000,
        )
        for number in range(count)
    ]
    async with queue._database.writing() as store:
        await store.execute(update(outbound_calls).values(untold=False))
    return made


async def status_of(queue: Queue, call: str) -> tuple[Status, str | None]:
    found = await queue.get(call)
    assert found is not None
    return found.status, found.result


async def test_a_call_is_claimed_by_one_node_and_dialled_by_that_one(tmp_path: Path) -> None:
    async with node(tmp_path, "a") as a, node(tmp_path, "b") as b:
        first, second = await queued(a.queue, 2)
        assert [each.id for each in await a.queue.claim([first, second], LATER)] == [first.id, second.id]
        assert await b.queue.claim([first, second], LATER) == []
        assert await b.queue.heads(LATER, without=(), each=10) == []
        with pytest.raises(NotQueued):
            await b.queue.dial(first.id, LATER)
        await a.queue.dial(first.id, LATER)
        await a.queue.release(without=())
        assert [each.id for each in await b.queue.claim([first, second], LATER)] == [second.id]
        assert await b.queue.cancel(second.id, "ops", LATER)
        with pytest.raises(NotQueued):
            await b.queue.dial(second.id, LATER)


async def test_the_start_of_a_node_touches_no_other_node_s_rows(tmp_path: Path) -> None:
    async with node(tmp_path, "a") as a, node(tmp_path, "b", ("live-b",)) as b:
        one, two, three, four = await queued(a.queue, 4)
        for whose, entry in ((a, one), (b, two)):
            await whose.queue.claim([entry], LATER)
            await whose.queue.dial(entry.id, LATER)
        await a.queue.claim([three], LATER)
        await b.queue.claim([four], LATER)
        b.snapshots._queue.put("live-b")
        assert await b.snapshots._queue.finish(5)
        async with node(tmp_path, "a") as again:
            assert again.id == NodeId("a", 2)
            assert await again.snapshots.read() == {}
            assert await again.queue.interrupt(LATER) == [one.id]
            assert [each.id for each in await again.queue.claim([three, four], LATER)] == [three.id]
        assert await status_of(a.queue, two.id) == (Status.DIALING, None)
        assert await b.queue.untold(LATER) == []
        async with node(tmp_path, "b") as again:
            assert list(await again.snapshots.read()) == ["live-b"]
            assert await again.queue.go_on(one.id) is None
            assert (await again.queue.go_on(two.id)) is not None
            assert await again.queue.interrupt(LATER, without=[two.id]) == []


async def test_what_a_dead_node_had_is_ended_or_free_in_one_step(tmp_path: Path) -> None:
    async with node(tmp_path, "a", ("call-0",)) as a, node(tmp_path, "b", ("live-b",)) as b:
        talks, rings, waits, theirs = await queued(a.queue, 4)
        for entry in (talks, rings):
            await a.queue.claim([entry], LATER)
            await a.queue.dial(entry.id, LATER)
        await a.queue.claim([waits], LATER)
        await b.queue.claim([theirs], LATER)
        await b.queue.dial(theirs.id, LATER)
        a.snapshots._kept = lambda call: {"answered_at": NOW.isoformat()}
        for whose, call in ((a, talks.id), (b, "live-b")):
            whose.snapshots._queue.put(call)
            assert await whose.snapshots._queue.finish(5)
        draft = Draft("e1", "call.ended", talks.id, "crm", None, b"{}", NOW)
        await a.outbox.write([draft], NOW)
        assert await a.outbox.claim((await a.outbox.due(LATER, (), 8, 8)).entries, LATER)
        assert (await b.outbox.due(LATER, (), 8, 8)).entries == []

        ended = await b.departures.end_calls_of(a.id)
        assert ([each.call for each in ended.live], set(ended.queued)) == ([talks.id], {talks.id, rings.id})
        assert await status_of(b.queue, talks.id) == (Status.ENDED, NODE_LOST)
        assert await status_of(b.queue, rings.id) == (Status.ENDED, "interrupted")
        assert await status_of(b.queue, waits.id) == (Status.QUEUED, None)
        assert await status_of(b.queue, theirs.id) == (Status.DIALING, None)
        (webhook,) = (await b.outbox.due(LATER, (), 8, 8)).entries
        assert await b.outbox.claim([webhook], LATER)
        assert [each.call for each in await b.departures.untold()] == [talks.id]
        for _ in range(2):  # it is written once
            await b.outbox.write([LostCallTold(talks.id, (replace(draft, event="e2"),))], NOW)
        assert await b.outbox.sizes() == (2, 0)
        assert await b.departures.untold() == []
        async with b.database.reading() as store:
            assert (await store.execute(select(live_calls.c.call))).scalars().all() == ["live-b"]

        registry = NodeRegistry(b.database)
        assert [each.lost for each in await registry.all()] == [True, False]
        await registry.beat(a.id)  # it was only taken for dead, and comes back
        assert [each.lost for each in await registry.all()] == [False, False]
        with pytest.raises(NotQueued):
            await a.queue.dial(rings.id, LATER)
        (late,) = await b.queue.claim([waits], LATER)
        with pytest.raises(NotQueued):
            await a.queue.dial(late.id, LATER)


async def test_a_node_that_was_started_again_is_not_ended(tmp_path: Path) -> None:
    async with node(tmp_path, "a") as a, node(tmp_path, "b") as b:
        (rings,) = await queued(a.queue, 1)
        await a.queue.claim([rings], LATER)
        await a.queue.dial(rings.id, LATER)
        async with node(tmp_path, "a"):
            assert (await b.departures.end_calls_of(a.id)).queued == ()
            assert await status_of(b.queue, rings.id) == (Status.DIALING, None)


async def test_a_lane_that_two_nodes_write_to_is_never_stuck(tmp_path: Path) -> None:
    """One delivers the first entry in the moment in which the other adds the next one."""
    async with node(tmp_path, "a") as a, node(tmp_path, "b") as b:
        for turn in range(30):
            await a.outbox.write([Draft(f"a{turn}", "t", "call", "crm", None, b"{}", NOW)], NOW)
            (entry,) = await a.outbox.claim((await a.outbox.due(LATER, (), 8, 8)).entries, LATER)
            await asyncio.gather(
                a.outbox.write([AttemptResult(entry, Delivered(), NOW)], NOW),
                b.outbox.write([Draft(f"b{turn}", "t", "call", "crm", None, b"{}", NOW)], NOW),
            )
            (second,) = (await b.outbox.due(LATER, (), 8, 8)).entries
            assert second.event == f"b{turn}"
            await b.outbox.write([AttemptResult(second, Delivered(), NOW)], NOW)


@asynccontextmanager
async def book(folder: Path, name: str) -> AsyncIterator[tuple[AdmissionControl, UsageStore]]:
    """The usage of one run of a node."""
    settings = config(FULL, limits__spend_per_day=10, limits__minutes_per_day=1, trunks__main__calls_per_hour=3)
    async with Database(store_at(folder)) as database:
        await NodeRegistry(database).join(name, "1", "")
        spending = Spending(settings.limits, Prices({}))
        room = AdmissionControl(CurrentConfig(settings), workers(worker()), spending, lambda: [])
        usage = UsageStore(database, room)
        await usage.read()
        yield room, usage
        assert await usage._queue.finish(5)


async def test_what_was_dialled_and_spent_is_the_sum_over_nodes_and_their_restarts(tmp_path: Path) -> None:
    out, day = Slot("outbound", "main", "reception"), today()
    async with book(tmp_path, "a") as (a, a_store), book(tmp_path, "b") as (b, b_store):
        for room, store, dollars, leg in ((a, a_store, 3.0, "one"), (b, b_store, 4.0, "two")):
            room.remember([], dollars, NOW)
            room.admit(out)
            room.dial(leg, "main", own=True)
            await store._write(())
            await store._write(())  # once more: the same figure
        a_store._others_at = b_store._others_at = None  # its time has come
        await a_store._write(())
        assert (a.dollars(day), a._spending._day.spent(day)) == (3.0, 7.0)
        a.admit(out)
        with pytest.raises(Busy, match="calls_per_hour"):  # two of this node, one of the other
            a.admit(out)
    async with book(tmp_path, "a") as (a, a_store), book(tmp_path, "b") as (b, _):
        assert [(each.dollars(day), each._spending._day.spent(day)) for each in (a, b)] == [(3.0, 7.0), (4.0, 7.0)]
        a.remember([], 3.5, NOW)
        await a_store._write(())
    async with book(tmp_path, "c") as (c, _):
        assert (c.dollars(day), c._spending._day.spent(day)) == (0.0, 10.5)
        with pytest.raises(Busy, match="spend_per_day"):
            c.admit(out)


async def test_a_key_is_in_use_while_another_node_carries_it_out(tmp_path: Path) -> None:
    async with node(tmp_path, "a") as a, node(tmp_path, "b") as b:
        ours, theirs = Idempotency(a.database), Idempotency(b.database)
        claim = ("ops", "key"), "fingerprint"
        at = await ours._claim(*claim, NOW, True)
        assert at == NOW
        with pytest.raises(Problem, match="key-in-use"):
            await theirs._claim(*claim, LATER, True)
        assert await ours._claim(*claim, LATER, True) == at, "its first run may have been cut off"
        await a.departures.end_calls_of(a.id)
        assert await theirs._claim(*claim, LATER, True) == at, "under the same id"


async def test_controllers_that_start_at_once_take_turns_with_the_tables(tmp_path: Path) -> None:
    """And one that dies meanwhile leaves them as they were."""
    url = store_at(tmp_path)
    dies = """
import asyncio, os, signal, sys
from controller.store import database, migrations
from controller.store.migrations import steps
ran = steps.run_missing
def die(connection):
    ran(connection)
    os.kill(os.getpid(), signal.SIGKILL)
steps.run_missing = die
async def main():
    async with database.Database(sys.argv[1]):
        pass
asyncio.run(main())
"""
    dead = await asyncio.create_subprocess_exec(sys.executable, "-c", dies, url, cwd=ROOT)
    assert await dead.wait() == -signal.SIGKILL

    async def start(number: int) -> int:
        async with Database(url) as database:
            return (await NodeRegistry(database).join(f"n{number}", "1", "")).epoch

    assert await asyncio.gather(*map(start, range(3))) == [1, 1, 1]


# ---------------------------------------------------------------- as processes


@dataclass
class Process:
    name: str
    child: asyncio.subprocess.Process
    log: Path

    async def up(self) -> None:
        def up() -> bool:
            assert self.child.returncode is None, self.log.read_text()
            return "\nup " in self.log.read_text()

        await eventually(up, 45)

    async def end(self) -> None:
        assert self.child.stdin is not None
        self.child.stdin.close()
        async with asyncio.timeout(30):
            assert await self.child.wait() == 0, self.log.read_text()


@asynccontextmanager
async def processes(folder: Path, hooked: Receiver) -> AsyncIterator[list[Process]]:
    """Three nodes. Those that live at the end are ended in order."""
    (folder / "dialled").touch()
    nodes: list[Process] = []
    try:
        for name in "abc":
            arguments = store_at(folder), name, hooked.url(), str(folder / "dialled")
            path = folder / f"{name}.log"
            with path.open("w") as log:
                child = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-m", "tests.peers.node_process", *arguments),
                    stdin=asyncio.subprocess.PIPE,
                    stdout=log,
                    stderr=log,
                    cwd=ROOT,
                )
            nodes.append(Process(name, child, path))
        await asyncio.gather(*(each.up() for each in nodes))
        yield nodes
        await asyncio.gather(*(each.end() for each in nodes if each.child.returncode is None))
    finally:
        for each in nodes:
            if each.child.returncode is None:
                each.child.kill()
                await each.child.wait()


async def cut_connections(database: Database) -> None:
    """As a network or a fail-over does: all but ours."""
    async with database.reading() as store:
        others = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        await store.execute(text(f"SELECT pg_terminate_backend(pid) FROM ({others}) AS others"))


async def stands_still(node: Process, database: Database) -> bool:
    """While it dials somebody; otherwise it goes on."""
    node.child.send_signal(signal.SIGSTOP)
    dials = (outbound_calls.c.status == Status.DIALING, outbound_calls.c.node == node.name)
    async with database.reading() as store:
        if (await store.scalar(select(func.count()).where(*dials)) or 0) > 1:
            return True
    node.child.send_signal(signal.SIGCONT)
    return False


@pytest.mark.timeout(120)  # three processes that are started
async def test_200_numbers_three_nodes_one_killed_and_connections_cut(tmp_path: Path) -> None:
    chance = random.Random(int(os.environ.get("NODES_SEED", "7")))
    async with receiver() as hooked, Database(store_at(tmp_path)) as database:
        queue = Queue(database)

        async def told() -> bool:
            async with database.reading() as store:
                waiting = await store.scalar(select(func.count()).select_from(webhook_outbox))
                untold = await store.scalar(select(func.count()).where(outbound_calls.c.untold))
            return waiting == 0 and untold == 0

        async with processes(tmp_path, hooked) as nodes:
            await queued(queue, NUMBERS)
            victim, reaper, _ = chance.sample(nodes, 3)
            kill_at, cuts = chance.randint(40, 120), sorted(chance.sample(range(20, 180), 2))
            while (count := (await queue.counts())[Status.ENDED]) < NUMBERS:
                if cuts and count >= cuts[0]:
                    cuts.pop(0)
                    await cut_connections(database)
                if victim.child.returncode is None and count >= kill_at and await stands_still(victim, database):
                    victim.child.kill()
                    await victim.child.wait()
                    assert reaper.child.stdin is not None
                    reaper.child.stdin.write(f"reap {victim.name}:1\n".encode())
                await asyncio.sleep(0.02)
            await eventually(told, 30)
        results = {
            entry.order.callee: entry.result for entry in await queue.page(QueueFilter(), before=None, limit=1000)
        }
    dialled = Counter((tmp_path / "dialled").read_text().split())
    assert (len(results), set(results.values()) - {"answered", "interrupted"}) == (NUMBERS, set())
    assert [number for number, times in dialled.items() if times > 1] == []
    assert (answered := {number for number, result in results.items() if result == "answered"}) <= dialled.keys()
    assert 0 < len(results) - len(answered) <= 40, "of the dead node, and of the cut connections"
    settled = [each.body for each in hooked.got if each.body["type"] == "call.settled"]
    assert {each["data"]["call"] for each in settled} == {f"call-{number}" for number in range(NUMBERS)}
    ids = Counter(each["id"] for each in settled)
    assert sum(times - 1 for times in ids.values()) <= 8, "only what the dead node was sending comes again"
    assert len(ids) == NUMBERS, "nothing is told twice"
