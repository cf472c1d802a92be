"""A bridge worker: the process that carries the audio of calls.

    python -m bridge.worker --controller ws://127.0.0.1:8080/link --listen 127.0.0.1 --ports 9092-9099

Owns the process: arguments, signals, the order of start and end. It starts the clock and the AudioSocket server, then
dials the controller and acts on its commands until SIGTERM or SIGINT; then it takes no new call, gives the present ones
`--drain` seconds, closes what is left and goes. A second signal ends the waiting.

It may serve further controllers (`controllers`). The tokens, one for each, are read from VOICEAI_BRIDGE_TOKEN: on the
command line everybody on the machine could read them.
"""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from ipaddress import ip_address
from time import monotonic, thread_time
from uuid import uuid4

import structlog

from bridge import contract
from bridge.audiosocket.server import AudioSocketServer, CantListen
from bridge.audiosocket.ticker import Ticker
from bridge.common import logs as logs, systemd
from bridge.common.allocator import give_large_blocks_back
from bridge.common.event_loop import run
from bridge.engine import SessionFactory
from bridge.realtime.session import RealtimeSession
from bridge.realtime.transport.client import open_client
from bridge.realtime.transport.pool import ConnectionPool
from bridge.recording.disk import DiskThread
from bridge.recording.recorder import Recordings
from bridge.worker.controllers import Controllers
from bridge.worker.garbage_collection import settle
from bridge.worker.options import (
    LinkOptions as LinkOptions,
    Options as Options,
    metrics_place as metrics_place,
    parse as parse,
    port_list as port_list,
    tokens as tokens,
)
from bridge.worker.process_stats import ProcessMeter
from bridge.worker.scheduling import LONGEST_RUN, RESUME_SECONDS, RealtimePriority
from bridge.worker.state import Now

NOTICE_SECONDS = 1.0
FLUSH_SECONDS = 1.0
ALONE_CHECK_SECONDS = 1.0
STALE_SECONDS = 1.0
MEASURE_SECONDS = 0.4
"""Seconds. What was measured is told to several controllers for so long: less than a heartbeat's interval."""

log = structlog.get_logger()


