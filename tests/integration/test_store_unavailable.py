"""A real PostgreSQL that is frozen, killed and started again: who writes to it waits, loses nothing, and goes on."""

import asyncio
import gc
import uuid
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import insert, select

from controller.api import audit
from controller.api.audit import AuditEntry, AuditLog
from controller.calls.admission import usage_store
from controller.calls.admission.control import AdmissionControl, today
from controller.calls.admission.spending import Spending
from controller.calls.admission.usage_store import UsageStore
from controller.calls.outbound import dialer as dialers
from controller.calls.outbound.dialer import Dialer
from controller.calls.outbound.entry import Status
from controller.calls.outbound.queue import Queue
from controller.config import CurrentConfig
from controller.config.prices import Prices
from controller.events.pipeline import Events
from controller.events.records import writer
from controller.events.records.history import RecordFilter
from controller.events.webhooks import delivery, outbox_writer
from controller.store import database as databases
from controller.store.database import Database, StoreError
from controller.store.tables.api import audit as audit_table
from controller.store.tables.outbound import outbound_pauses
from controller.store.tables.usage import node_spending
from tests.integration.outbound_harness import FakeControl, Office, orders_of
from tests.integration.records_harness import desk, story_of
from tests.integration.webhook_harness import assert_in_order, begin, end, eventually, hook, receiver, say, told_to
from tests.peers.stores import Server
from tests.unit.controller.configs import FULL, config
from tests.unit.controller.workers.test_worker_choice import worker, workers

NOW = datetime(2026, 11, 23, 13, 30, tzinfo=UTC)
PARTS_OF_A_CALL = {
    **{"call_words": 1, "call_turns": 1, "call_tools": 1, "call_usage": 1, "call_recordings": 1},
    **{"call_events": 14, "call_legs": 2},
}
CALLS = [f"call-{number}" for number in range(5)]


