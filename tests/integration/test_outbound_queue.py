"""The queue on a real database: order, what is written before anybody is called, what a restart finds."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from controller.api.models.calls import PlaceCall
from controller.calls import errors
from controller.calls.outbound.entry import ALL_TRUNKS, Attempt, CallOrder, QueuedCall, QueueFilter, Status
from controller.calls.outbound.queue import NotQueued, Queue, QueueFull, WrongCount
from controller.calls.outbound.retry_policy import Final, RetryAt
from controller.cluster.node import NodeId
from controller.events.webhooks.outbox import MarkTold, Outbox
from controller.store.database import Database
from tests.integration.outbound_harness import FakeControl, office
from tests.peers.stores import store_at

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
SECOND = timedelta(seconds=1)


@pytest.fixture
async def queue(tmp_path: Path) -> AsyncIterator[Queue]:
    async with Database(store_at(tmp_path)) as database:
        yield Queue(database)


async def add(queue: Queue, *, due: float = 0, expires: float = 3600, most: int = 1000, **order: Any) -> QueuedCall:
    """Times are seconds from NOW."""
    asked = CallOrder(**{"callee": "+4930123", "trunk": "main", "agent": "reception", "asked_by": "ops"} | order)
    due_at, expires_at = NOW + SECOND * due, NOW + SECOND * expires
    return await queue.add(str(uuid4()), asked, now=NOW, due_at=due_at, expires_at=expires_at, most=most)


async def heads(queue: Queue, without: frozenset[str] = frozenset(), each: int = 10, at: datetime = NOW) -> list[str]:
    return [entry.id for entry in await queue.heads(at, without=without, each=each)]


async def test_what_was_ordered_is_kept_whole(queue: Queue) -> None:
    added = await add(
        queue,
        caller_id="Desk <1>",
        variables={"name": "Zoë"},
        timeout=12.5,
        answer_detection=True,
        webhook="https://crm.test/",
        priority=3,
    )
    assert await queue.get(added.id) == added
    assert await queue.get(str(uuid4())) is None


async def test_order_of_turns(queue: Queue) -> None:
    first, second = await add(queue), await add(queue)
    urgent, later = await add(queue, priority=5), await add(queue, due=10)
    await add(queue, expires=-1)
    assert await heads(queue) == [urgent.id, first.id, second.id]
    assert await heads(queue, without=frozenset({urgent.id})) == [first.id, second.id]
    assert await heads(queue, at=NOW + 10 * SECOND) == [urgent.id, first.id, second.id, later.id]


async def test_the_place_of_each(queue: Queue) -> None:
    first, second, urgent = await add(queue), await add(queue), await add(queue, priority=5)
    other, later = await add(queue, trunk="second"), await add(queue, due=10)
    entries = (urgent, first, second, other, later)
    assert [await queue.place(each, NOW) for each in entries] == [1, 2, 3, 1, None]
    await queue.dial(urgent.id, NOW)
    assert [await queue.place(each, NOW) for each in (first, second)] == [1, 2]
    found = await queue.get(urgent.id)
    assert found is not None
    assert await queue.place(found, NOW) is None


async def test_many_are_cancelled_at_once_or_none(queue: Queue) -> None:
    ours = [(await add(queue, agent="night")).id for _ in range(3)]
    other, dialing = await add(queue, trunk="second", asked_by="crm"), await add(queue, agent="night")
    await queue.dial(dialing.id, NOW)
    night = QueueFilter((Status.QUEUED,), agent="night")
    assert [await queue.count(each) for each in (night, QueueFilter(agent="night"), QueueFilter(asked_by="crm"))] == [
        3,
        4,
        1,
    ]
    with pytest.raises(WrongCount, match="3"):
        await queue.cancel_all(night, "ops", NOW, expected=4)
    assert await queue.count(night) == 3
    assert [each.id for each in await queue.cancel_all(night, "ops", NOW, expected=3)] == ours
    ended = await queue.page(QueueFilter((Status.ENDED,)), before=None, limit=10)
    assert {(each.id, each.result, each.detail) for each in ended} == {(id_, "cancelled", "by ops") for id_ in ours}
    named = QueueFilter(calls=frozenset({*ours, other.id, dialing.id}))
    assert [each.id for each in await queue.cancel_all(named, "ops", NOW, expected=None)] == [other.id]
    assert await queue.count(QueueFilter((Status.DIALING,))) == 1
    assert await queue.count(QueueFilter()) == 5


async def test_a_crowd_on_one_trunk_does_not_hide_another(queue: Queue) -> None:
    crowd = [await add(queue) for _ in range(30)]
    other = await add(queue, trunk="second", priority=-5)
    agent = await add(queue, agent="night")
    assert await heads(queue, each=3) == [*(entry.id for entry in crowd[:3]), agent.id, other.id]


async def test_dialling_is_written_once_and_only_for_what_waits(queue: Queue) -> None:
    call = (await add(queue)).id
    await queue.dial(call, NOW)
    found = await queue.get(call)
    assert found is not None
    assert (found.status, found.dialled_at) == (Status.DIALING, NOW)
    for other in (call, str(uuid4())):
        with pytest.raises(NotQueued):
            await queue.dial(other, NOW)
    assert await heads(queue) == []
    assert not await queue.cancel(call, "ops", NOW)


async def test_attempts_are_told_and_only_one_end_counts(queue: Queue) -> None:
    call = (await add(queue)).id
    await queue.dial(call, NOW)
    busy, answered = Attempt(NOW, "busy", "x" * 500), Attempt(NOW + SECOND, "answered")
    await queue.settle(call, busy, RetryAt(NOW + 60 * SECOND), NOW)
    assert await heads(queue) == []
    assert await heads(queue, at=NOW + 60 * SECOND) == [call]
    await queue.dial(call, NOW + 61 * SECOND)
    await queue.settle(call, answered, Final("answered"), NOW + 70 * SECOND)
    await queue.settle(call, answered, Final("failed"), NOW + 71 * SECOND)
    found = await queue.get(call)
    assert found is not None
    assert (found.status, found.result, found.ended_at) == (Status.ENDED, "answered", NOW + 70 * SECOND)
    assert found.attempts == (Attempt(NOW, "busy", "x" * 200), answered)


async def test_a_restart_finds_everything_and_redials_nothing(tmp_path: Path) -> None:
    async with Database(store_at(tmp_path)) as database:
        queue = Queue(database)
        waits, dialled, over = await add(queue), await add(queue), await add(queue)
        for each in (dialled, over):
            await queue.dial(each.id, NOW)
        await queue.settle(over.id, Attempt(NOW, "busy"), Final("busy"), NOW)
    async with Database(store_at(tmp_path)) as database:
        queue = Queue(database)
        database.node = NodeId("node1", 1)
        assert await queue.interrupt(NOW + SECOND) == [dialled.id]
        assert await queue.interrupt(NOW + SECOND) == []
        assert await heads(queue) == [waits.id]
        found = await queue.get(dialled.id)
        assert found is not None
        assert (found.status, found.result, found.ended_at) == (Status.ENDED, "interrupted", NOW + SECOND)
        assert found.attempts[0].at == NOW
        assert "not known" in (found.detail or "")
        assert await queue.counts() == {Status.QUEUED: 1, Status.DIALING: 0, Status.ENDED: 2}


async def test_cancelled_and_expired(queue: Queue) -> None:
    one, two, three = [await add(queue, expires=seconds) for seconds in (10, 20, 30)]
    assert await queue.next_moment(NOW) == NOW + 10 * SECOND
    assert await queue.cancel(one.id, "ops", NOW)
    assert not await queue.cancel(one.id, "ops", NOW)
    with pytest.raises(NotQueued):
        await queue.dial(one.id, NOW)
    assert await queue.expire(NOW + 30 * SECOND, without={three.id}) == [two.id]
    results = {
        entry.id: (entry.result, entry.detail) for entry in await queue.page(QueueFilter(), before=None, limit=10)
    }
    assert results == {one.id: ("cancelled", "by ops"), two.id: ("expired", None), three.id: (None, None)}


async def test_the_queue_has_an_end(queue: Queue) -> None:
    await add(queue, most=1)
    with pytest.raises(QueueFull):
        await add(queue, most=1)


async def test_pages_run_backwards(queue: Queue) -> None:
    added = [await add(queue) for _ in range(5)]
    first = await queue.page(QueueFilter((Status.QUEUED,)), before=None, limit=2)
    second = await queue.page(QueueFilter((Status.QUEUED,)), before=first[-1].number, limit=10)
    assert [entry.id for entry in first + second] == [entry.id for entry in reversed(added)]
    assert await queue.page(QueueFilter((Status.ENDED,)), before=None, limit=10) == []


async def test_what_ended_long_ago_is_forgotten(queue: Queue) -> None:
    old, new, waits = await add(queue), await add(queue), await add(queue)
    await queue.cancel(old.id, "ops", NOW)
    await queue.cancel(new.id, "ops", NOW + 2 * SECOND)
    assert await queue.forget(NOW + SECOND) == 1
    assert [await queue.get(each.id) is not None for each in (old, new, waits)] == [False, True, True]


async def test_pauses(queue: Queue) -> None:
    for trunk in ("main", "main", "second", ALL_TRUNKS):
        await queue.pause(trunk, "ops", NOW)
    await queue.resume("main")
    assert await queue.pauses() == {"second", ALL_TRUNKS}
    await queue.resume(ALL_TRUNKS)
    assert await queue.pauses() == frozenset()


async def test_what_others_are_not_told_yet_is_marked(queue: Queue) -> None:
    """Not for those of this moment: their events are on their way."""
    later = NOW + SECOND
    waits, dialled, over = await add(queue), await add(queue), await add(queue)
    await queue.dial(dialled.id, NOW)
    await queue.cancel(over.id, "ops", NOW)
    assert await queue.untold(NOW) == []
    assert await queue.untold(later) == [waits.id, over.id]
    await queue.settle(dialled.id, Attempt(NOW, "busy"), RetryAt(later), NOW)
    assert await queue.untold(later) == [waits.id, dialled.id, over.id]


async def test_the_outbox_takes_the_mark_away_unless_there_is_a_newer_change(tmp_path: Path) -> None:
    later = NOW + SECOND
    async with Database(store_at(tmp_path)) as database:
        queue, outbox = Queue(database), Outbox(database)
        call = await add(queue)
        await outbox.write([MarkTold(call.id, later), MarkTold(call.id, None)], NOW)
        assert await queue.untold(later) == [call.id]
        await outbox.write([MarkTold(call.id, call.due_at)], NOW)
        assert await queue.untold(later) == []
        await queue.cancel(call.id, "ops", NOW)
        await outbox.write([MarkTold(call.id, call.due_at)], NOW)
        assert await queue.untold(later) == [call.id]
        await outbox.write([MarkTold(call.id, None)], NOW)
        assert await queue.untold(later) == []


async def test_an_order_with_an_id_of_its_own_is_placed_once(tmp_path: Path) -> None:
    """The answer to the first may have been lost together with the store."""
    call = str(uuid4())
    async with office(tmp_path, FakeControl(room=0)) as it:
        asked = PlaceCall(to="+4930123")
        first, again = [await it.orders.place(asked, by="ops", call=call) for _ in range(2)]
        other = await it.orders.place(asked, by="ops")
        assert first.id == again.id == call != other.id
        assert len(await it.queue.page(QueueFilter(), before=None, limit=10)) == 2


async def test_metadata_is_kept_changed_and_found(tmp_path: Path) -> None:
    async with office(tmp_path, FakeControl(room=0)) as it:
        call = await it.order(metadata={"order": "17", "shop": 'b"\\'})
        other = await it.order(metadata={"order": "18"})
        await it.order()

        async def found(*pairs: tuple[str, str]) -> list[str]:
            page = await it.orders.page(QueueFilter(metadata=pairs), before=None, limit=10)
            return [each.id for each in page]

        assert await found(("order", "17")) == [call]
        assert await found(("order", "17"), ("shop", 'b"\\')) == [call]
        assert await found(("order", "17"), ("shop", "c")) == []
        assert await found(("nobody.has:it", "")) == []
        changed = await it.orders.set_metadata(call, {"order": None, "state": "late"}, by="ops")
        assert changed is not None
        assert changed.metadata == {"shop": 'b"\\', "state": "late"} == (await it.orders.find(call)).metadata
        assert (await it.orders.find(other)).metadata == {"order": "18"}
        assert await it.orders.set_metadata("nobody", {"order": "1"}, by="ops") is None
        await it.orders.cancel(call, by="ops")
        with pytest.raises(errors.WrongState):
            await it.orders.set_metadata(call, {"order": "1"}, by="ops")
