"""One controller per node of a PostgreSQL database, wherever it runs; a server that was away gives the lock back."""

import asyncio
import os
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from controller.store import instance
from controller.store.instance import AlreadyRunning, Holder, StoreLock
from tests.peers.stores import Server

US = Holder(os.getpid(), "here", "2026-01-01T00:00:00+00:00", "127.0.0.1:8080", "voiceai")


async def test_a_database_has_one_controller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instance, "CHECK_SECONDS", 0.05)
    monkeypatch.setattr(instance, "LEAVING_SECONDS", 0.5)
    with Server() as server:
        url = server.url("one")
        first, second = (StoreLock(url, tmp_path / name / "voiceai.lock", US, "node1") for name in ("a", "b"))
        other = StoreLock(server.url("two"), tmp_path / "c" / "voiceai.lock", US, "node1")
        paris = StoreLock(url, tmp_path / "d" / "voiceai.lock", US, "paris")
        await first.acquire()
        await other.acquire()
        await paris.acquire()
        with pytest.raises(AlreadyRunning, match=f"voiceai pid {os.getpid()} since 2026") as told:
            await second.acquire()
        assert "\n" not in str(told.value)
        assert "as node node1" in str(told.value)
        known = first.store
        assert len({known, other.store, paris.store}) == 3
        await first.release()
        await second.acquire()
        assert second.store == known
        watched = asyncio.create_task(second.lost())
        server.kill()
        server.start()
        async with asyncio.timeout(20):
            while second.store == known:  # noqa: ASYNC110 - what it waits for is no event
                await asyncio.sleep(0.05)
        with pytest.raises(AlreadyRunning):
            await first.acquire()
        assert not watched.done()
        watched.cancel()
        for each in (first, second, other, paris):
            await each.release()
        await beside_a_release_that_knows_no_nodes(url, tmp_path / "e" / "voiceai.lock")


async def beside_a_release_that_knows_no_nodes(url: str, path: Path) -> None:
    """It interrupts the calls of everybody, so neither runs beside the other."""
    engine, ours = create_async_engine(url), StoreLock(url, path, US, "paris")
    alone = text("SELECT pg_try_advisory_lock(:key)")
    async with engine.connect() as old:
        assert (await old.execute(alone, {"key": instance.KEY})).scalar_one()
        with pytest.raises(AlreadyRunning, match="a release that allows no second controller"):
            await ours.acquire()
    await engine.dispose()
    await ours.acquire()
    async with engine.connect() as old:
        assert not (await old.execute(alone, {"key": instance.KEY})).scalar_one()
    await engine.dispose()
    await ours.release()
