"""The worker processes of this machine: started, watched, killed when frozen, started again.

A worker that stands still can freeze the whole Asterisk: Asterisk waits for the next frame while it holds a channel's
lock, and only closing the worker's sockets frees it. So a worker whose heartbeats stay away is killed at once. Workers
of other machines are watched by their own `voiceai bridge`.
"""

import asyncio
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import structlog

from bridge import contract
from bridge.common.backoff import Backoff
from controller.config import Config
from controller.config.models.bridge import SharedWith
from controller.workers.pool import WorkerPool
from controller.workers.reattach import DetachedWorker, PidFile

log = structlog.get_logger()

BEATS_MISSED = 1.5  # seconds without a heartbeat after which a worker is killed
CHECK_EVERY = 0.25
STARTING = 10.0  # seconds a new process has until its first hello
STOPPING = 5.0  # seconds between SIGTERM and SIGKILL
ALONE = 30  # seconds without controller and calls after which a worker ends by itself (its controller was killed)
RESTART_DELAYS = (0.1, 0.5, 1.0, 2.0, 5.0)  # seconds; a process that ends again and again must not use up the machine
NEEDED = re.compile(
    r"PATH|HOME|USER|LOGNAME|SHELL|TZ|TZDIR|LANG|LANGUAGE|LC_[A-Z]+|TMPDIR|TEMP|TMP|XDG_RUNTIME_DIR"
    r"|PYTHON[A-Z_]*|VIRTUAL_ENV|COVERAGE_[A-Z_]+|LD_LIBRARY_PATH|DYLD_[A-Z_]+|MALLOC_[A-Z_]+"
    r"|SSL_CERT_(FILE|DIR)|OPENSSL_CONF|(HTTPS?|ALL|NO|WS|WSS|SOCKS)_PROXY"
    r"|VOICEAI_LOG|VOICEAI_LOG_PII|NO_COLOR|FORCE_COLOR|TERM|COLUMNS"
    r"|SYSTEMROOT|SYSTEMDRIVE|WINDIR|COMSPEC|PATHEXT|USERPROFILE|APPDATA|LOCALAPPDATA|PROGRAMDATA"
    r"|NUMBER_OF_PROCESSORS|PROCESSOR_ARCHITECTURE"
)
"""Names of environment variables: where programs and files are, language and time, proxies, certificates, logging."""
STEADY = 5.0  # seconds; a worker that lived for so long is started again at once


RealtimeMode = Literal["auto", "yes", "no"]
Process = asyncio.subprocess.Process | DetachedWorker


@dataclass(frozen=True, slots=True)
class WorkerCommand:
    """How a worker of this machine is started. `token` makes the token of a worker's name; it is passed in the
    environment, because every user can read command lines. `shared_with`: controllers of other nodes, where the worker
    is called by the name of this `node` and its own."""

    controller: str
    token: Callable[[str], str]
    listen: str
    ports: str
    advertise: str
    capacity: int
    warm: int = 0
    ca: str | None = None
    realtime: RealtimeMode = "auto"
    metrics: str | None = None
    shared_with: tuple[SharedWith, ...] = ()
    node: str = ""

    def tokens(self, name: str) -> str:
        """Of this worker at each controller that it serves, in the order in which it is told them."""
        others = [each.tokens[name].get_secret_value() for each in self.shared_with if name in each.tokens]
        return " ".join([self.token(name), *others])

    def argv(self, name: str) -> list[str]:
        return [
            *(sys.executable, "-m", "bridge.worker"),
            *("--name", name),
            *("--controller", self.controller),
            *(word for each in self.shared_with if name in each.tokens for word in self._further(name, each)),
            *("--listen", self.listen),
            *("--ports", self.ports),
            *("--advertise", self.advertise),
            *("--capacity", str(self.capacity)),
            *("--quit-after", str(ALONE)),
            *("--warm", str(self.warm)),
            *(("--ca", self.ca) if self.ca else ()),
            *("--realtime", self.realtime),
            *(("--metrics", self.metrics) if self.metrics else ()),
            "--insecure",  # wherever the API listens: it is this machine
        ]

    def _further(self, name: str, controller: SharedWith) -> tuple[str, str]:
        there = [controller.controller, f"name={self.node}.{name}", f"advertise={controller.advertise}"]
        there += [f"allow={network}" for network in controller.allow]
        there += [f"ca={controller.ca}"] if controller.ca else []
        return "--controller", ",".join(there)


