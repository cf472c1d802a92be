"""Records on a real store: complete, in order, once, also when the store was away or the controller was killed."""

import asyncio
import errno
import os
import uuid
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from controller.config.models.records import Records as Settings
from controller.events.records import writer
from controller.events.records.history import RecordFilter
from controller.events.records.spool import Spool, SpoolFull
from controller.store.database import StoreError
from controller.store.tables.records import PARTS, calls
from tests.integration.records_harness import CALL, EVENTS_OF_A_CALL, Desk, desk, story_of
from tests.integration.webhook_harness import eventually
from tests.unit.controller.views import later

IDS = [str(uuid.UUID(int=number)) for number in range(1, 31)]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "GATHER_SECONDS", 0.0)
    monkeypatch.setattr(writer, "AWAY_SECONDS", (0.02,))


async def counted(it: Desk) -> dict[str, int]:
    async with it.database.reading() as store:
        tables = (calls, *PARTS)
        return {
            each.name: (await store.execute(select(func.count()).select_from(each))).scalar_one() for each in tables
        }


async def test_a_call_can_be_read_again_in_full(tmp_path: Path) -> None:
    async with desk(tmp_path) as it:
        it.tell(story_of(CALL))
        await it.written()
        kept = await it.history.find(CALL)
    assert kept is not None
    assert (kept.call.outcome, kept.call.caller, kept.call.turns) == ("answered", "+4930123", 3)
    parts: Any = kept.parts
    assert [each.text for each in parts["call_words"]] == ["my card is 1234"]
    assert [(each.tool, each.ok) for each in parts["call_tools"]] == [("transfer", False)]
    assert [(each.kind, each.state, each.outcome) for each in parts["call_legs"]] == [
        ("transfer", "failed", "busy"),
        ("participant", "failed", "busy"),
    ]
    assert [(each.tokens, each.cost) for each in parts["call_usage"]] == [({"input_tokens": 7}, 0.5)]
    assert [each.type for each in parts["call_events"]][0::13] == ["call.started", "call.ended"]


class Away:
    """A store that refuses while `away` is set."""

    def __init__(self, it: Desk) -> None:
        self.away = True
        self.tried = asyncio.Event()
        self._put = it.repository.put
        it.repository.put = self.put  # type: ignore[method-assign]

    async def put(self, events: Any) -> None:
        self.tried.set()
        if self.away:
            raise StoreError("away")
        await self._put(events)


async def test_what_the_store_does_not_take_goes_to_the_file_and_then_to_the_store(tmp_path: Path) -> None:
    async with desk(tmp_path) as it:
        store = Away(it)
        for call in IDS:
            it.tell(story_of(call))
        await store.tried.wait()
        async with asyncio.timeout(5):
            while it.value("voiceai_records_waiting"):  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0.01)
        assert it.spool.size > 10_000
        assert (tmp_path / "voiceai.journal").stat().st_mode & 0o077 == 0
        it.tell(story_of(CALL))
        store.away = False
        await it.written()
        found = await counted(it)
        assert not (tmp_path / "voiceai.journal").exists()
    assert (found["calls"], found["call_words"], found["call_legs"]) == (31, 31, 62)


async def test_a_store_that_is_too_slow_for_many_at_once_is_given_fewer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "AWAY_SECONDS", (0.01,))
    async with desk(tmp_path) as it:
        honest = it.repository.put

        async def put(events: Any) -> None:
            if len(events) > 3:
                raise StoreError("the store did not answer in time")
            await honest(events)

        monkeypatch.setattr(it.repository, "put", put)
        for call in IDS[:5]:
            it.tell(story_of(call))
        await it.written(30)
        found = await counted(it)
        assert it.value("voiceai_records_lost_total") == 0
    assert (found["calls"], found["call_words"], found["call_events"]) == (5, 5, 70)


async def test_a_killed_controller_leaves_its_file_to_the_next_one(tmp_path: Path) -> None:
    async with desk(tmp_path) as it:
        store = Away(it)
        it.tell(story_of(CALL))
        await store.tried.wait()
    with (tmp_path / "voiceai.journal").open("ab") as file:
        file.write(b'{"id": "e-9", "type": "call.st')  # it lost its power in the middle of a line
    async with desk(tmp_path, epoch="f") as it:
        await it.written()
        found = await counted(it)
    assert (found["calls"], found["call_words"], found["call_usage"]) == (1, 1, 1)


async def test_nothing_is_kept_twice(tmp_path: Path) -> None:
    for _ in range(2):
        async with desk(tmp_path) as it:
            it.tell(story_of(CALL))
            await it.written()
            found = await counted(it)
    assert (found["calls"], found["call_words"], found["call_turns"], found["call_events"]) == (1, 1, 1, 14)


