"""controller.store.write_behind: in order, once, bounded; smaller batches and two lines in the log while the store is
away."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import structlog

from controller.store.database import StoreError
from controller.store.write_behind import WriteBehind


class Store:
    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.tried: list[int] = []
        self.away = False
        self.hangs: asyncio.Event | None = None

    async def write(self, batch: Sequence[int]) -> None:
        self.tried.append(len(batch))
        if self.hangs is not None:
            await self.hangs.wait()
        if self.away:
            raise StoreError("away")
        self.batches.append(list(batch))

    @property
    def items(self) -> list[int]:
        return [item for batch in self.batches for item in batch]


def queue_to(store: Store, **more: Any) -> WriteBehind[int]:
    options: dict[str, Any] = {"away": "away", "back": "back", "delays": (0.001,), "batch": 8}
    return WriteBehind[int](store.write, **options | more)


@asynccontextmanager
async def running(queue: WriteBehind[int]) -> AsyncIterator[None]:
    task = asyncio.create_task(queue.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_while_the_store_is_away_everything_waits_in_ever_smaller_batches() -> None:
    store = Store()
    queue = queue_to(store)
    store.away = True
    with structlog.testing.capture_logs() as lines:
        async with asyncio.timeout(5), running(queue):
            for item in range(20):
                queue.put(item)
            while len(store.tried) < 5:  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0.001)
            store.away = False
            await queue.empty()
    assert store.tried[:5] == [8, 4, 2, 1, 1]
    assert store.items == list(range(20))
    assert [line["event"] for line in lines] == ["away", "back"]


async def test_beyond_the_bound_the_new_one_goes_or_the_oldest() -> None:
    newest, oldest = queue_to(Store(), most=2), queue_to(Store(), most=2, drop_oldest=True)
    assert [newest.put(item) for item in range(3)] == [None, None, 2]
    assert [oldest.put(item) for item in range(3)] == [None, None, 0]
    assert newest.put(3, bounded=False) is None
    sized = queue_to(Store(), most_bytes=10, size=lambda item: item)
    assert [sized.put(item) for item in (6, 5, 4)] == [None, 5, None]


async def test_one_that_waits_is_not_put_again_but_one_that_is_being_written_is() -> None:
    store = Store()
    store.hangs = asyncio.Event()
    queue = queue_to(store, unique=True)
    async with asyncio.timeout(5), running(queue):
        queue.put(1)
        queue.put(1)
        while not store.tried:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0)
        queue.put(1)
        store.hangs.set()
        await queue.empty()
    assert store.batches == [[1], [1]]


async def test_who_finishes_while_a_batch_is_written_waits_for_it_and_writes_the_rest_once() -> None:
    store = Store()
    store.hangs = asyncio.Event()
    queue = queue_to(store, batch=2)
    async with running(queue):
        for item in range(5):
            queue.put(item)
        while not store.tried:  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0)
        asyncio.get_running_loop().call_later(0.02, store.hangs.set)
        assert await queue.finish(5)
    assert store.items == list(range(5))
    store.away = True
    queue.put(5)
    assert not await queue.finish(5)
    assert len(queue) == 1


async def test_a_fault_of_ours_ends_the_task_and_loses_nothing() -> None:
    broken = WriteBehind[int](_broken, away="", back="", delays=(1.0,), batch=1)
    broken.put(1)
    task = asyncio.create_task(broken.run())
    await asyncio.wait([task])
    assert isinstance(task.exception(), ValueError)
    assert len(broken) == 1


async def _broken(_: Sequence[int]) -> None:
    raise ValueError("ours")


async def test_batches_are_apart_and_what_comes_meanwhile_is_one_batch() -> None:
    store = Store()
    queue = queue_to(store, apart_s=0.1)
    async with running(queue):
        queue.put(1)
        await queue.empty()
        for item in (2, 3):
            queue.put(item)
            for _ in range(50):
                await asyncio.sleep(0)
        await queue.empty()
    assert store.batches == [[1], [2, 3]]
