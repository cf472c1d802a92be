"""The parts of a running controller: each is built here, once, and connected to the others.

Owns who is told of what happens in calls. Starts nothing and ends nothing: `app` does.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import structlog

from bridge import contract
from bridge.common.background_tasks import BackgroundTasks
from controller.api.access import Access
from controller.api.audit import AuditLog
from controller.api.resources.history import HistoryResources, countries, sound_folders
from controller.api.token_exchange import exchange_tokens
from controller.ari.lease import Lease
from controller.ari.rest import Ari
from controller.calls.admission.usage_store import UsageStore
from controller.calls.outbound.dialer import Dialer
from controller.calls.outbound.metrics import QueueMetrics, SuspendedTrunks
from controller.calls.outbound.planner import placed_by
from controller.calls.outbound.queue import Queue
from controller.calls.outbound.service import OutboundCalls
from controller.calls.planning import session_spec
from controller.calls.reporting import lifecycle
from controller.calls.runtime.asterisk_link import AsteriskLink
from controller.calls.runtime.reconcile import Reconciler
from controller.calls.runtime.registry import Registry
from controller.calls.runtime.snapshot_store import SnapshotStore
from controller.calls.tools.http import HttpTools
from controller.cluster.departures import Departures
from controller.cluster.joining import event_log_of, membership_of
from controller.cluster.node import NodeId
from controller.config import Config
from controller.events.pipeline import Events
from controller.events.records.history import History
from controller.events.records.repository import RecordRepository
from controller.events.records.spool import Spool
from controller.events.records.writer import RecordWriter
from controller.softphone.service import Softphones
from controller.store.database import Database
from controller.telemetry.call_trace import Traces
from controller.telemetry.call_tracing import CallTracing
from controller.telemetry.live_status import LiveStatusHub
from controller.telemetry.media_checks import MediaChecks
from controller.telemetry.metrics import Metrics, Present
from controller.text_sessions.sessions import TextSessions
from controller.versions.publisher import Publisher
from controller.workers import reattach, worker_admission
from controller.workers.pool import WorkerPool
from controller.workers.token_exchange import exchange_tokens as exchange_worker_tokens

log = structlog.get_logger()


class Parts:
    """`replaced` is called with the reason when another controller serves our Stasis app."""

    def __init__(
        self,
        publisher: Publisher,
        ari: Ari,
        tasks: BackgroundTasks,
        metrics: Metrics,
        database: Database,
        lease: Lease,
        node: NodeId,
        replaced: Callable[[str], None],
    ) -> None:
        self.publisher, self.current, self.config = publisher, publisher.current, publisher.current.config
        self.ari, self.tasks, self.metrics, self.database, self.lease = ari, tasks, metrics, database, lease
        current, config, registry = self.current, self.config, metrics.registry
        self.access, self.audit_log = Access(current, database), AuditLog(database, config.api.audit_days)
        self.cluster = membership_of(config.cluster, database, node, registry)

        self.worker_admission = worker_admission.of(config.bridge, reattach.link_token(config.store.beside))
        self.workers = WorkerPool(
            *(self.worker_admission, self._worker_event, self._worker_lost),
            retention=session_spec.retention(config),
            node=config.cluster.node,
            on_refused=metrics.worker_event_refused,
        )
        self.media_checks = MediaChecks(self.workers, ari, self._asterisk_up)

        self._build_records()
        event_log = event_log_of(config.cluster, database)
        self.events = Events(current, database, registry, keep=self.records.take, event_log=event_log)
        self.traces, self.tracing = Traces(), CallTracing(config.traces)

        self.softphones = Softphones(config.softphone, ari, self._asterisk_up)
        self.tools = HttpTools(metrics.tool_failed)
        told = self.observe, self.softphones, self.cluster
        self.registry = Registry(current, ari, self.workers, tasks, self.tools, *told)
        registry.register(Present(lambda: self.registry.live, self.registry.ready, self.workers.all))
        self.usage = UsageStore(database, self.registry.admission)
        self.snapshots = SnapshotStore(database, self.registry.snapshot)
        self.live_status = LiveStatusHub(self.workers.tell_all, self.registry.cost)
        self.workers.on_live_status = self.live_status.take
        spend, check = self.registry.spend, self.registry.admission.check_session
        self.text_sessions = TextSessions(self.workers, tasks, self.tools.run, spend, check)

        self._build_outbound_calls()
        self._build_asterisk_link(replaced)
        publisher.applied = self._applied

    def _build_records(self) -> None:
        """What is kept of calls."""
        config = self.config
        self.past, self.repository = History(self.database), RecordRepository(self.database)
        spool = Spool(Path(config.records.journal or config.store.beside("voiceai.journal")))
        self.records = RecordWriter(self.repository, config.records, spool, self.metrics.registry)
        self.history = HistoryResources(
            *(self.past, self.repository, sound_folders(config), config.records),
            *(self.records.catching_up, countries(config), self.records.written),
            erase_events=lambda calls: self.events.erase(calls),
        )
        self.current.follow(lambda now: self.history.replace(sound_folders(now), countries(now)))

    def _build_outbound_calls(self) -> None:
        """Calls that we place, and what becomes of them when this node leaves."""
        current, metrics, queue = self.current, self.metrics.registry, Queue(self.database)
        self.departures = Departures(self.database, (queue, self.events.outbox), (queue, self.repository))
        self.queue_depth = QueueMetrics(queue, metrics)
        self.dialer = Dialer(current, queue, placed_by(current, self.registry.place), self.observe)
        self.dialer.held = lambda: self.registry.admission.draining
        metrics.register(SuspendedTrunks(lambda: current.config.trunks, self.dialer.breakers))
        told = self.dialer.wake, self.observe, self.dialer.breakers, self.dialer.obstacles
        self.outbound = OutboundCalls(current, queue, *told, check_webhook=self.events.receivers.check)

    def _build_asterisk_link(self, replaced: Callable[[str], None]) -> None:
        self.reconciler = Reconciler(self.ari, self.registry.asterisk, self._asterisk_up)
        self.asterisk = AsteriskLink(
            *(self.config.asterisk.ari, self.ari, self.lease, self.registry.asterisk),
            compare=self._compare,
            replaced=replaced,
            lost=self.metrics.ari_link_lost,
        )
        self.ari.also_observe(self.asterisk.observe)

    def observe(self, what: lifecycle.LifecycleEvent) -> None:
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
            self.tracing.observe(what, now)
            self.dialer.observe(what)
            self.metrics.observe(what)
            self.events.observe(what)
            self.softphones.observe(what)

    def _asterisk_up(self) -> bool:
        return self.registry.ready()["asterisk"]

    def _worker_event(self, event: contract.CallEvent) -> None:
        if not self.text_sessions.take(event):
            self.registry.take_worker_event(event)

    def _worker_lost(self, call: str) -> None:
        if not self.text_sessions.lost(call):
            self.registry.worker_lost(call)

    def _compare(self) -> None:
        self.reconciler.request()
        self.softphones.compare()

    async def _applied(self, before: Config, after: Config) -> None:
        """Another configuration is in force."""
        exchange_tokens(self.access.authenticator, before.api, after.api)
        self.dialer.wake()
        await exchange_worker_tokens(self.workers, self.worker_admission, before.bridge, after.bridge)
        await self.workers.keep_recordings(session_spec.retention(after))
