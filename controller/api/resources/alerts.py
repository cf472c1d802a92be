"""The resource of alerts: asks each part of the controller for its state, and lists what needs attention.

Owns what is asked. What can't be asked now, as while the store is away, is left out: that has an alert of its own.
"""

import asyncio
import shutil
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

import structlog

from controller.api.alerts import RECENT_MINUTES, Disk, SystemState, WorkerFacts, alerts_of
from controller.api.models.alerts import AlertAnswer, AlertList
from controller.api.models.system import WorkerAnswer
from controller.api.operation import ApiRequest, Operation
from controller.api.ports import Calls, NodeAdmin, OutboundPort
from controller.api.resources.history import sound_folders
from controller.calls.outbound.trunk_breaker import SuspendedTrunk
from controller.calls.reporting.view import CallView
from controller.config import Config, CurrentConfig
from controller.dialing.numbers import endpoint_of
from controller.store.database import StoreError
from controller.store.health import StoreHealth
from controller.workers.pool import WorkerPool
from controller.workers.worker import Worker

log = structlog.get_logger()

DISK_SECONDS = 2.0


class DiskSpace:
    """Free space of disks. One that does not answer, such as a network file system, keeps one thread and not more."""

    def __init__(self, ask: Callable[[Iterable[Path]], list[Disk]] | None = None) -> None:
        self._ask = ask or disks_of
        self._asked: asyncio.Task[list[Disk]] | None = None

    async def of(self, folders: Iterable[Path]) -> list[Disk]:
        """Nothing, if the disks do not answer in time."""
        if self._asked is None or self._asked.done():
            self._asked = asyncio.create_task(asyncio.to_thread(self._ask, tuple(folders)), name="free disk space")
        asked = self._asked  # another request may replace it meanwhile
        done, _ = await asyncio.wait({asked}, timeout=DISK_SECONDS)
        if not done:
            log.warning("a disk of recordings does not answer")
        return asked.result() if done else []


class Spent(Protocol):
    def spent_today(self) -> float:
        """US dollars, on all nodes (`calls.admission.control.AdmissionControl`)."""


@dataclass(frozen=True, slots=True)
class AlertSources:
    """Whom the resource asks."""

    current: CurrentConfig
    store: StoreHealth
    calls: Calls
    orders: OutboundPort
    workers: WorkerPool
    nodes: NodeAdmin
    spending: Spent
    endpoints: Callable[[Iterable[str]], Awaitable[Mapping[str, str]]]
    """What Asterisk says of PJSIP endpoints."""
    suspended: Callable[[], Sequence[SuspendedTrunk]]
    dead_letters: Callable[[], Awaitable[int]]
    """How many there are. Raises StoreError."""
    failing: Callable[[], Sequence[str]]
    """Names of tasks."""
    listing_fails: Callable[[], bool]
    """Asterisk can't list its channels."""
    cluster: Callable[[], Sequence[str]]
    """What is wrong with it."""
    disks: DiskSpace = field(default_factory=DiskSpace)

    async def read(self) -> SystemState:
        """The parts are asked at the same time: one that hangs keeps no alert of another one waiting for long."""
        config, parts = self.current.config, self.calls.ready()
        (dead_letters, paused), nodes, trunks, disks = await asyncio.gather(
            self._stored(),
            self.nodes.all(),
            self._trunks(config if parts.get("asterisk") else None),
            self.disks.of(sound_folders(config)),
        )
        return SystemState(
            parts=parts,
            store=self.store.trouble(),
            workers=tuple(map(_worker, self.workers.all())),
            unstartable=dict(self.workers.unstartable),
            refused={each.name: each.reason for each in self.workers.refusals.all()},
            failing_tasks=self.failing(),
            listing_fails=self.listing_fails(),
            suspended=self.suspended(),
            trunks=trunks,
            nodes=nodes,
            cluster=self.cluster(),
            spent=self.spending.spent_today(),
            spend_limit=config.limits.spend_per_day,
            dead_letters=dead_letters,
            paused=paused,
            disks=disks,
            ended=ended_lately(self.calls.all(), datetime.now(UTC)),
        )

    async def _stored(self) -> tuple[int | None, frozenset[str]]:
        """The number of dead letters, and trunks over which dialing is paused. Nothing while the store is away."""
        try:
            return await self.dead_letters(), (await self.orders.summary()).paused
        except StoreError as error:
            log.warning("alerts were made without the store", reason=str(error))
            return None, frozenset()

    async def _trunks(self, config: Config | None) -> dict[str, str]:
        """By trunk, where Asterisk tells. None: it is not asked."""
        if config is None:
            return {}
        names = {name: endpoint for name, trunk in config.trunks.items() if (endpoint := endpoint_of(trunk))}
        states = await self.endpoints(names.values())
        return {name: states[endpoint] for name, endpoint in names.items() if endpoint in states}


class AlertResources:
    def __init__(self, sources: AlertSources) -> None:
        self._sources = sources

    def operations(self) -> tuple[Operation, ...]:
        return (
            Operation(
                *("list_alerts", "GET", "/v1/alerts", "List alerts, the most severe first", self.list),
                answer=AlertList,
                scopes=("read",),
                tag="health",
            ),
        )

    async def list(self, _: ApiRequest) -> AlertList:
        found = alerts_of(await self._sources.read())
        return AlertList(alerts=tuple(map(AlertAnswer.model_validate, found)))


def disks_of(folders: Iterable[Path]) -> list[Disk]:
    """One for each file system; a folder that is not on this machine is left out."""
    found: dict[int, Disk] = {}
    for folder in sorted(folders):
        try:
            usage = shutil.disk_usage(folder)
            found.setdefault(folder.stat().st_dev, Disk(str(folder), usage.free, usage.total))
        except OSError:
            continue
    return list(found.values())


def ended_lately(calls: Iterable[CallView], now: datetime) -> dict[str, int]:
    """Calls by outcome."""
    since = now - timedelta(minutes=RECENT_MINUTES)
    return Counter(each.outcome or "failed" for each in calls if each.ended_at is not None and each.ended_at >= since)


def _worker(worker: Worker) -> WorkerFacts:
    told = WorkerAnswer.of(worker)
    return WorkerFacts(told.name, told.state, told.reason)