def workers_of(config: Config, port: int, token: Callable[[str], str]) -> tuple[WorkerCommand, int]:
    """How the workers of this machine are started, and how many. `port`: where the link is served."""
    bridge, listen = config.bridge, config.api.listen.host
    cores = os.cpu_count() or 2
    count = worker_count(config, cores)
    host, tls = "127.0.0.1" if listen in ("0.0.0.0", "::") else listen, config.api.tls
    scheme = "ws" if tls is None else "wss"
    command = WorkerCommand(
        controller=f"{scheme}://{f'[{host}]' if ':' in host else host}:{port}{contract.LINK_PATH}",
        token=token,
        listen=bridge.listen,
        ports=str(bridge.ports),
        advertise=bridge.advertise,
        capacity=bridge.capacity,
        warm=bridge.warm,
        ca=tls.certificate if tls else None,
        realtime=realtime_mode(bridge.realtime, count, cores),
        metrics=str(bridge.metrics) if bridge.metrics else None,
        shared_with=bridge.share_with,
        node=config.cluster.node,
    )
    return command, count


def worker_count(config: Config, cores: int) -> int:
    return max(1, cores - 1) if config.bridge.workers == "auto" else config.bridge.workers


def realtime_mode(wanted: bool | Literal["auto"], workers: int, cores: int) -> RealtimeMode:
    """What the workers are told. `auto` with as many workers as cores: workers that all hang would leave no core."""
    if wanted == "auto":
        return "auto" if workers < cores else "no"
    return "yes" if wanted else "no"


class NotStarted(Exception):
    """No process for a worker: too many files, processes or threads, no memory, no program. Says why."""


class Supervisor:
    """`run()` keeps `count` workers alive until it is cancelled, then stops them all. `names` are their names; `roll`
    is the file that says which processes they are."""

    def __init__(self, workers: WorkerPool, command: WorkerCommand, count: int, roll: PidFile) -> None:
        self._workers = workers
        self._command = command
        self._roll = roll
        self._left = False
        self.names = [f"w{number}" for number in range(1, count + 1)]

    def leave(self) -> None:
        """Their calls go on without this controller: from now on no process is stopped. Cancel `run()` then."""
        self._left = True

    async def run(self) -> None:
        survivors = self._roll.survivors()
        async with asyncio.TaskGroup() as slots:
            for name in self.names:
                slots.create_task(self._keep(name, survivors.get(name)), name=f"worker {name}")

    async def _keep(self, name: str, survivor: DetachedWorker | None) -> None:
        """Keeps one worker alive. Its failures do not touch the others."""
        process: Process | None = survivor
        backoff = Backoff(RESTART_DELAYS)
        while True:
            began = asyncio.get_running_loop().time()
            try:
                if process is None:
                    process = await self._start(name)
                await self._follow(name, process)
                process = None
            except NotStarted as error:
                log.error("worker can't be started; it is tried again", worker=name, reason=str(error))
                self._workers.unstartable[name] = str(error)
            except Exception:  # the top of this worker's task: the process is followed again
                log.exception("an internal error while a worker was watched", worker=name)
            if asyncio.get_running_loop().time() - began > STEADY:
                backoff.reset()
            else:
                await asyncio.sleep(backoff.next_delay())

    async def _follow(self, name: str, process: Process) -> None:
        """Until the process has ended."""
        try:
            reason = await self._watch(name, process)
        except asyncio.CancelledError:
            if not self._left:
                await asyncio.shield(_terminate(process))
                self._roll.remove(name)
            raise
        if process.returncode is None:
            process.kill()  # it stands still and would not handle SIGTERM
            await process.wait()
        self._workers.lost(name, reason)

    async def _start(self, name: str) -> asyncio.subprocess.Process:
        """Raises NotStarted."""
        try:
            process = await asyncio.create_subprocess_exec(
                *self._command.argv(name),
                env=environment(os.environ) | {contract.TOKEN_ENV: self._command.tokens(name)},
                stdin=asyncio.subprocess.DEVNULL,
                # Its own process group: Ctrl-C at the terminal is for us, and we stop the workers in order.
                start_new_session=True,
            )
        except OSError as error:
            raise NotStarted(error.strerror or type(error).__name__) from error
        except (RuntimeError, MemoryError, subprocess.SubprocessError) as error:  # such as: no more threads
            raise NotStarted(str(error) or type(error).__name__) from error
        log.info("worker started", worker=name, pid=process.pid)
        self._workers.unstartable.pop(name, None)
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
                    continue  # this process stood still: heartbeats may wait in our socket
                worker = self._workers.get(name)
                if worker is not None and worker.pid == process.pid:
                    if worker.socket is not None and now - worker.last_beat > BEATS_MISSED:
                        return f"no beat for {now - worker.last_beat:.1f} s: frozen or starved, killed"
                elif now - started > STARTING:
                    return "it did not register in time"
        finally:
            exited.cancel()


def environment(ours: Mapping[str, str]) -> dict[str, str]:
    """The variables that a worker needs. It gets no passwords, tokens or keys of the controller: what it needs for a
    call comes over the link."""
    return {name: value for name, value in ours.items() if NEEDED.fullmatch(name.upper())}


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