class Worker:
    """All of a worker but the process around it: tests run it in their own. `run` returns after `stop`."""

    def __init__(self, options: Options, *tokens: str, session_factory: SessionFactory | None = None) -> None:
        """`tokens`: of this worker, one for each controller."""
        self._options = options
        self._ticker = Ticker()
        self._server = AudioSocketServer(self._ticker, allow=options.all_allowed)
        self._boot = uuid4().hex
        self._disk = DiskThread()
        self._recordings = Recordings(self._disk)
        self._warm = ConnectionPool(options.warm)
        factory = session_factory or partial(RealtimeSession, opener=self._warm.open if options.warm else open_client)
        self._controllers = Controllers(
            *(options.links(*tokens), options.capacity, self._server, factory, self._recordings),
            hello=self._hello,
            load=self._load,
            retire=self.retire,
            count=self._counted,
        )
        self._link, self._sessions = self._controllers.home.link, self._controllers.home.sessions
        self._host, self._port = "", 0
        self._drain_s = options.drain
        self._stopping = asyncio.Event()
        self._signalled = asyncio.Event()
        self._hurry = asyncio.Event()
        self._cpu_and_time = thread_time(), monotonic()
        self._meter = ProcessMeter()
        self._told: contract.Load | None = None
        self._count: Callable[[contract.CallEvent], None] | None = None

    def __repr__(self) -> str:
        return f"<Worker {self._options.name} [{self._controllers!r}, {self._server!r}]>"

    @property
    def address(self) -> tuple[str, int]:
        """Where AudioSocket listens, once it does."""
        return self._host, self._port

    def stop(self) -> None:
        """Ends the worker in order: the present calls may go on for `--drain` seconds. A second `stop` ends them at
        once. `retire` does not count as a first `stop`, but the longer time that it granted is over."""
        if self._signalled.is_set():
            self._hurry.set()
        self._signalled.set()
        self._stopping.set()

    def retire(self, seconds: float) -> None:
        """As `stop`, on request of the controller: the present calls may go on for `seconds`."""
        if not self._stopping.is_set():
            self._drain_s = seconds
            self._stopping.set()

    async def run(self) -> None:
        """Raises OSError when there is nowhere to listen, and whatever broke the link's own code."""
        async with self._exposed():
            await self._carry()

    # ------------------------------------------------------------ inside

    @contextlib.asynccontextmanager
    async def _exposed(self) -> AsyncIterator[None]:
        """With its own /metrics, if it was asked for."""
        options = self._options
        if options.metrics is None:
            yield
            return
        # Loaded only where it is used: 4 MB of each worker.
        from prometheus_client import CollectorRegistry

        from bridge.worker.metrics import WorkerMetrics
        from bridge.worker.metrics_server import MetricsServer

        registry = CollectorRegistry()
        self._count = WorkerMetrics(registry, options.name, self._now_at_scrape).observe
        async with MetricsServer(registry, *options.metrics):
            yield

    def _now_at_scrape(self) -> Now:
        """Without a controller nobody else asks for the load."""
        told = self._told
        if told is None or monotonic() - self._cpu_and_time[1] > STALE_SECONDS:
            told = self._measure()
        served = self._controllers
        return Now(
            self._live(told),
            self._options.capacity,
            self._link.up,
            sum(each.link.refused for each in served),
            served.linked if self._options.others else (),
        )

    async def _carry(self) -> None:
        self._host, self._port = await self._server.start(self._options.listen, self._options.ports)
        systemd.notify("READY=1")
        # The ticker also runs without calls, so that its lateness is known before a caller can hear it.
        own = self._ticker.add(lambda: False, lambda fault: None)
        link = asyncio.create_task(self._controllers.run(), name="control links")
        waiting = [asyncio.create_task(self._stopping.wait(), name="stop"), link]
        if self._options.warm:
            waiting.append(asyncio.create_task(self._warm.run(), name="warm connections"))
        if self._options.quit_after is not None:
            waiting.append(asyncio.create_task(self._alone(self._options.quit_after), name="alone"))
        try:
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            await self._drain()
            if not await self._controllers.flush(FLUSH_SECONDS):
                log.warning("a controller was not told everything")
        finally:
            own.remove()
            for task in waiting:
                task.cancel()
            await self._server.close()
            ends = await asyncio.gather(*waiting, return_exceptions=True)
            self._recordings.close()
            await asyncio.to_thread(self._disk.close, FLUSH_SECONDS)
        for end in ends:
            if isinstance(end, Exception):
                raise end

    async def _drain(self) -> None:
        """Waits until the present calls are over: for the time that the controller granted (`retire`), after the first
        signal for at most `--drain` seconds, and after the second signal not at all."""
        patience = self._drain_s
        for cut_short in (self._signalled, self._hurry):
            if not cut_short.is_set() and await self._drained(patience, cut_short):
                return
            patience = min(patience, self._options.drain)
        await self._controllers.drain(0)

    async def _drained(self, seconds: float, cut_short: asyncio.Event) -> bool:
        """Drains the sessions. False: `cut_short` was set before that was done."""
        drain = asyncio.create_task(self._drain_politely(seconds), name="drain")
        cut = asyncio.create_task(cut_short.wait(), name="drain cut short")
        try:
            await asyncio.wait({drain, cut}, return_when=asyncio.FIRST_COMPLETED)
            return drain.done()
        finally:
            for task in (drain, cut):
                task.cancel()
            await asyncio.gather(drain, cut, return_exceptions=True)

    async def _drain_politely(self, seconds: float) -> None:
        """The next heartbeat tells each controller that this worker ends; calls on their way here are still taken."""
        if self._controllers.up:
            await asyncio.sleep(min(NOTICE_SECONDS, seconds / 10))
        await self._controllers.drain(seconds)

    async def _alone(self, seconds: float) -> None:
        """Returns when there was neither a controller nor a call for `seconds`: nobody needs this process."""
        loop = asyncio.get_running_loop()
        needed = loop.time()
        while loop.time() - needed < seconds:
            await asyncio.sleep(min(ALONE_CHECK_SECONDS, seconds))
            if self._controllers.up or len(self._controllers):
                needed = loop.time()
        log.warning("no controller and no call: this worker ends", seconds=seconds)

    def _counted(self, event: contract.CallEvent) -> None:
        try:
            if self._count is not None:
                self._count(event)
        except Exception:  # the top of this event: what is counted must cost no call
            log.exception("event not counted: internal error", call=event.call, event_type=event.type)

    def _hello(self, link: LinkOptions, local: str, calls: tuple[str, ...]) -> contract.Hello:
        return contract.Hello(
            worker=link.name,
            boot=self._boot,
            pid=os.getpid(),
            host=advertised(link.advertise, self._host, local),
            port=self._port,
            capacity=self._options.capacity,
            calls=calls,
        )

    def _load(self) -> contract.Load:
        """Measured once for all controllers, which ask for it at different moments."""
        told = self._told
        if told is None or len(self._controllers.all) == 1 or monotonic() - self._cpu_and_time[1] > MEASURE_SECONDS:
            told = self._measure()
        return self._live(told)

    def _live(self, told: contract.Load) -> contract.Load:
        """With what costs nothing to know."""
        live = {"sessions": len(self._controllers), "legs": self._server.legs, "draining": self._stopping.is_set()}
        return told.model_copy(update=live)

    def _measure(self) -> contract.Load:
        lateness = self._ticker.read_lateness()
        (cpu, at), self._cpu_and_time = self._cpu_and_time, (thread_time(), monotonic())
        worked, lasted = self._cpu_and_time[0] - cpu, self._cpu_and_time[1] - at
        taken = self._meter.read()
        self._told = contract.Load(
            lateness_p99_ms=round(lateness.p99_ms, 3),
            lateness_max_ms=round(lateness.max_ms, 3),
            busy=round(worked / lasted, 3) if lasted > 0 else 0.0,
            cpu_s=round(taken.cpu_s, 2),
            memory=taken.memory,
            files=taken.files,
            tasks=taken.tasks,
        )
        return self._told


