"""Workers as real processes: started, frozen, killed, started again, and stopped with the controller.

The process is a small program of the test's own that says hello and beats; freezing is done with SIGSTOP.
"""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from bridge import contract
from controller import supervisor as module
from controller.supervisor import Supervisor, WorkerCommand
from controller.survivors import Roll, Survivor
from controller.workers import Workers

BEATING = """
import asyncio, os, sys
import aiohttp
from bridge import contract

async def main(name, url):
    headers = {"Authorization": "Bearer " + os.environ[contract.TOKEN_ENV]}
    async with aiohttp.ClientSession() as http, http.ws_connect(url, headers=headers) as link:
        hello = contract.Hello(worker=name, pid=os.getpid(), host="127.0.0.1", port=1, capacity=9)
        await link.send_str(contract.encode(hello))
        while not link.closed:
            await link.send_str(contract.encode(contract.Beat(load=contract.Load())))
            await asyncio.sleep(0.1)

asyncio.run(main(sys.argv[1], sys.argv[2]))
"""


class Program(WorkerCommand):
    """Starts the test's program instead of a worker."""

    def argv(self, name: str) -> list[str]:
        return [sys.executable, self.listen, name, self.controller]


@asynccontextmanager
async def supervised(tmp_path: Path, program: str, count: int) -> AsyncIterator[Workers]:
    path = tmp_path / "worker.py"
    path.write_text(program)
    workers = Workers("token", lambda event: None, lambda call: None)
    app = web.Application()
    app.router.add_get(contract.LINK_PATH, workers.endpoint)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"ws://127.0.0.1:{runner.addresses[0][1]}{contract.LINK_PATH}"
    command = Program(url, "token", listen=str(path), ports="", advertise="", capacity=1)
    task = asyncio.create_task(Supervisor(workers, command, count, Roll(tmp_path / "roll")).run())
    try:
        yield workers
    finally:
        task.cancel()
        await asyncio.wait([task])
        workers.close()
        await runner.cleanup()


async def until(workers: Workers, true: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not true():
            await workers.changed.wait()
            workers.changed.clear()


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_workers_are_started_and_stopped_with_us(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    async with supervised(tmp_path, BEATING, count=2) as workers:
        await until(workers, lambda: len(workers.all()) == 2)
        pids = {worker.pid for worker in workers.all()}
        assert {worker.name for worker in workers.all()} == {"w1", "w2"}
    assert not any(map(alive, pids))


async def test_a_frozen_worker_is_killed_and_replaced(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    async with supervised(tmp_path, BEATING, count=1) as workers:
        await until(workers, lambda: len(workers.all()) == 1)
        frozen = workers.all()[0].pid
        os.kill(frozen, signal.SIGSTOP)
        await until(workers, lambda: bool(workers.all()) and workers.all()[0].pid != frozen)
        assert not alive(frozen)


async def test_a_frozen_worker_of_an_earlier_controller_is_waited_for_as_often_as_one_likes() -> None:
    """As the supervisor does: it stops waiting because the beats stay away, kills, and waits again."""
    program = await asyncio.create_subprocess_exec("sleep", "60")
    survivor = Survivor(program.pid)
    waiting = asyncio.create_task(survivor.wait())
    await asyncio.sleep(0)
    waiting.cancel()
    survivor.kill()
    async with asyncio.timeout(10):
        assert await survivor.wait() == -1
        assert await survivor.wait() == -1
        await program.wait()
    assert waiting.cancelled()


async def test_a_process_that_dies_at_once_is_started_again_with_growing_pauses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RESTART_DELAYS", (0.0, 0.0, 60.0))
    starts = tmp_path / "starts"
    async with supervised(tmp_path, f"open({str(starts)!r}, 'a').write('x')", count=1):
        async with asyncio.timeout(30):
            while not starts.exists() or len(starts.read_text()) < 3:  # noqa: ASYNC110 - a file of another process
                await asyncio.sleep(0.05)
    assert starts.read_text() == "xxx"
