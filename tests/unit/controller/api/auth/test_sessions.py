"""controller.api.auth.sessions: when a session ends, and what the store knows of it."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import select

from controller.api.auth import sessions as module
from controller.api.auth.sessions import Sessions, hash_of
from controller.config.models.api import ConsoleSession
from controller.store.database import Database, StoreError
from controller.store.tables.api import sessions as table
from tests.peers.stores import store_at

NOW = datetime.now(UTC)
ADA, BEN = ("ada", "a" * 64), ("ben", "b" * 64)
LIMITS = ConsoleSession(idle_s=10, max_s=60)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    async with Database(store_at(tmp_path)) as opened:
        yield opened


async def kept(database: Database) -> set[str]:
    async with database.reading() as store:
        return {row.hash for row in await store.execute(select(table))}


class Clock:
    """Seconds that a test lets pass."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


def test_a_session_ends_without_use_and_in_any_case() -> None:
    clock = Clock()
    sessions = Sessions(LIMITS, clock=clock)
    idle, busy = hash_of(sessions.open(ADA, NOW)), hash_of(sessions.open(ADA, NOW))
    for _ in range(6):
        clock.seconds += 9
        assert sessions.use(busy, NOW) is not None
    assert sessions.use(idle, NOW) is None
    clock.seconds -= 54
    assert sessions.use(idle, NOW) is None, "it does not come back"
    clock.seconds += 61
    assert sessions.use(busy, NOW) is None
    assert len(sessions) == 0


@pytest.mark.parametrize("jump", [timedelta(days=400), timedelta(days=-400)])
def test_a_wall_clock_that_jumps_ends_no_session_and_lets_none_live_on(jump: timedelta) -> None:
    clock = Clock()
    sessions = Sessions(LIMITS, clock=clock)
    mine, left = hash_of(sessions.open(ADA, NOW)), hash_of(sessions.open(BEN, NOW))
    clock.seconds += 9
    assert sessions.use(mine, NOW + jump) is not None
    clock.seconds += 9
    assert sessions.use(mine, NOW) is not None
    assert sessions.use(left, NOW + jump) is None
    assert [each.hash for each in sessions.all()] == [mine]
    clock.seconds += 43
    assert sessions.use(mine, NOW + jump) is None


async def test_what_is_stored_counts_by_the_wall_clock(database: Database) -> None:
    first, long_ago = Sessions(LIMITS, database), NOW - timedelta(hours=1)
    fresh, old, future = (first.open(ADA, at) for at in (datetime.now(UTC), long_ago, NOW + timedelta(days=400)))
    assert await first.written()
    clock = Clock()
    second = Sessions(LIMITS, database, clock=clock)
    await second.read({ADA})
    used = [second.use(hash_of(each), datetime.now(UTC)) is not None for each in (fresh, old, future)]
    assert used == [True, False, True]
    clock.seconds += 61
    assert second.use(hash_of(future), datetime.now(UTC)) is None, "no longer than any other"


def test_a_session_ends_with_its_token_and_when_it_is_closed() -> None:
    sessions = Sessions(LIMITS)
    mine, other = hash_of(sessions.open(ADA, NOW)), hash_of(sessions.open(BEN, NOW))
    assert sessions.keep({ADA, ("ben", "c" * 64)}) == 1, "another token of the same name"
    assert (sessions.use(mine, NOW) is None, sessions.use(other, NOW) is None) == (False, True)
    assert sessions.close(mine) is not None
    assert sessions.close(mine) is None
    assert sessions.use(mine, NOW) is None


def test_of_one_token_there_are_so_many() -> None:
    clock = Clock()
    sessions = Sessions(ConsoleSession(), clock=clock)
    other, opened = hash_of(sessions.open(BEN, NOW)), []
    for _ in range(module.MOST_OF_A_TOKEN + 5):
        clock.seconds += 1
        opened.append(hash_of(sessions.open(ADA, NOW)))
    assert len(sessions) == module.MOST_OF_A_TOKEN + 1
    assert [sessions.use(each, NOW) is None for each in opened[:6]] == [True] * 5 + [False]
    assert sessions.use(other, NOW) is not None


async def test_a_restart_logs_out_nobody_but_those_whose_token_is_gone(database: Database) -> None:
    now, first = datetime.now(UTC), Sessions(LIMITS, database)
    ids = [first.open(ADA, now), first.open(BEN, now), first.open(ADA, now)]
    first.close(hash_of(ids[2]))
    assert await first.written()
    assert await kept(database) == {hash_of(each) for each in ids[:2]}
    assert not {*ids} & await kept(database), "the store has no id that opens anything"
    second = Sessions(LIMITS, database)
    await second.read({ADA})
    assert [second.use(hash_of(each), now) is not None for each in ids] == [True, False, False]
    await second.drain()
    assert await kept(database) == {hash_of(ids[0])}


async def test_what_is_ended_while_the_store_is_away_is_ended_there_later(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.01)
    sessions = Sessions(LIMITS, database)
    id_ = sessions.open(ADA, NOW)
    await sessions.written()
    writing, tried = database.writing, asyncio.Event()

    def away() -> None:
        tried.set()
        raise StoreError("away")

    monkeypatch.setattr(database, "writing", away)
    sessions.close(hash_of(id_))
    assert not await sessions.written()
    assert sessions.use(hash_of(id_), NOW) is None
    task = asyncio.create_task(sessions.run())
    await tried.wait()
    monkeypatch.setattr(database, "writing", writing)
    async with asyncio.timeout(10):
        while await kept(database):  # noqa: ASYNC110 - nobody tells when the store has it
            await asyncio.sleep(0.01)
    task.cancel()