def advertised(wanted: str, bound: str, local: str) -> str:
    """Where Asterisk is told to connect. "auto": the address we listen on, or, when that is all of them, the one from
    which we reach the controller."""
    if wanted != "auto":
        return wanted
    return local if ip_address(bound).is_unspecified else bound


# ---------------------------------------------------------------- the process


async def serve(
    options: Options,
    *tokens: str,
    session_factory: SessionFactory | None = None,
    priority: RealtimePriority | None = None,
) -> None:
    """Run a worker until a signal says otherwise. `tokens`: one for each controller."""
    worker = Worker(options, *tokens, session_factory=session_factory)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        try:
            loop.add_signal_handler(number, worker.stop)
        except NotImplementedError:  # Windows; the handler runs in the main thread, but not in the loop
            with contextlib.suppress(ValueError):
                signal.signal(number, lambda *_: loop.call_soon_threadsafe(worker.stop))
    settle()
    others = {"others": [each.url for each in options.others]} if options.others else {}
    log.info("worker starts", worker=options.name, pid=os.getpid(), controller=options.controller, **others)
    beside = [
        asyncio.create_task(systemd.watchdog(), name="watchdog"),
        asyncio.create_task(_resume_realtime(priority or RealtimePriority(), options), name="realtime"),
    ]
    try:
        await worker.run()
    finally:
        for task in beside:
            task.cancel()
        await asyncio.wait(beside)
    log.info("worker ends", worker=options.name)


def _request_realtime(priority: RealtimePriority, options: Options) -> None:
    """What came of it is said once."""
    reason = priority.request(options.realtime)
    if reason is None:
        log.info("worker runs with realtime priority", worker=options.name, policy="SCHED_RR 10")
    elif reason == "not permitted":
        log.warning(
            "worker runs without realtime priority: the system does not permit it; calls are heard, fewer at once",
            worker=options.name,
            fix="LimitRTPRIO=10 in its systemd unit, ulimits: {rtprio: 10} in compose.yaml; docs/capacity.md",
        )
    else:
        log.info("worker runs without realtime priority", worker=options.name, reason=reason)


async def _resume_realtime(priority: RealtimePriority, options: Options) -> None:
    """A worker that computed without a pause has given its priority back (`scheduling`)."""
    while True:
        await asyncio.sleep(RESUME_SECONDS)
        if priority.resume():
            log.warning(
                "worker had given its realtime priority back, and has it again: it computed without a pause",
                worker=options.name,
                longest_run_s=LONGEST_RUN,
                fix="too many calls for its core: lower bridge.capacity, or add a worker",
            )


def main(argv: Sequence[str] | None = None) -> int:
    """The process entry. Returns its exit status."""
    options = parse(sys.argv[1:] if argv is None else argv)
    give_large_blocks_back()
    logs.set_up()
    try:
        given = tokens(os.environ.get(contract.TOKEN_ENV, ""), 1 + len(options.others))
    except ValueError as fault:
        log.error("the control link needs a token", set_this=contract.TOKEN_ENV, fault=str(fault))
        return 2
    priority = RealtimePriority()
    _request_realtime(priority, options)
    try:
        run(serve(options, *given, priority=priority))
    except CantListen as fault:
        log.error("worker can't listen", listen=options.listen, fault=str(fault))
        return 1
    except OSError as fault:
        log.error("worker can't go on", fault=str(fault))
        return 1
    return 0
