"""The composition root of the controller: builds every part, owns the top task group, and takes it down in order.

Nothing here decides anything about a call. `Controller.run` returns the process's exit status.
"""

import asyncio
import contextlib
import os
import socket
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import NoReturn

import structlog
from aiohttp import web

from bridge import contract
from bridge.common import systemd
from bridge.common.background_tasks import BackgroundTasks, all_done, cancelled, every
from bridge.common.shutdown_deadline import ShutdownDeadline
from bridge.common.tls import server_context
from controller.api import metrics as exposition
from controller.api.access import Access
from controller.api.audit import AuditLog
from controller.api.console import files
from controller.api.readiness import warnings_of
from controller.api.resources.agent_tests import AgentTestResources
from controller.api.resources.call_trace import TraceResources
from controller.api.resources.documents import release
from controller.api.resources.events import EventResources
from controller.api.resources.history import HistoryResources, countries, sound_folders
from controller.api.resources.live_status import LiveStatusResources
from controller.api.resources.nodes import NodeResources, carried_routes
from controller.api.resources.softphone import SoftphoneResources
from controller.api.resources.text_sessions import TextSessionResources
from controller.api.resources.versions import configuration_operations
from controller.api.resources.workers import WorkerResources
from controller.api.server import ApiServer, ApiStorage, make_app
from controller.api.token_exchange import exchange_tokens
from controller.ari.lease import Lease
from controller.ari.rest import Ari, AriError
from controller.calls.admission.usage_store import UsageStore
from controller.calls.machine.rows.wrap_up import LAST_WORDS_LIMIT
from controller.calls.outbound.dialer import Dialer
from controller.calls.outbound.metrics import QueueMetrics, SuspendedTrunks
from controller.calls.outbound.planner import placed_by
from controller.calls.outbound.queue import Queue
from controller.calls.outbound.service import OutboundCalls
from controller.calls.planning import session_spec
from controller.calls.reporting import lifecycle
from controller.calls.runtime.asterisk_link import AsteriskLink
from controller.calls.runtime.lost_calls import LostCalls
from controller.calls.runtime.readiness_app import ReadinessApp
from controller.calls.runtime.reconcile import Reconciler
from controller.calls.runtime.registry import Registry
from controller.calls.runtime.snapshot_store import SnapshotStore
from controller.calls.runtime.takeover import recover_calls
from controller.calls.tools.http import HttpTools
from controller.cluster.departures import Departures
from controller.cluster.joining import expect_nodes, membership_of, nodes_of, reaper_of
from controller.cluster.node import NodeId
from controller.config import Config, ConfigErrors
from controller.events.pipeline import Events
from controller.events.records.history import History
from controller.events.records.repository import RecordRepository
from controller.events.records.restore import restorer
from controller.events.records.spool import Spool
from controller.events.records.writer import RecordWriter
from controller.softphone.relay import Relay
from controller.softphone.service import Softphones
from controller.store.database import Database, StoreError
from controller.store.instance import StoreLock
from controller.telemetry.call_trace import Traces
from controller.telemetry.call_tracing import CallTracing
from controller.telemetry.canary import canary_of
from controller.telemetry.live_status import LiveStatusHub
from controller.telemetry.media_checks import MediaChecks
from controller.telemetry.metrics import Metrics, Present
from controller.text_sessions.sessions import TextSessions
from controller.versions.editor import ResourceEditor
from controller.versions.publisher import Publisher, told
from controller.workers import reattach, rolling_restart, worker_admission
from controller.workers.pool import WorkerPool
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
    """All parts of a running controller."""

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
        self.publisher, self._current = publisher, publisher.current
        publisher.applied = self._applied
        current, config = self._current, self._current.config
        self.database, self._lock, self._lease, self.node = database, lock, lease, node
        self._ari, self._config, self._tasks, self._metrics = ari, config, tasks, metrics
        self._stop, self._hurry = asyncio.Event(), asyncio.Event()
        self._status, self._up, self._deadline = EXIT_OK, False, ShutdownDeadline(EXIT_LATE)
        self._supervisor: Supervisor | None = None
        self._admission = worker_admission.of(config.bridge, reattach.link_token(config.store.beside))
        self.workers = WorkerPool(
            *(self._admission, self._worker_event, self._worker_lost),
            retention=session_spec.retention(config),
            on_refused=metrics.worker_event_refused,
        )
        self._media_checks = MediaChecks(self.workers, ari, lambda: self.registry.ready()["asterisk"])
        self._tools, self.access = HttpTools(metrics.tool_failed), Access(current, database)
        path = Path(config.records.journal or config.store.beside("voiceai.journal"))
        self._past, repository, spool = History(database), RecordRepository(database), Spool(path)
        self.records = RecordWriter(repository, config.records, spool, metrics.registry)
        past = self._past, repository, sound_folders(config), config.records
        self.history = HistoryResources(*past, self.records.catching_up, countries(config), self.records.written)
        current.follow(lambda now: self.history.replace(sound_folders(now), countries(now)))
        self.events = Events(current, database, metrics.registry, keep=self.records.take)
        self.traces, self._tracing = Traces(), CallTracing(config.traces)
        self.softphones = Softphones(config.softphone, ari, lambda: self.registry.ready()["asterisk"])
        self.cluster = membership_of(config.cluster, node, metrics.registry)
        told = self._observe, self.softphones, self.cluster
        self.registry = Registry(current, ari, self.workers, tasks, self._tools, *told)
        metrics.registry.register(Present(lambda: self.registry.live, self.registry.ready, self.workers.all))
        self.text_sessions = self._text_sessions(tasks)
        self.usage = UsageStore(database, self.registry.admission)
        self.snapshots, queue = SnapshotStore(database, self.registry.snapshot), Queue(database)
        self.departures = Departures(database, (queue, self.events.outbox), (queue, repository))
        self._depth = QueueMetrics(queue, metrics.registry)
        self.dialer = Dialer(current, queue, placed_by(current, self.registry.place), self._observe)
        self.dialer.held = lambda: self.registry.admission.draining
        metrics.registry.register(SuspendedTrunks(lambda: current.config.trunks, self.dialer.breakers))
        self.outbound = self._outbound_calls(queue)
        self.live_status = LiveStatusHub(self.workers.tell_all, self.registry.cost)
        self.workers.on_live_status = self.live_status.take
        self._reconciler = Reconciler(ari, self.registry.asterisk, lambda: self.registry.ready()["asterisk"])
        self._asterisk = AsteriskLink(
            *(config.asterisk.ari, ari, lease, self.registry.asterisk),
            compare=self._compare,
            replaced=self._replaced,
            lost=metrics.ari_link_lost,
        )
        ari.also_observe(self._asterisk.observe)
        self._rolling: asyncio.Task[bool] | None = None

    def _outbound_calls(self, queue: Queue) -> OutboundCalls:
        told = self.dialer.wake, self._observe, self.dialer.breakers
        return OutboundCalls(self._current, queue, *told, check_webhook=self.events.receivers.check)

    def _text_sessions(self, tasks: BackgroundTasks) -> TextSessions:
        spend, check = self.registry.spend, self.registry.admission.check_session
        return TextSessions(self.workers, tasks, self._tools.run, spend, check)

    def _worker_event(self, event: contract.CallEvent) -> None:
        if not self.text_sessions.take(event):
            self.registry.take_worker_event(event)

    def _observe(self, what: lifecycle.LifecycleEvent) -> None:
        """An error in metrics, traces or events ends no call."""
        try:
            self._tell(what)
        except Exception:  # the top of all observers
            log.exception("what happened in a call could not be told: internal error", type=type(what).__name__)

    def _tell(self, what: lifecycle.LifecycleEvent) -> None:
        now = datetime.now(UTC)
        self.traces.observe(what, now)
        self.snapshots.observe(what)
        if not isinstance(what, lifecycle.InputTaken | lifecycle.CommandDone):
            self._tracing.observe(what, now)
            self.dialer.observe(what)
            self._metrics.observe(what)
            self.events.observe(what)
            self.softphones.observe(what)

    def _compare(self) -> None:
        self._reconciler.request()
        self.softphones.compare()

    def _worker_lost(self, call: str) -> None:
        if not self.text_sessions.lost(call):
            self.registry.worker_lost(call)

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
            await self.publisher.reload()
        except ConfigErrors as errors:
            told("the config file has errors: nothing was changed", errors)

    async def _applied(self, before: Config, after: Config) -> None:
        """Another configuration is in force."""
        exchange_tokens(self.access.authenticator, before.api, after.api)
        self.dialer.wake()
        await self.workers.keep_recordings(session_spec.retention(after))

    def roll(self) -> None:
        """Replaces the workers of this machine one by one. Does nothing while that is under way."""
        if self._stop.is_set() or (self._rolling is not None and not self._rolling.done()):
            return
        names = self._supervisor.names if self._supervisor is not None else []
        replaced = rolling_restart.roll(self.workers, names, self._config.shutdown.worker_drain_s)
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
        await expect_nodes(self.cluster, self.database)
        await self.usage.read()
        await self.access.read()
        restore = partial(restorer, self._past)
        await recover_calls(self.publisher.with_agent, self.snapshots, self.dialer.go_on, self.registry, restore)
        config, audit_log = self._config, AuditLog(self.database, self._config.api.audit_days)
        keep = self._tasks.keep
        keeping = [keep("events", self.events.run), keep("records", self.records.run)]
        dialing = keep("dialer", self.dialer.run)
        background = [dialing, *self._background(audit_log)]
        tls = server_context(config.api.tls.certificate, config.api.tls.key) if config.api.tls else None
        at, application = (config.api.listen.host, config.api.listen.port), self._application(audit_log)
        async with ApiServer(application, *at, tls, sockets, config.api.connections) as server:
            if own_workers:
                roll = reattach.PidFile(config.store.beside("voiceai.workers"))
                local = workers_of(config, server.port, self._admission.local_token)
                self._supervisor = Supervisor(self.workers, *local, roll)
                self._admission.local_names = frozenset(self._supervisor.names)
                background.append(keep("supervisor", self._supervisor.run))
            log.info("controller up", api=f"{config.api.listen.host}:{server.port}", app=config.asterisk.ari.app)
            self._up = True
            systemd.notify("READY=1")
            await self._stop.wait()
            systemd.notify("STOPPING=1")
            log.info("controller going down", live_calls=self.registry.live)
            dialing.cancel()
            if config.shutdown.keep_calls or self._status == EXIT_REPLACED:
                await self._leave(audit_log)
            if self._rolling is not None:
                self._rolling.cancel()
            await self.text_sessions.close()
            await self.registry.drain(config.shutdown.drain_s, self._hurry)
            await self.dialer.finish()
            await cancelled(background, CANCELLING)
            await self.softphones.finish()
            self.workers.close()
            self.live_status.close()
            written = self.usage.finish(), self.snapshots.finish(), self.events.drain(), audit_log.drain()
            await all_done(LAST_SECONDS, self.access.finish(), *written)
            await cancelled(keeping, CANCELLING)
            await all_done(LAST_SECONDS, self.records.finish(), self._tracing.close(), self.cluster.leave())
            with contextlib.suppress(AriError):
                await self._lease.release()
        return self._status

    async def _leave_calls(self) -> None:
        log.critical("calls are left to the next controller", live_calls=self.registry.live)
        if self._supervisor is not None:
            self._supervisor.leave()
        self.registry.leave()
        written = self.usage.finish(), self.snapshots.finish()
        await all_done(LAST_SECONDS, *written, self.events.drain(), self.records.finish())

    async def _leave(self, audit_log: AuditLog) -> NoReturn:
        """Writes everything, and then ends the process as if it were killed: calls and workers are not taken down,
        because the next controller goes on with them."""
        log.warning("calls go on without this controller; the next one takes them over", live_calls=self.registry.live)
        self.registry.admission.drain()
        await self.dialer.close()
        written = self.records.finish(), self.usage.finish(), self.access.finish()
        await asyncio.gather(self.events.drain(), audit_log.drain(), *written)
        await asyncio.gather(self.dialer.finish(), self.snapshots.finish())
        await self.dialer.finish()
        os._exit(self._status)

    def _background(self, audit_log: AuditLog) -> list[asyncio.Task[None]]:
        """The tasks that run until the last call has ended."""
        keep, ready = self._tasks.keep, lambda: all(self.registry.ready().values())
        canary = canary_of(self._config, self._metrics.registry, ready)
        lost = LostCalls(partial(restorer, self._past), self.events.observe).tell
        found = self.cluster, self.database, self.departures, lost, self.dialer.tell, self._metrics.registry
        return [
            *([keep("canary", canary.run)] if canary is not None else []),
            keep("asterisk", self._asterisk.follow),
            keep("asterisk checks", self._asterisk.watch),
            keep("asterisk health", self._asterisk.watch_health),
            keep("readiness app", ReadinessApp(self._config.asterisk, self._ari, self.registry.accepts).run),
            keep("configuration", self.publisher.run),
            keep("store lock", self._keep_lock),
            keep("store file", self.database.health.watch),
            keep("reconcile", self._reconciler.run),
            keep("audit", audit_log.run),
            keep("access", self.access.run),
            keep("queue depth", self._depth.run),
            keep("usage", self.usage.run),
            keep("caps", lambda: every(CAPS_EVERY, self.registry.end_what_is_over_caps)),
            keep("live calls", self.snapshots.run),
            keep("cluster", lambda: self.cluster.run(self.registry.member(release()))),
            keep("reaper", reaper_of(*found).run),
            keep("tidying", lambda: self.records.tidy(self.registry.ids)),
            keep("watchdog", systemd.watchdog),
            keep("heartbeats", self.workers.watch),
            keep("media checks", self._media_checks.run),
            keep("live status", self.live_status.run),
            keep("softphones", self.softphones.run),
        ]

    def _application(self, audit_log: AuditLog) -> web.Application:
        """What the HTTP server serves: the API, the console, metrics, the workers' link."""
        config, authenticator, editor = self._config, self.access.authenticator, ResourceEditor(self.publisher)
        member, admission = self.registry.member(release()), self.registry.admission
        nodes = nodes_of(config.cluster, self.cluster, self.database, member, admission)
        relay, versions = Relay(config.asterisk.ari, self.softphones), editor.with_agent
        phones = SoftphoneResources(self._current, self.softphones, relay, self.registry, authenticator, versions)
        routes = [
            *carried_routes(nodes.own_name, nodes.set_own, config.cluster.token),
            web.get(contract.LINK_PATH, self.workers.endpoint),
            exposition.route(self._metrics.registry, authenticator, public=config.api.metrics_public),
            *files.routes(self.softphones.connects_to),
            *self.access.routes(),
        ]
        more = (
            *EventResources(self.events, self.registry, self.outbound).operations(),
            *WorkerResources(self.workers, config.shutdown.worker_drain_s, self.roll).operations(),
            *NodeResources(nodes).operations(),
            *LiveStatusResources(self.live_status, self.registry).operations(),
            *configuration_operations(self._current, self.publisher, self._tools.run),
            *TextSessionResources(self.text_sessions, self._current, editor).operations(),
            *AgentTestResources(self.text_sessions, self._current, editor, self.registry.spend).operations(),
            *self.access.operations(),
            *phones.operations(),
            *TraceResources(self.registry, self.traces.of).operations(),
            *self.history.operations(),
        )
        return make_app(
            self.registry,
            self.outbound,
            authenticator,
            more=more,
            extra_routes=routes,
            storage=ApiStorage(self.database, audit_log),
            warnings=lambda: warnings_of(
                *(self.workers, self._tasks.failing, self.dialer.breakers, self.database.health),
                listing_fails=self._reconciler.listing_fails,
            ),
        )

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
