"""The store on a real file: migrations, transactions, what survives, what is refused."""

import asyncio
import gc
import random
import sqlite3
import stat
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, insert, select, text

from controller.cluster.nodes import NodeRegistry
from controller.store import database as databases, migrations
from controller.store.database import Database, StoreError
from controller.store.tables.base import metadata
from controller.store.tables.outbound import outbound_pauses
from tests.peers.stores import on_postgresql, store_at


@pytest.fixture
def of_a_file() -> None:
    """For tests of what is SQLite's alone."""
    if on_postgresql():
        pytest.skip("SQLite's alone")


NOW = datetime(2026, 11, 23, 5, 30, 0, 123456, tzinfo=UTC)


def url_of(folder: Path) -> str:
    return store_at(folder / "sub")


async def test_the_migrations_make_exactly_the_tables_that_are_declared(tmp_path: Path) -> None:
    def differences(connection: Connection) -> list[object]:
        return list(compare_metadata(MigrationContext.configure(connection), metadata))

    async with Database(url_of(tmp_path)) as database, database.reading() as connection:
        assert await connection.run_sync(differences) == []


def test_the_steps_are_known_by_their_files() -> None:
    """`migrations.upgrade` asks the files, not Alembic, which step is the last."""
    script = ScriptDirectory(str(Path(migrations.__file__).parent))
    assert [step.revision for step in script.walk_revisions()] == migrations._versions()[::-1]


@pytest.mark.usefixtures("of_a_file")
def test_alembic_is_not_loaded_where_no_step_is_missing(tmp_path: Path) -> None:
    code = """
import asyncio, sys
from controller.store.database import Database
async def main():
    async with Database(sys.argv[1]):
        pass
asyncio.run(main())
print("alembic" in sys.modules, "asyncpg" in sys.modules)
"""
    opened = [
        subprocess.run([sys.executable, "-c", code, url_of(tmp_path)], capture_output=True, text=True, check=True)
        for _ in range(2)
    ]
    assert [each.stdout.splitlines()[-1] for each in opened] == ["True False", "False False"]


@pytest.mark.usefixtures("of_a_file")
async def test_a_file_for_its_owner_only_and_every_commit_on_the_disk(tmp_path: Path) -> None:
    async with Database(url_of(tmp_path)) as database:
        async with database.writing() as connection:
            pragmas = {
                name: (await connection.exec_driver_sql(f"PRAGMA {name}")).scalar_one()
                for name in ("journal_mode", "synchronous", "foreign_keys")
            }
        assert pragmas == {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1}
    assert stat.S_IMODE((tmp_path / "sub" / "voiceai.sqlite3").stat().st_mode) == 0o600


async def test_what_is_written_is_there_after_opening_again_and_moments_are_utc(tmp_path: Path) -> None:
    there = NOW.astimezone(timezone(timedelta(hours=5)))
    for _ in range(2):
        async with Database(url_of(tmp_path)) as database, database.writing() as connection:
            await connection.execute(outbound_pauses.delete())
            await connection.execute(insert(outbound_pauses).values(trunk="main", asked_by="ops", since=there))
    async with Database(url_of(tmp_path)) as database, database.reading() as connection:
        row = (await connection.execute(select(outbound_pauses))).one()
        assert (row.trunk, row.since, row.since.tzinfo) == ("main", NOW, UTC)


async def pause(database: Database, trunk: str, since: datetime = NOW, fault: Exception | None = None) -> None:
    async with database.writing() as connection:
        await connection.execute(insert(outbound_pauses).values(trunk=trunk, asked_by="ops", since=since))
        if fault is not None:
            raise fault


async def test_what_fails_leaves_nothing_and_what_has_no_time_zone_is_refused(tmp_path: Path) -> None:
    async with Database(url_of(tmp_path)) as database:
        with pytest.raises(RuntimeError, match="halfway"):
            await pause(database, "a", fault=RuntimeError("halfway"))
        with pytest.raises(Exception, match="time zone"):
            await pause(database, "b", NOW.replace(tzinfo=None))
        async with database.reading() as connection:
            assert (await connection.execute(select(outbound_pauses))).all() == []


async def test_many_writers_at_once_all_get_their_turn(tmp_path: Path) -> None:
    async with Database(url_of(tmp_path)) as database:

        async def write(number: int) -> None:
            async with database.writing() as connection:
                await connection.execute(select(outbound_pauses))  # read first: a late lock would fail here
                await connection.execute(insert(outbound_pauses).values(trunk=str(number), asked_by="x", since=NOW))

        await asyncio.gather(*map(write, range(50)))
        async with database.reading() as connection:
            assert len((await connection.execute(select(outbound_pauses))).all()) == 50