async def test_without_store_and_without_disk_the_latest_stay_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "MOST", 20)
    monkeypatch.setattr(Spool, "add", lambda *_: (_ for _ in ()).throw(SpoolFull("full")))
    async with desk(tmp_path) as it:
        store = Away(it)
        it.tell(story_of(IDS[0]))
        it.tell(story_of(CALL))
        assert it.value("voiceai_records_lost_total") == 2 * 18 - 20
        store.away = False
        await it.written()
        assert (await it.history.find(CALL)) is not None


async def test_a_disk_that_is_full_loses_nothing_that_memory_can_hold(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk takes half of the lines and then no more: the file is as it was, and they go to the store later."""
    real = os.write

    def full(file: int, data: bytes) -> int:
        if tried:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        tried.append(file)
        return real(file, data[: len(data) // 2])

    tried: list[int] = []
    monkeypatch.setattr(writer, "AWAY_SECONDS", (0.01,))
    async with desk(tmp_path) as it:
        store = Away(it)
        with monkeypatch.context() as patch:
            patch.setattr("controller.events.records.spool.os.write", full)
            it.tell(story_of(CALL))
            await eventually(lambda: len(tried) > 0 and it.spool.size == 0)
        store.away = False
        await it.written()
        assert it.value("voiceai_records_lost_total") == 0
        found = await counted(it)
    assert (found["calls"], found["call_words"], found["call_events"]) == (1, 1, 14)


async def test_a_slow_store_is_waited_for_by_nobody_and_written_to_seldom(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Half a second for each transaction: all is told before the first is over, and they are as few as can be."""
    done = 0
    async with desk(tmp_path) as it:
        honest = it.repository.put

        async def put(events: Any) -> None:
            nonlocal done
            await asyncio.sleep(0.5)
            await honest(events)
            done += 1

        monkeypatch.setattr(it.repository, "put", put)
        for call in IDS[:20]:
            it.tell(story_of(call))
            await asyncio.sleep(0)
        assert done == 0
        await it.written(60)
        assert done <= 20 * EVENTS_OF_A_CALL // 100 + 2
        found = await counted(it)
        rows = [row.call async for row in it.history.everything(RecordFilter())]
    assert (found["calls"], found["call_words"], found["call_events"]) == (20, 20, 280)
    assert rows == IDS[:20][::-1], "in their order"


async def test_hostile_text_holds_nothing_up(tmp_path: Path) -> None:
    async with desk(tmp_path) as it:
        it.tell(story_of(IDS[0], caller="x" * 5000 + "\0", agent="a" * 500))
        it.tell(story_of(CALL))
        await it.written()
        found = await it.history.find(IDS[0])
        assert found is not None
        assert len(found.call.caller) == 300
        assert it.value("voiceai_records_lost_total") == 0


async def test_one_that_cannot_be_written_takes_nothing_with_it(tmp_path: Path) -> None:
    """On PostgreSQL the cause of an end is of 32 bits, on SQLite of 64; half of a surrogate pair is no text at all."""
    async with desk(tmp_path) as it:
        it.tell([*story_of(IDS[0], caller="\ud83d")[:-1], *story_of(IDS[1])[:-1]])
        over = story_of(IDS[2], cause=2**70)[-1]
        it.tell([*story_of(IDS[2])[:-1], over])
        it.tell(story_of(CALL))
        await it.written()
        found = await counted(it)
        assert found["calls"] == 4
        assert it.value("voiceai_records_lost_total") == 1
        kept = await it.history.find(IDS[0])
        assert kept is not None
        assert kept.call.caller == "?"


async def test_what_is_no_json_does_not_keep_the_rest_from_the_file(tmp_path: Path) -> None:
    async with desk(tmp_path) as it:
        store = Away(it)
        it.tell(story_of(IDS[0], caller="\ud83d"))
        it.tell(story_of(CALL))
        await store.tried.wait()
        store.away = False
        await it.written()
        assert 1 <= (it.value("voiceai_records_lost_total") or 0) <= 2, "the beginning, and the end"
        assert (await it.history.find(CALL)) is not None


async def test_a_file_that_cannot_be_read_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "voiceai.journal").mkdir()
    async with desk(tmp_path) as it:
        it.tell(story_of(CALL))
        async with asyncio.timeout(5):
            while it.value("voiceai_records_waiting"):  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0.01)
        assert (await it.history.find(CALL)) is not None


