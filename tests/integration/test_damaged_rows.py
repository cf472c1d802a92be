"""A damaged row in the store costs only the call that it describes, and never the start of the controller."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from sqlalchemy import create_engine, insert, select, text

from controller.api.auth.sessions import Sessions
from controller.api.resources.history import shown
from controller.calls.admission.control import AdmissionControl, today
from controller.calls.admission.spending import Spending
from controller.calls.admission.usage_store import UsageStore
from controller.calls.outbound.entry import Attempt, QueueFilter, Status
from controller.calls.runtime.snapshot_store import SnapshotStore
from controller.config import CurrentConfig
from controller.config.prices import Prices
from controller.events.records.history import History, RecordFilter
from controller.store.database import Database, StoreError
from controller.store.migrations import steps
from controller.store.tables.api import sessions as sessions_table
from controller.store.tables.outbound import outbound_calls
from controller.store.tables.records import calls as calls_table
from tests.integration.outbound_harness import FakeControl, office
from tests.integration.test_damaged_outbox import done_to, on_sqlite as on_sqlite
from tests.peers.stores import store_at
from tests.unit.controller.configs import FULL, config
from tests.unit.controller.workers.test_worker_choice import worker, workers

NOW = datetime.now(UTC)
DAMAGE = {
    "attempts cut off": "attempts='[{\"at\"'",
    "attempts null": "attempts='null'",
    "attempts of another form": "attempts='[{\"at\": null}]'",
    "attempts too deep": f"attempts='{'[' * 5000}'",
    "variables cut off": "variables='{\"a'",
    "variables a list": "variables='[1]'",
    "no such moment": "expires_at='9999-99-99 00:00:00'",
    "a number that is bytes": "callee=x'ff00ff'",
    "a priority that is a word": "priority='high'",
    "a time that is a word": "timeout='soon'",
}


def url(folder: Path) -> str:
    return f"sqlite+aiosqlite:///{folder}/voiceai.sqlite3"


@pytest.mark.parametrize("damage", list(DAMAGE))
async def test_a_damaged_row_of_the_queue_keeps_no_other_call_from_being_dialled(tmp_path: Path, damage: str) -> None:
    async with office(tmp_path, FakeControl(room=0)) as it:
        bad = await it.order("+4930100", priority=5)
        await it.order("+4930200")
        await done_to(it.queue._database, f"UPDATE outbound_calls SET {DAMAGE[damage]} WHERE id = '{bad}'")
        it.control.room = 5
        it.dialer.wake()
        await it.control.until_live(1)
        again = await it.order("+4930300")
        await it.control.until_live(2)
        assert it.control.placed[-2:] == ["+4930200", "+4930300"]
        assert again in [call.id for call in await it.orders.page(QueueFilter(), before=None, limit=100)]
        assert again in it.control.live


async def test_a_damaged_row_that_was_being_dialled_does_not_stop_the_next_controller(tmp_path: Path) -> None:
    async with office(tmp_path, FakeControl(room=0)) as it:
        bad = await it.order("+4930100")
        await done_to(
            it.queue._database, f"UPDATE outbound_calls SET status='dialing', attempts='{{' WHERE id = '{bad}'"
        )
    async with office(tmp_path) as it:
        await it.order("+4930200")
        await it.control.until_live(1)
        assert it.control.placed == ["+4930200"]
        assert (await it.over(bad)).result == "interrupted"


async def test_a_row_that_an_earlier_release_was_dialling_is_interrupted(tmp_path: Path) -> None:
    (tmp_path / "now").mkdir()
    async with office(tmp_path / "now", FakeControl(room=0)) as it:
        call = await it.order("+4930100")
        async with it.queue._database.reading() as store:
            row = (await store.execute(select(outbound_calls))).one()._asdict()
    for since in ("teller", "node", "epoch", "claimed_at", "metadata"):
        del row[since]
    engine = create_engine(store_at(tmp_path).replace("+aiosqlite", ""))
    with engine.begin() as earlier:
        command.upgrade(steps.configured(earlier), "0010")
        earlier.execute(insert(outbound_calls).values(row | {"status": "dialling"}))
    engine.dispose()
    async with office(tmp_path) as it:
        assert (await it.over(call)).result == "interrupted"


async def test_an_error_of_ours_when_an_attempt_ends_ends_that_call_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with office(tmp_path, trunks__main__retries={"busy": {"times": 3, "after_s": 1}}) as it:
        call = await it.order("+4930100")
        await it.control.until_live(1)
        await it.control.dial(call)

        async def broken(*_: object) -> None:
            raise TypeError("an internal error")

        settle = it.queue.settle
        monkeypatch.setattr(it.queue, "settle", broken)
        it.control.end(call, "busy")
        ended = await it.over(call)
        assert (ended.result, ended.attempts) == ("busy", ())
        monkeypatch.setattr(it.queue, "settle", settle)
        other = await it.order("+4930200")
        await it.control.until_live(1)
        await it.control.dial(other)
        it.control.end(other, "answered")
        assert (await it.over(other)).result == "answered"
        assert call not in it.dialer._under_way


async def test_an_attempt_is_added_to_a_row_whose_attempts_are_damaged(tmp_path: Path) -> None:
    async with office(tmp_path) as it:
        call = await it.order("+4930100")
        await it.control.until_live(1)
        await it.control.dial(call)
        await done_to(it.queue._database, f"UPDATE outbound_calls SET attempts='[' WHERE id = '{call}'")
        it.control.end(call, "answered")
        await it.dialer.finish()
        ended = await it.over(call)
        assert [each.result for each in ended.attempts] == ["answered"]
        assert isinstance(ended.attempts[0], Attempt)
        assert ended.status is Status.ENDED


@pytest.mark.parametrize("damage", ["dollars='much'", "dollars=9e999", "dollars=-5"])
async def test_what_was_spent_and_can_t_be_read_keeps_no_controller_from_starting(tmp_path: Path, damage: str) -> None:
    settings = config(FULL)
    async with Database(url(tmp_path)) as database:
        room = AdmissionControl(CurrentConfig(settings), workers(worker()), Spending(settings.limits, Prices({})), list)
        day = today().isoformat()
        await done_to(database, f"INSERT INTO node_spending VALUES ('{day}', 'node1', 1.0)")
        await done_to(database, f"UPDATE node_spending SET {damage}")
        legs = [("a", day, "'2026-11-30 00:00:00'", "3.0"), ("b", day, "'never'", "3.0"), ("c", day, "''", "'x'")]
        for leg, of_day, at, seconds in legs:
            await done_to(
                database, f"INSERT INTO dialled_legs VALUES ('{leg}', 'main', '{of_day}', {at}, {seconds}, NULL)"
            )
        await UsageStore(database, room).read()
        assert room.dollars(today()) == 0.0
        async with database.reading() as store:
            assert (await store.execute(text("SELECT count(*) FROM dialled_legs"))).scalar_one() >= 1


async def test_a_damaged_session_of_the_console_ends_and_the_others_go_on(tmp_path: Path) -> None:
    credential = ("ops", "a" * 64)
    row: dict[str, Any] = {"user": "ops", "credential": "a" * 64, "began_at": NOW, "used_at": NOW}
    async with Database(url(tmp_path)) as database:
        async with database.writing() as store:
            await store.execute(insert(sessions_table), [row | {"hash": each} for each in ("good", "bad")])
        await done_to(database, "UPDATE console_sessions SET used_at='never' WHERE hash='bad'")
        sessions = Sessions(database=database)
        await sessions.read([credential])
        assert sessions.use("good", NOW + timedelta(seconds=1)) is not None
        assert sessions.use("bad", NOW + timedelta(seconds=1)) is None
        await sessions.drain()
        async with database.reading() as store:
            left = (await store.execute(text("SELECT hash FROM console_sessions"))).scalars().all()
        assert list(left) == ["good"]


@pytest.mark.parametrize("damage", ["direction=x'ff00'", "started_at='never'", "turns='many'", "cost='dear'"])
async def test_a_damaged_call_of_the_past_hides_no_other(tmp_path: Path, damage: str) -> None:
    async with Database(url(tmp_path)) as database:
        for call in ("good", "bad"):
            row = {"call": call, "attempt": 1, "direction": "inbound", "agent": "reception", "started_at": NOW}
            async with database.writing() as store:
                await store.execute(insert(calls_table).values(**row, turns=1, cost=0.5))
        await done_to(database, f"UPDATE calls SET {damage} WHERE call='bad'")
        rows = await History(database).page(RecordFilter(), before=None, limit=10)
    assert len(rows) == 2
    assert [call.id for call in shown(rows)] == ["good"]


@pytest.mark.parametrize("kept", ["x'fffe00'", "CAST(x'7bff' AS TEXT)", "'{\"version\"'", "'null'", "4711"])
async def test_a_live_call_s_row_that_is_no_text_is_read_as_nothing(tmp_path: Path, kept: str) -> None:
    async with Database(url(tmp_path)) as database:
        into = "INSERT INTO live_calls (call, written_at, kept) VALUES"
        await done_to(database, f"{into} ('good', '2026-11-30 00:00:00', '{{\"version\": 1}}')")
        await done_to(database, f"{into} ('bad', 'never', {kept})")
        found = await SnapshotStore(database, lambda _: None).read()
    assert found["good"] == {"version": 1}
    assert not isinstance(found["bad"], dict)


async def test_a_store_of_a_newer_release_is_told_in_one_line(tmp_path: Path) -> None:
    async with Database(url(tmp_path)) as database:
        await done_to(database, "UPDATE alembic_version SET version_num='9999'")
        await done_to(database, "UPDATE schema_compatibility SET since='9999'")
    with pytest.raises(StoreError, match=r"of another release: its version is 9999.*up to 00\d\d") as caught:
        async with Database(url(tmp_path)):
            pass
    assert "\n" not in str(caught.value)
