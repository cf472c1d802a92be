"""`/readyz` and the log where the store's file is gone, or takes no writes."""

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from controller.store import health as healths
from controller.store.database import Database, StoreError
from controller.store.health import StoreHealth


async def write(database: Database, day: str) -> None:
    async with database.writing() as store:
        await store.execute(text(f"INSERT INTO spent_days VALUES ('{day}', 1.0)"))


@pytest.mark.parametrize("what", ["deleted", "replaced", "moved"])
async def test_a_file_that_is_gone_is_noticed_and_its_return_as_well(
    tmp_path: Path, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(healths, "CHECK_SECONDS", 0.01)
    file, aside = tmp_path / "voiceai.sqlite3", tmp_path / "aside"
    async with Database(f"sqlite+aiosqlite:///{file}") as database:
        await write(database, "a")
        assert database.health.trouble() == []
        with capture_logs() as told:
            watching = asyncio.create_task(database.health.watch())
            file.rename(aside)
            if what == "replaced":
                file.write_bytes(b"")
            await write(database, "b")  # nothing else would notice
            (warning,) = database.health.trouble()
            assert "deleted or replaced" in warning
            await logged(told, "the store's file was deleted or replaced")
            if what != "deleted":
                aside.replace(file)
                assert database.health.trouble() == []
                await logged(told, "the store's file is there again")
            watching.cancel()
        assert len(told) == (1 if what == "deleted" else 2)


async def logged(told: Sequence[Mapping[str, Any]], event: str) -> None:
    async with asyncio.timeout(10):
        while True:
            if any(each["event"].startswith(event) for each in told):
                return
            await asyncio.sleep(0.01)


async def test_a_store_that_takes_nothing_is_told_until_it_does(tmp_path: Path) -> None:
    async with Database(f"sqlite+aiosqlite:///{tmp_path}/voiceai.sqlite3") as database:
        async with database.reading() as store:
            await store.execute(text("PRAGMA query_only=1"))
        with pytest.raises(StoreError):
            await write(database, "a")
        (warning,) = database.health.trouble()
        assert warning.startswith("the store does not take what is written: the store refuses: attempt to write")
        await write(database, "a")  # the connection was given up, and the next one is as it should be
        assert database.health.trouble() == []


def test_an_old_failure_is_told_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr(healths, "monotonic", lambda: now[0])
    health = StoreHealth()
    health.failed("disk full")
    assert len(health.trouble()) == 1
    now[0] += healths.RECENT_SECONDS + 1
    assert health.trouble() == []
