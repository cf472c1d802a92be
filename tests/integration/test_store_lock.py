"""One controller per PostgreSQL database, whichever machine it is on; a server that was away gives the lock back."""

import asyncio
import os
from pathlib import Path

import pytest

from controller.store import instance
from controller.store.instance import AlreadyRunning, Holder, StoreLock
from tests.peers.stores import Server

US = Holder(os.getpid(), "here", "2026-01-01T00:00:00+00:00", "127.0.0.1:8080", "voiceai")


async def test_a_database_has_one_controller(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(instance, "CHECK_SECONDS", 0.05)
    monkeypatch.setattr(instance, "LEAVING_SECONDS", 0.5)
    with Server() as server:
        url = server.url("one")
        first, second = (StoreLock(url, tmp_path / name / "voiceai.lock", US) for name in ("a", "b"))
        other = StoreLock(server.url("two"), tmp_path / "c" / "voiceai.lock", US)
        await first.acquire()
        await other.acquire()
        with pytest.raises(AlreadyRunning, match=f"voiceai pid {os.getpid()} since 2026") as told:
            await second.acquire()
        assert "\n" not in str(told.value)
        known = first.store
        assert known != other.store
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
        for each in (first, second, other):
            await each.release()
