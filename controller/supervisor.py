"""The worker processes of this machine: started, watched, killed when frozen, started again.

A worker that stops for a moment can freeze the whole Asterisk: it waits for our next frame while it holds a channel's
lock, and only closing the worker's sockets frees it. So a worker whose beats stay away is killed, not waited for.
Workers on other machines are watched by their own `voiceai bridge`.
"""

import asyncio
import os
import sys
from dataclasses import dataclass

import structlog

from bridge import contract, notify
from controller.survivors import Roll, Survivor
from controller.workers import Workers

log = structlog.get_logger()

BEATS_MISSED = 1.5  # seconds without a sign of life
CHECK_EVERY = 0.25
STARTING = 10.0  # seconds a new process has until its first hello
STOPPING = 5.0  # seconds between SIGTERM and SIGKILL
ALONE = 30  # seconds without controller and calls after which a worker of ours ends by itself: we were killed
RESTART_DELAYS = (0.1, 0.5, 1.0, 2.0, 5.0)  # a process that keeps dying must not spin
STEADY = 5.0  # seconds; one that lived so long does not spin, and callers wait for the next


Process = asyncio.subprocess.Process | Survivor


@dataclass(frozen=True, slots=True)
class WorkerCommand:
    """How a worker of ours is started. `token` goes by environment: command lines are public."""

    controller: str
    token: str
    listen: str
    ports: str
    advertise: str
    capacity: int
    warm: int = 0
    ca: str | None = None
    realtime: bool = False
    metrics: str | None = None

    def argv(self, name: str) -> list[str]:
        return [
            *(sys.executable, "-m", "bridge.worker"),
            *("--name", name),
            *("--controller", self.controller),
            *("--listen", self.listen),
            *("--ports", self.ports),
            *("--advertise", self.advertise),
            *("--capacity", str(self.capacity)),
            *("--quit-after", str(ALONE)),
            *("--warm", str(self.warm)),
            *(("--ca", self.ca) if self.ca else ()),
            *(("--realtime",) if self.realtime else ()),
            *(("--metrics", self.metrics) if self.metrics else ()),
        ]


class Supervisor:
    """`run()` keeps `count` workers alive until it is cancelled, then stops them all. `names` are theirs; `roll` is
    where it is written down which processes they are."""

    def __init__(self, workers: Workers, command: WorkerCommand, count: int, roll: Roll) -> None:
        self._workers = workers
        self._command = command
        self._roll = roll
        self.names = [f"w{number}" for number in range(1, count + 1)]

    async def run(self) -> None:
        survivors = self._roll.survivors()
        async with asyncio.TaskGroup() as slots:
            for name in self.names:
                slots.create_task(self._keep(name, survivors.get(name)), name=f"worker {name}")

    async def _keep(self, name: str, survivor: Survivor | None) -> None:
        deaths = 0
        while True:
            process = survivor or await self._start(name)
            survivor = None
            started = asyncio.get_running_loop().time()
            try:
                reason = await self._watch(name, process)
            except asyncio.CancelledError:
                await asyncio.shield(_terminate(process))
                self._roll.remove(name)
                raise
            if process.returncode is None:
                process.kill()  # frozen: it would not hear anything gentler
                await process.wait()
            self._workers.lost(name, reason)
            lived = asyncio.get_running_loop().time() - started
            deaths = 0 if lived > STEADY else deaths + 1
            await asyncio.sleep(RESTART_DELAYS[min(deaths, len(RESTART_DELAYS)) - 1] if deaths else 0)

    async def _start(self, name: str) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            *self._command.argv(name),
            env=_environment() | {contract.TOKEN_ENV: self._command.token},
            stdin=asyncio.subprocess.DEVNULL,
            # Its own process group: Ctrl-C at the terminal is for us, and we stop the workers in order.
            start_new_session=True,
        )
        log.info("worker started", worker=name, pid=process.pid)
        self._roll.add(name, process.pid)
        return process

    async def _watch(self, name: str, process: Process) -> str:
        """Until the process ends or must be killed; says why."""
        loop = asyncio.get_running_loop()
        exited = asyncio.ensure_future(process.wait())
        started = checked = loop.time()
        try:
            while True:
                await asyncio.wait({exited}, timeout=CHECK_EVERY)
                if exited.done():
                    return f"it exited with status {exited.result()}"
                now, before = loop.time(), checked
                checked = now
                if now - before > 2 * CHECK_EVERY:
                    continue  # we were the ones who stood still: its beats may wait in our socket
                worker = self._workers.get(name)
                if worker is not None and worker.pid == process.pid:
                    if worker.socket is not None and now - worker.last_beat > BEATS_MISSED:
                        return f"no beat for {now - worker.last_beat:.1f} s: frozen or starved, killed"
                elif now - started > STARTING:
                    return "it did not register in time"
        finally:
            exited.cancel()


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in notify.VARIABLES}


async def _terminate(process: Process) -> None:
    """In order: it closes what it has. One that does not end in time is killed."""
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(STOPPING):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
