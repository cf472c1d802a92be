"""Workers as real processes: started, frozen, killed, started again, and stopped with the controller.

The process is a small program of the test's own that says hello and beats; freezing is done with SIGSTOP.
"""

import asyncio
import errno
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from bridge import contract
from controller.workers import supervisor
from controller.workers.pool import WorkerPool
from controller.workers.reattach import DetachedWorker, PidFile
from controller.workers.supervisor import Supervisor, WorkerCommand
from controller.workers.worker_admission import WorkerAdmission
from tests.peers.http_server import http_server

BEATING = """
import asyncio, os, sys
import aiohttp
from bridge import contract

async def main(name, url):
    headers = {"Authorization": "Bearer " + os.environ[contract.TOKEN_ENV]}
    async with aiohttp.ClientSession() as http, http.ws_connect(url, headers=headers) as link:
        hello = contract.Hello(
            worker=name, boot="boot-of-a-process-" + str(os.getpid()), pid=os.getpid(), host="x", port=1, capacity=9
        )
        await link.send_str(contract.encode(hello))
        while not link.closed:
            await link.send_str(contract.encode(contract.Heartbeat(load=contract.Load())))
            await asyncio.sleep(0.1)

asyncio.run(main(sys.argv[1], sys.argv[2]))
"""


ADMISSION = WorkerAdmission("the controller's secret")


class Program(WorkerCommand):
    """Starts the test's program instead of a worker."""

    def argv(self, name: str) -> list[str]:
        return [sys.executable, self.listen, name, self.controller]


@asynccontextmanager
async def supervised(tmp_path: Path, program: str, count: int) -> AsyncIterator[WorkerPool]:
    path = tmp_path / "worker.py"
    path.write_text(program)
    workers = WorkerPool(ADMISSION, lambda event: None, lambda call: None)
    async with http_server(workers.endpoint, contract.LINK_PATH) as at:
        url = f"ws://{at}{contract.LINK_PATH}"
        command = Program(url, ADMISSION.local_token, listen=str(path), ports="", advertise="", capacity=1)
        task = asyncio.create_task(Supervisor(workers, command, count, PidFile(tmp_path / "roll")).run())
        try:
            yield workers
        finally:
            task.cancel()
            await asyncio.wait([task])
            workers.close()


async def until(workers: WorkerPool, true: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not true():
            await workers.wait_changed()


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
    survivor = DetachedWorker(program.pid)
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
    monkeypatch.setattr(supervisor, "RESTART_DELAYS", (0.0, 0.0, 60.0))
    starts = tmp_path / "starts"
    async with supervised(tmp_path, f"open({str(starts)!r}, 'a').write('x')", count=1):
        async with asyncio.timeout(30):
            while not starts.exists() or len(starts.read_text()) < 3:  # noqa: ASYNC110 - a file of another process
                await asyncio.sleep(0.05)
    assert starts.read_text() == "xxx"


class Refused:
    """In the place of asyncio's way to start a process: it fails `times` times for each worker but `spared`."""

    def __init__(self, error: Exception, times: int) -> None:
        self.error = error
        self.left = times
        self.real = asyncio.create_subprocess_exec

    async def __call__(self, *argv: str, **options: Any) -> asyncio.subprocess.Process:
        if self.left > 0:
            self.left -= 1
            raise self.error
        return await self.real(*argv, **options)


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.EMFILE, "Too many open files"),
        BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable"),
        FileNotFoundError(errno.ENOENT, "No such file or directory"),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        PermissionError(errno.EACCES, "Permission denied"),
        OSError(errno.ENOSPC, "No space left on device"),
        RuntimeError("can't start new thread"),
        MemoryError(),
    ],
    ids=lambda error: getattr(error, "strerror", None) or str(error) or "MemoryError",
)
async def test_a_worker_that_cannot_be_started_is_told_and_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    """While the other one goes on."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    monkeypatch.setattr(supervisor, "RESTART_DELAYS", (0.05,))
    with capture_logs() as logs:
        async with supervised(tmp_path, BEATING, count=2) as workers:
            await until(workers, lambda: len(workers.all()) == 2)
            healthy, dies = workers.get("w1"), workers.get("w2")
            assert healthy is not None
            assert dies is not None
            refuses = Refused(error, 3)
            monkeypatch.setattr(asyncio, "create_subprocess_exec", refuses)
            os.kill(dies.pid, signal.SIGKILL)
            async with asyncio.timeout(30):
                while "w2" not in workers.unstartable:  # noqa: ASYNC110 - a state, for a moment
                    await asyncio.sleep(0.01)
            await until(workers, lambda: (again := workers.get("w2")) is not None and again.pid != dies.pid)
            assert workers.unstartable == {}
            assert workers.get("w1") is healthy
            assert healthy.socket is not None
    told = [line for line in logs if line["event"].startswith("worker can't be started")]
    assert [line["worker"] for line in told] == ["w2"] * 3


async def test_a_worker_that_is_left_lives_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    seen: list[Supervisor] = []
    run = Supervisor.run

    async def noted(self: Supervisor) -> None:
        seen.append(self)
        await run(self)

    monkeypatch.setattr(Supervisor, "run", noted)
    async with supervised(tmp_path, BEATING, count=1) as workers:
        await until(workers, lambda: len(workers.all()) == 1)
        pid = workers.all()[0].pid
        seen[0].leave()
    assert alive(pid)
    os.kill(pid, signal.SIGKILL)
    async with asyncio.timeout(30):
        while alive(pid):  # noqa: ASYNC110 - its end is told to a thread of asyncio
            await asyncio.sleep(0.01)