@pytest.mark.usefixtures("of_a_file")
async def test_time_outs_of_a_process_that_stood_still_leave_no_lock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Cursors of what was cancelled stay in cycles; SQLite kept the file locked for them, by ourselves, for good."""
    monkeypatch.setattr(databases, "TRANSACTION_SECONDS", 0.02)
    monkeypatch.setattr(databases, "BUSY_MS", 100)
    chance = random.Random(3)
    gc.collect()
    gc.disable()  # what it would clean up now it may clean up hours later
    try:
        async with Database(url_of(tmp_path)) as database:

            async def use(writes: bool) -> int:
                lost = 0
                for _ in range(40):
                    try:
                        async with database.writing() if writes else database.reading() as connection:
                            await connection.execute(select(outbound_pauses))
                    except StoreError:
                        lost += 1
                return lost

            async def stand_still() -> None:
                while True:
                    await asyncio.sleep(chance.uniform(0, 0.005))
                    time.sleep(chance.choice((0.01, 0.025, 0.05)))  # noqa: ASYNC251 (the loop is to stand still)

            standing = asyncio.create_task(stand_still())
            lost = sum(await asyncio.gather(*map(use, (True, False, True, False))))
            standing.cancel()
            monkeypatch.setattr(databases, "TRANSACTION_SECONDS", 5.0)
            await pause(database, "a")
    finally:
        gc.enable()
    assert lost > 10


@pytest.mark.usefixtures("of_a_file")
async def test_a_store_that_another_program_holds_is_an_error_in_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(databases, "BUSY_MS", 100)
    async with Database(url_of(tmp_path)) as database:
        await pause(database, "a")
    other = sqlite3.connect(tmp_path / "sub" / "voiceai.sqlite3", isolation_level=None)
    try:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="another program has it open"):
            async with Database(url_of(tmp_path)):
                pass
        other.execute("ROLLBACK")
    finally:
        other.close()
    async with Database(url_of(tmp_path)) as database:
        await pause(database, "b")


@pytest.mark.usefixtures("of_a_file")
async def test_nobody_else_opens_what_a_controller_has_open(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(databases, "BUSY_MS", 100)
    async with Database(url_of(tmp_path)) as database:
        with pytest.raises(StoreError, match="another program has it open"):
            async with Database(url_of(tmp_path)):
                pass
        await pause(database, "a")
        assert not (tmp_path / "sub" / "voiceai.sqlite3-shm").exists()


HARMS = {
    "shortened": "import os, glob\nfor f in glob.glob(path + '*'): os.truncate(f, 0)",
    "deleted": "import os, glob\nfor f in glob.glob(path + '*'): os.unlink(f)",
    "its log shortened": "import os\nos.truncate(path + '-wal', 0)",
    "overwritten": "open(path, 'r+b').write(b'x' * 9000)",
    "for readers only": "import os, glob\nfor f in glob.glob(path + '*'): os.chmod(f, 0o400)",
    "full": "import resource, signal\nresource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))",
    "no more files": "import resource\nresource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))",
    "immutable": "import subprocess, glob\nsubprocess.run(['chattr', '+i', *glob.glob(path + '*')], check=False)",
}
VICTIM = """
import asyncio, sys
from datetime import UTC, datetime
from sqlalchemy import insert, select
from controller.store.database import Database, StoreError
from controller.store.tables.outbound import outbound_pauses

async def main(path, harm):
    async with Database(f"sqlite+aiosqlite:///{path}") as database:
        async def write(n):
            async with database.writing() as store:
                row = {"trunk": str(n) * 3000, "asked_by": "x", "since": datetime.now(UTC)}
                await store.execute(insert(outbound_pauses).values(**row))
        await write(0)
        exec(harm, {"path": path})
        for n in range(1, 30):
            try:
                await write(n)
                async with database.reading() as store:
                    (await store.execute(select(outbound_pauses))).all()
            except StoreError as error:
                print(error)
    print("alive")

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.usefixtures("of_a_file")
@pytest.mark.parametrize("harm", HARMS.values(), ids=HARMS.keys())
def test_no_harm_to_its_files_ends_the_process(tmp_path: Path, harm: str) -> None:
    path = str(tmp_path / "voiceai.sqlite3")
    try:
        done = subprocess.run(
            [sys.executable, "-c", VICTIM, path, harm], capture_output=True, text=True, timeout=60, check=False
        )
    finally:
        subprocess.run(["chattr", "-i", *map(str, tmp_path.glob("voiceai*"))], capture_output=True, check=False)
    assert (done.returncode, done.stdout.splitlines()[-1:]) == (0, ["alive"]), done.stderr[-2000:]


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://h/db", "must begin with sqlite"),
        ("nonsense", "can't be used"),
        ("sqlite+aiosqlite:////proc/nothing/here.sqlite3", "can't be opened"),
    ],
)
async def test_a_url_that_is_no_good_is_told(url: str, said: str) -> None:
    with pytest.raises(StoreError, match=said):
        async with Database(url):
            pass


@pytest.mark.usefixtures("of_a_file")
async def test_a_file_that_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "voiceai.sqlite3").write_text("this is a shopping list\n" * 100)
    with pytest.raises(StoreError, match="not a database"):
        async with Database(url_of(tmp_path)):
            pass


async def test_a_release_that_knows_less_runs_as_long_as_the_tables_suit_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = migrations._versions()
    async with Database(url_of(tmp_path)) as database, database.writing() as store:
        await store.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    async with Database(url_of(tmp_path)) as database:
        await NodeRegistry(database).join("older", "1", "")
    monkeypatch.setattr(migrations, "_versions", lambda: [each for each in known if each < "0016"])
    with pytest.raises(StoreError, match="of another release"):
        async with Database(url_of(tmp_path)):
            pass
