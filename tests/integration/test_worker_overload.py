"""Admission by measurement: a real worker whose core is fully used gets no further call.

Its load is counted in CPU time, not in delays, so that the test says the same on a busy machine.
"""

import asyncio
import os
import sys
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import pytest

from bridge import contract
from controller.workers.pool import WorkerPool
from controller.workers.worker import OVERLOADED_BEATS, RECOVERED_BEATS, NoWorker, Worker
from controller.workers.worker_admission import WorkerAdmission
from tests.peers.audiosocket import AsteriskPeer
from tests.peers.heavy_worker import CAPACITY
from tests.peers.http_server import http_server

TOKEN = "a-long-enough-token"
PATIENCE = 20.0
SPEC = contract.SessionSpec(agent="a", provider=contract.Provider(api_key="sk-test"), instructions="Be kind.")


class Listening(WorkerPool):
    """It says when a worker has said something."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.told = asyncio.Event()

    def _take(self, worker: Worker, event: contract.Event) -> None:
        super()._take(worker, event)
        self.told.set()


class Hall:
    """The controller's end, and what workers have said to it."""

    def __init__(self) -> None:
        self.workers = Listening(WorkerAdmission("secret", shared=TOKEN), self._heard, lambda call: None)
        self.connected: dict[str, asyncio.Event] = {}
        self.url = ""

    def _heard(self, event: contract.CallEvent) -> None:
        if isinstance(event, contract.MediaConnected):
            self.connected[event.call].set()

    async def begin(self, asterisk: AsyncExitStack) -> tuple[str, Worker]:
        """One more call, on whichever worker it is given to. Raises NoWorker."""
        call = str(uuid.uuid4())
        worker = self.workers.assign(call)
        self.connected[call] = asyncio.Event()
        await self.workers.send(call, contract.Prepare(call=call, spec=SPEC))
        media = str(uuid.uuid4())
        await self.workers.send(call, contract.ExpectMedia(call=call, media=media, seconds=10))
        await asterisk.enter_async_context(AsteriskPeer(worker.host, worker.port, media))
        async with asyncio.timeout(PATIENCE):
            await self.connected[call].wait()
        return call, worker


@pytest.fixture
async def hall() -> AsyncIterator[Hall]:
    hall = Hall()
    async with http_server(hall.workers.endpoint, contract.LINK_PATH) as at:
        hall.url = f"ws://{at}{contract.LINK_PATH}"
        yield hall
        hall.workers.close()


@asynccontextmanager
async def heavy(hall: Hall, name: str) -> AsyncIterator[Worker]:
    """A worker process, registered."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.peers.heavy_worker", name, hall.url),
        env=os.environ | {contract.TOKEN_ENV: TOKEN},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
    )
    try:
        async with asyncio.timeout(PATIENCE):
            while (worker := hall.workers.get(name)) is None:
                await hall.workers.wait_changed()
        yield worker
    finally:
        process.kill()
        await process.wait()


async def beats(hall: Hall, worker: Worker, count: int) -> None:
    """So many more have come of it."""
    async with asyncio.timeout(PATIENCE):
        for _ in range(count):
            load = worker.load
            while worker.load is load:
                hall.workers.told.clear()
                await hall.workers.told.wait()


async def test_a_worker_at_its_limit_gets_no_call_until_it_has_room_again(hall: Hall) -> None:
    async with AsyncExitStack() as asterisk, heavy(hall, "w1") as first:
        calls: list[str] = []
        while hall.workers.has_room() and len(calls) < CAPACITY:
            calls.append((await hall.begin(asterisk))[0])
            await beats(hall, first, OVERLOADED_BEATS + 1)
        assert 1 <= len(calls) <= 3, "its places are not used up, its core is"
        assert first.load.sessions == first.load.legs == len(calls), "those that it has go on"
        with pytest.raises(NoWorker):
            hall.workers.assign("one more")
        async with heavy(hall, "w2") as second:
            call, carrier = await hall.begin(asterisk)
            assert carrier is second
            for over in (*calls, call):
                await hall.workers.send(over, contract.Close(call=over, reason="hung up"))
            await beats(hall, first, RECOVERED_BEATS + 2)
            assert hall.workers.has_room()
            assert not first.overloaded
            assert first.load.sessions == first.load.legs == 0