async def test_seeking(tmp_path: Path) -> None:
    async with desk(tmp_path) as it:
        for number, call in enumerate(IDS):
            it.tell(story_of(call, caller=f"+4930{number:05}", agent="night" if number % 2 else "reception"))
        await it.written()

        async def found(before: int | None = None, limit: int = 100, **sought: Any) -> list[str]:
            return [row.call for row in await it.history.page(RecordFilter(**sought), before=before, limit=limit)]

        assert await found() == IDS[::-1]
        first = await it.history.page(RecordFilter(), before=None, limit=10)
        assert await found(before=first[-1].number, limit=30) == IDS[:20][::-1]
        assert await found(number="+493000007") == [IDS[7]]
        assert len(await found(agent="night")) == 15
        assert len(await found(text="MY CARD")) == 30
        assert await found(text="100%") == []
        assert await found(since=later(1)) == []
        assert await found(outcome="busy") == []
        assert [row.call async for row in it.history.everything(RecordFilter(agent="night"))] == IDS[1::2][::-1]


async def test_a_number_is_forgotten_and_nobody_else(tmp_path: Path) -> None:
    async with desk(tmp_path) as it:
        it.tell(story_of(IDS[0], caller="+4930777"))
        it.tell(story_of(IDS[1], caller="+4930888"))
        it.tell(story_of(CALL, caller="+4930777")[:-1])  # it goes on
        await it.written()
        forgotten, paths = await it.repository.forget_number("+4930777")
        assert (forgotten, paths) == (1, ["/srv/calls/x.wav"])
        assert await it.history.find(IDS[0]) is None
        assert await it.history.find(IDS[1]) is not None
        assert await it.history.find(CALL) is not None
        found = await counted(it)
    assert {found[each.name] for each in PARTS} == {2, 4, 27}


async def test_what_is_old_goes_words_first(tmp_path: Path) -> None:
    async with desk(tmp_path) as it:
        it.tell(story_of(CALL))
        await it.written()
        settings = Settings(keep_days=100, transcript_days=10)
        assert await it.repository.forget_old(settings, later(0) + timedelta(days=9)) == 0
        assert (await counted(it))["call_words"] == 1
        assert await it.repository.forget_old(settings, later(0) + timedelta(days=11)) == 0
        assert (await counted(it))["call_words"] == 0
        assert await it.repository.forget_old(settings, later(0) + timedelta(days=101)) == 1
        assert set((await counted(it)).values()) == {0}


async def test_a_year_of_calls_goes_in_one_night(tmp_path: Path) -> None:
    """More than one statement may name."""
    async with desk(tmp_path) as it:
        began = story_of(CALL)
        many = [str(uuid.UUID(int=number)) for number in range(510)]
        it.tell([each for call in many for each in (story_of(call)[0], story_of(call)[-1])])
        it.tell(began)
        await it.written(60)
        assert await it.repository.forget_old(Settings(keep_days=1), later(0) + timedelta(days=2)) == 511
        assert set((await counted(it)).values()) == {0}


async def test_the_housekeeping_outlives_a_store_that_is_away(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "ABANDONED_AFTER", 0.0)
    monkeypatch.setattr(writer, "FORGET_EVERY", 0.01)
    faults = iter([StoreError("away"), ValueError("ours")])
    async with desk(tmp_path, Settings(keep_days=1)) as it:
        it.tell(story_of(IDS[0]))  # long ago
        it.tell(story_of(IDS[1])[:-1])  # nobody saw its end
        await it.written()
        honest = it.repository.end_abandoned

        async def end_abandoned(*given: Any) -> int:
            for fault in faults:
                raise fault
            return await honest(*given)

        monkeypatch.setattr(it.repository, "end_abandoned", end_abandoned)
        tidying = asyncio.create_task(it.records.tidy(lambda: set()))
        async with asyncio.timeout(10):
            while set((await counted(it)).values()) != {0}:  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0.01)
        assert not tidying.done()
        tidying.cancel()


async def test_calls_that_nobody_saw_end_are_ended_unless_they_go_on(tmp_path: Path) -> None:
    async with desk(tmp_path) as it:
        it.tell(story_of(IDS[0])[:-1])
        it.tell(story_of(IDS[1])[:-1])
        await it.written()
        assert await it.repository.end_abandoned(later(3600), {IDS[1]}, later(3600)) == 1
        ended, live = await it.history.find(IDS[0]), await it.history.find(IDS[1])
        assert ended is not None
        assert live is not None
        assert (ended.call.outcome, ended.call.ended_at) == ("interrupted", later(3600))
        assert live.call.ended_at is None
