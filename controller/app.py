"""The composition root of the controller: has every part built, owns the top task group, and takes it down in order.

Nothing here decides anything about a call. `Controller.run` returns the process's exit status. The parts are built in
`controller.parts`; `controller.http_application` joins what is served.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import Sequence
from functools import partial
from typing import NoReturn

import structlog

from bridge.common import systemd
from bridge.common.background_tasks import BackgroundTasks, all_done, cancelled, every
from bridge.common.shutdown_deadline import ShutdownDeadline
from bridge.common.tls import server_context
from controller.api.resources.documents import release
from controller.api.server import ApiServer
from controller.ari.lease import Lease
from controller.ari.rest import Ari, AriError
from controller.calls.machine.rows.wrap_up import LAST_WORDS_LIMIT
from controller.calls.runtime.lost_calls import LostCalls
from controller.calls.runtime.readiness_app import ReadinessApp
from controller.calls.runtime.takeover import recover_calls
from controller.cluster.joining import expect_nodes, reaper_of
from controller.cluster.node import NodeId
from controller.config import ConfigErrors
from controller.events.records.restore import restorer
from controller.http_application import http_application
from controller.parts import Parts
from controller.store.database import Database, StoreError
from controller.store.instance import StoreLock
from controller.telemetry.canary import canary_of
from controller.telemetry.metrics import Metrics
from controller.versions.publisher import Publisher, told
from controller.workers import reattach, rolling_restart
from controller.workers.supervisor import Supervisor, workers_of

log = structlog.get_logger()

CAPS_EVERY = 5.0  # seconds between two checks of the caps on minutes; a cap may be exceeded by as much
TAKE_DOWN = 30.0
"""Seconds that a shutdown may take besides waiting for calls; then the process is ended (`ShutdownDeadline`)."""
LAST_SECONDS, CANCELLING = 8.0, 6.0
"""Seconds of these: LAST_SECONDS for what is written at the end, CANCELLING for tasks that were cancelled (the
supervisor gives a worker STOPPING seconds)."""

EXIT_OK, EXIT_FAILED, EXIT_REPLACED, EXIT_RUNNING, EXIT_LATE = 0, 1, 3, 4, 5


class Controller:
    """A running controller, from its start to the end of the process."""

    def __init__(
        self,
        publisher: Publisher,
        ari: Ari,
        tasks: BackgroundTasks,
        metrics: Metrics,
        database: Database,
        lock: StoreLock,
        lease: Lease,
        node: NodeId,
    ) -> None:
        self.parts = Parts(publisher, ari, tasks, metrics, database, lease, node, self._replaced)
        self._config, self._tasks, self._lock = self.parts.config, tasks, lock
        self._stop, self._hurry = asyncio.Event(), asyncio.Event()
        self._status, self._up, self._deadline = EXIT_OK, False, ShutdownDeadline(EXIT_LATE)
        self._supervisor: Supervisor | None = None
        self._rolling: asyncio.Task[bool] | None = None

    def stop(self) -> None:
        """Begins the shutdown. Called a second time: it does not wait for live calls any more."""
        if self._stop.is_set():
            self._hurry.set()
        self._stop.set()
        drain_s = 0.0 if self._hurry.is_set() else self._config.shutdown.drain_s + LAST_WORDS_LIMIT
        self._deadline.set(drain_s + TAKE_DOWN)

    def reload(self) -> None:
        """Reads the config file again."""
        self._tasks.create_task(self._reloaded(), name="reload")

    async def _reloaded(self) -> None:
        try:
            await self.parts.publisher.reload()
        except ConfigErrors as errors:
            told("the config file has errors: nothing was changed", errors)

    def roll(self) -> None:
        """Replaces the workers of this machine one by one. Does nothing while that is under way."""
        if self._stop.is_set() or (self._rolling is not None and not self._rolling.done()):
            return
        names = self._supervisor.names if self._supervisor is not None else []
        replaced = rolling_restart.roll(self.parts.workers, names, self._config.shutdown.worker_drain_s)
        self._rolling = self._tasks.create_task(replaced, name="rolling restart")

    async def run(self, sockets: Sequence[socket.socket], *, own_workers: bool) -> int:
        """Until `stop()`, or until another process takes our Stasis app. Returns the exit status. Raises StoreError.
        After an error live calls stay as they are, for the next controller: worker and Asterisk carry them on
        meanwhile."""
        try:
            return await self._run(sockets, own_workers)
        except Exception as error:  # the top
            if self._up or not isinstance(error, StoreError | OSError):
                log.critical("the controller stops: internal error", exc_info=error)
            self._deadline.set(TAKE_DOWN)
            await self._leave_calls()
            if not self._up and isinstance(error, StoreError | OSError):
                raise
        return EXIT_FAILED

    async def _run(self, sockets: Sequence[socket.socket], own_workers: bool) -> int:
        parts, config, keep = self.parts, self._config, self._tasks.keep
        await self._read_store()
        keeping = [keep("events", parts.events.run), keep("records", parts.records.run)]
        dialing = keep("dialer", parts.dialer.run)
        background = [dialing, *self._background()]
        tls = server_context(config.api.tls.certificate, config.api.tls.key) if config.api.tls else None
        at, application = (config.api.listen.host, config.api.listen.port), http_application(parts, self.roll)
        async with ApiServer(application, *at, tls, sockets, config.api.connections) as server:
            if own_workers:
                self._supervisor = self._supervisor_of(server.port)
                background.append(keep("supervisor", self._supervisor.run))
            log.info("controller up", api=f"{config.api.listen.host}:{server.port}", app=config.asterisk.ari.app)
            self._up = True
            systemd.notify("READY=1")
            await self._stop.wait()
            systemd.notify("STOPPING=1")
            log.info("controller going down", live_calls=parts.registry.live)
            dialing.cancel()
            if config.shutdown.keep_calls or self._status == EXIT_REPLACED:
                await self._leave()
            await self._take_down(background, keeping)
        return self._status

    async def _read_store(self) -> None:
        """What earlier controllers left, live calls last. Raises StoreError."""
        parts = self.parts
        await expect_nodes(parts.cluster, parts.database)
        await parts.usage.read()
        await parts.access.read()
        restore = partial(restorer, parts.past)
        with_agent, dialing = parts.publisher.with_agent, parts.dialer.go_on
        await recover_calls(with_agent, parts.snapshots, dialing, parts.registry, restore)

    def _supervisor_of(self, port: int) -> Supervisor:
        """`port`: where the workers of this machine find the API."""
        admission, pids = self.parts.worker_admission, reattach.PidFile(self._config.store.beside("voiceai.workers"))
        supervisor = Supervisor(self.parts.workers, *workers_of(self._config, port, admission.local_token), pids)
        admission.local_names = frozenset(supervisor.names)
        return supervisor

    async def _take_down(self, background: Sequence[asyncio.Task[None]], keeping: Sequence[asyncio.Task[None]]) -> None:
        """Calls end first, then who serves them, then what is told and kept of them (`keeping`)."""
        parts = self.parts
        if self._rolling is not None:
            self._rolling.cancel()
        await parts.text_sessions.close()
        await parts.registry.drain(self._config.shutdown.drain_s, self._hurry)
        await parts.dialer.finish()
        await cancelled(background, CANCELLING)
        await parts.softphones.finish()
        parts.workers.close()
        parts.live_status.close()
        written = parts.usage.finish(), parts.snapshots.finish(), parts.events.drain(), parts.audit_log.drain()
        await all_done(LAST_SECONDS, parts.access.finish(), *written)
        await cancelled(keeping, CANCELLING)
        await all_done(LAST_SECONDS, parts.records.finish(), parts.tracing.close(), parts.cluster.leave())
        with contextlib.suppress(AriError):
            await parts.lease.release()

    async def _leave_calls(self) -> None:
        parts = self.parts
        log.critical("calls are left to the next controller", live_calls=parts.registry.live)
        if self._supervisor is not None:
            self._supervisor.leave()
        parts.registry.leave()
        written = parts.usage.finish(), parts.snapshots.finish()
        await all_done(LAST_SECONDS, *written, parts.events.drain(), parts.records.finish())

    async def _leave(self) -> NoReturn:
        """Writes everything, and then ends the process as if it were killed: calls and workers are not taken down,
        because the next controller goes on with them."""
        parts = self.parts
        log.warning("calls go on without this controller; the next one takes them over", live_calls=parts.registry.live)
        parts.registry.admission.drain()
        await parts.dialer.close()
        written = parts.records.finish(), parts.usage.finish(), parts.access.finish()
        await asyncio.gather(parts.events.drain(), parts.audit_log.drain(), *written)
        await asyncio.gather(parts.dialer.finish(), parts.snapshots.finish())
        await parts.dialer.finish()
        os._exit(self._status)

    def _background(self) -> list[asyncio.Task[None]]:
        """The tasks that run until the last call has ended."""
        parts, config, keep, metrics = self.parts, self._config, self._tasks.keep, self.parts.metrics.registry
        registry = parts.registry
        canary = canary_of(config, metrics, lambda: all(registry.ready().values()))
        lost = LostCalls(partial(restorer, parts.past), parts.events.observe).tell
        store, told = (parts.database, parts.departures), (lost, parts.dialer.tell)
        reaper = reaper_of(parts.cluster, *store, *told, metrics, ca_file=config.cluster.ca_file)
        return [
            *([keep("canary", canary.run)] if canary is not None else []),
            keep("asterisk", parts.asterisk.follow),
            keep("asterisk checks", parts.asterisk.watch),
            keep("asterisk health", parts.asterisk.watch_health),
            keep("asterisk process", parts.asterisk.watch_process),
            keep("readiness app", ReadinessApp(config.asterisk, parts.ari, registry.accepts).run),
            keep("configuration", parts.publisher.run),
            keep("store lock", self._keep_lock),
            keep("store file", parts.database.health.watch),
            keep("reconcile", parts.reconciler.run),
            keep("audit", parts.audit_log.run),
            keep("access", parts.access.run),
            keep("queue depth", parts.queue_depth.run),
            keep("usage", parts.usage.run),
            keep("caps", lambda: every(CAPS_EVERY, registry.end_what_is_over_caps)),
            keep("live calls", parts.snapshots.run),
            keep("cluster", lambda: parts.cluster.run(registry.member(release()))),
            keep("reaper", reaper.run),
            keep("tidying", lambda: parts.records.tidy(registry.ids)),
            keep("watchdog", systemd.watchdog),
            keep("heartbeats", parts.workers.watch),
            keep("media checks", parts.media_checks.run),
            keep("live status", parts.live_status.run),
            keep("softphones", parts.softphones.run),
        ]

    def _replaced(self, by: str) -> None:
        log.critical(
            "this controller no longer serves its Stasis app and stops; its calls are left for whoever serves it now. "
            "Run one controller per app, or give each its own `asterisk.ari.app`",
            app=self._config.asterisk.ari.app,
            reason=by,
        )
        self._status = EXIT_REPLACED
        self.stop()

    async def _keep_lock(self) -> None:
        self._replaced(str(await self._lock.lost()))