@pytest.fixture(scope="module")
def started() -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.fixture
def server(started: Server, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    """Runs when the test begins and when it ends; what waits for the store is impatient."""
    monkeypatch.setattr(databases, "TRANSACTION_SECONDS", 0.5)
    monkeypatch.setattr(outbox_writer, "AWAY_SECONDS", (0.05,))
    monkeypatch.setattr(delivery, "AWAY_SECONDS", 0.05)
    monkeypatch.setattr(writer, "AWAY_SECONDS", (0.05,))
    monkeypatch.setattr(audit, "RETRY_SECONDS", 0.05)
    monkeypatch.setattr(usage_store, "PAGE_SECONDS", 0.1)
    monkeypatch.setattr(usage_store, "GATHER_SECONDS", 0.0)
    monkeypatch.setattr(dialers, "STORE_AWAY_SECONDS", 0.05)
    monkeypatch.setattr(dialers, "SAVE_AGAIN_SECONDS", (0.05,))
    yield started
    if started.killed:
        started.start()
    started.thaw()


@pytest.fixture
def url(server: Server) -> str:
    """A database of its own, also for a test that is run again."""
    return server.url(f"of_{uuid4().hex}")


async def pause(database: Database, trunk: str, meanwhile: Callable[[], None] = lambda: None) -> None:
    async with database.writing() as connection:
        await connection.execute(insert(outbound_pauses).values(trunk=trunk, asked_by="ops", since=NOW))
        meanwhile()


async def pauses(database: Database) -> set[str]:
    async with database.reading() as connection:
        return set((await connection.execute(select(outbound_pauses.c.trunk))).scalars())


async def outage(server: Server) -> None:
    """First it hangs, then it is gone, then it is back: each long enough for several attempts."""
    server.freeze()
    await asyncio.sleep(1.2)
    await asyncio.to_thread(server.kill)  # it takes leave of those who were connecting: they must be able to hear it
    await asyncio.sleep(0.3)
    await asyncio.to_thread(server.start)


async def test_frozen_killed_and_back(server: Server, url: str) -> None:
    """Each way of being away is the one error that everybody is prepared for, and none of them lasts."""
    async with Database(url) as database:
        await pause(database, "before")
        server.freeze()
        for work in (pause(database, "frozen"), pauses(database)):
            with pytest.raises(StoreError, match="did not answer"):
                await work
        server.thaw()
        await pause(database, "thawed")
        server.kill()
        for work in (pause(database, "killed"), pauses(database)):
            with pytest.raises(StoreError):
                await work
        server.start()
        await pause(database, "back")
        assert await pauses(database) >= {"before", "thawed", "back"}


async def test_a_restart_that_nobody_saw_is_no_error(server: Server, url: str) -> None:
    """Connections that were kept open are all broken: they are replaced before they are used."""
    async with Database(url) as database:
        await asyncio.gather(*(pause(database, str(number)) for number in range(3)), pauses(database))
        server.kill()
        server.start()
        assert await pauses(database) == {"0", "1", "2"}
        await pause(database, "after")


async def test_one_that_hangs_holds_up_neither_the_end_nor_the_next_start(
    server: Server, url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(databases, "CLOSE_SECONDS", 0.5)
    async with asyncio.timeout(20):
        async with Database(url) as database:
            await asyncio.gather(*(pauses(database) for _ in range(3)))
            server.freeze()
        with pytest.raises(StoreError, match="can't be opened"):
            await Database(url).__aenter__()
    gc.collect()  # a connection that was left open is an error of this test, and not of a later one


async def test_killed_in_the_middle_of_a_transaction(server: Server, url: str) -> None:
    async with Database(url) as database:
        with pytest.raises(StoreError):
            await pause(database, "a", meanwhile=server.kill)
        server.start()
        assert await pauses(database) == set()


async def test_many_who_want_it_while_it_hangs_all_hear_of_it_in_time(server: Server, url: str) -> None:
    async with Database(url) as database:
        await pauses(database)
        server.freeze()
        work = [*(pause(database, str(number)) for number in range(20)), *(pauses(database) for _ in range(40))]
        async with asyncio.timeout(20):
            found = await asyncio.gather(*work, return_exceptions=True)
        assert {type(each) for each in found} == {StoreError}, found
        server.thaw()
        await pause(database, "after")
        assert "after" in await pauses(database)


async def test_no_event_for_a_webhook_is_missing(server: Server, url: str) -> None:
    async with receiver() as there, Database(url) as database:
        counted = CollectorRegistry()
        made = Events(CurrentConfig(told_to({"crm": hook(there.url())})), database, counted)
        running = asyncio.create_task(made.run())
        for call in CALLS:
            begin(made, call)
        going = asyncio.create_task(outage(server))
        words = 0
        while not going.done():
            words += 1
            for call in CALLS:
                say(made, call, f"word {words}")
            await asyncio.sleep(0.04)
        await going
        for call in CALLS:
            end(made, call)
        await there.until(lambda seen: sum(each.body["type"] == "call.ended" for each in seen.got) >= len(CALLS))
        await made.drain()
        running.cancel()
        await asyncio.wait([running])
    assert_in_order(there.got)
    for call in CALLS:
        said = {each.body["id"] for each in there.got if each.lane[1] == call and each.body["type"] == "call.said"}
        assert len(said) == words
    assert counted.get_sample_value("voiceai_events_dropped_total", {"queue": "outbox"}) is None


async def test_no_record_of_a_call_is_missing(server: Server, url: str, tmp_path: Path) -> None:
    """Told in an outage which outlasts the controller, or to the next one."""
    ids = [str(uuid.UUID(int=number)) for number in range(1, 41)]
    async with desk(tmp_path, url=url) as it:
        it.tell(story_of(ids[0])[:-3])
        await it.written()
        server.freeze()
        it.tell(story_of(ids[0])[-3:])
        for call in ids[1:20]:
            it.tell(story_of(call))
        await eventually(lambda: it.spool.size > 0)
        for call in ids[20:30]:
            it.tell(story_of(call))
        await asyncio.to_thread(server.kill)
    await asyncio.to_thread(server.start)
    async with desk(tmp_path, epoch="f", url=url) as it:
        for call in ids[30:]:
            it.tell(story_of(call))
        await it.written()
        found = [row.call async for row in it.history.everything(RecordFilter())]
        assert sorted(found) == ids
        for call in ids:
            kept = await it.history.find(call)
            assert kept is not None
            assert kept.call.outcome == "answered"
            assert {name: len(rows) for name, rows in kept.parts.items()} == PARTS_OF_A_CALL
        assert it.value("voiceai_records_lost_total") == 0


async def test_no_line_of_the_audit_log_is_missing(server: Server, url: str) -> None:
    async with Database(url) as database:
        audit_log = AuditLog(database, 30)
        running = asyncio.create_task(audit_log.run())
        going = asyncio.create_task(outage(server))
        noted = 0
        while not going.done():
            noted += 1
            audit_log.note(AuditEntry(NOW, "ops", "hang_up_call", "c", {}, 200, str(noted)))
            await asyncio.sleep(0.04)
        await going
        await audit_log.drain()
        assert not running.done()
        running.cancel()
        async with database.reading() as connection:
            rows = (await connection.execute(select(audit_table.c.request_id).order_by(audit_table.c.number))).scalars()
            assert list(rows) == [str(number) for number in range(1, noted + 1)]


async def test_what_was_spent_is_written_down_afterwards(server: Server, url: str) -> None:
    settings = config(FULL)
    async with Database(url) as database:
        spending = Spending(settings.limits, Prices({}))
        room = AdmissionControl(CurrentConfig(settings), workers(worker()), spending, lambda: [])
        usage = UsageStore(database, room)
        await usage.read()
        running = asyncio.create_task(usage.run())
        dollars = 0
        going = asyncio.create_task(outage(server))
        while not going.done():
            dollars += 1
            spending.remember(1.0, today())
            room.news.set()
            await asyncio.sleep(0.02)
        await going
        assert not running.done(), "the task outlives the outage"
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
        await usage.finish()
        async with database.reading() as connection:
            assert (await connection.execute(select(node_spending.c.dollars))).scalar_one() == dollars


async def test_the_queue_waits_and_goes_on_and_nobody_is_called_twice(server: Server, url: str) -> None:
    control = FakeControl(room=2)
    async with Database(url) as database:
        loaded: Any = config()
        queue = Queue(database)
        dialer = Dialer(CurrentConfig(loaded), queue, control.place)
        office = Office(control, queue, dialer, orders_of(loaded, queue, dialer))
        ids = [await office.order(f"+4930{number:05d}") for number in range(6)]
        running = asyncio.create_task(dialer.run())
        await control.until_live(2)
        for call in ids[:2]:
            await control.dial(call)
        going = asyncio.create_task(outage(server))
        await asyncio.sleep(0.2)
        for call in ids[:2]:
            control.end(call, "answered", answered_at=NOW)
        await asyncio.sleep(0)
        await going
        for first in (2, 4):
            await control.until_live(2)
            for call in ids[first : first + 2]:
                await control.dial(call)
                control.end(call, "answered", answered_at=NOW)
        for call in ids:
            assert (await office.over(call)).result == "answered"
        running.cancel()
        await asyncio.wait({running})
        await dialer.finish()
        assert control.placed == [f"+4930{number:05d}" for number in range(6)]
        assert (await queue.counts())[Status.DIALING] == 0
