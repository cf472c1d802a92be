"""Which backend a controller uses, which nodes it expects there, how it reaches them, and who cares for dead ones."""

from collections.abc import Awaitable, Callable

from prometheus_client import CollectorRegistry

from controller.cluster.departures import Departures
from controller.cluster.directory import Nodes, OwnAdmission
from controller.cluster.event_log import EventLog
from controller.cluster.membership import Member, Membership
from controller.cluster.memory import MemoryBackend
from controller.cluster.metrics import ClusterMetrics, ReaperMetrics
from controller.cluster.node import LostCall, NodeId
from controller.cluster.nodes import NodeRegistry
from controller.cluster.peer import Peers
from controller.cluster.reaper import Reaper
from controller.config import cluster_url
from controller.config.models.cluster import Cluster
from controller.store.database import Database

SILENT_S = 60.0
"""A node whose latest beat in the store is as old is not expected."""


def membership_of(settings: Cluster, database: Database, node: NodeId, registry: CollectorRegistry) -> Membership:
    if settings.url is None:
        return Membership(node, MemoryBackend(node))
    from controller.cluster.valkey import ValkeyBackend  # the extra `cluster`, which one machine does not need

    url = cluster_url.parse(settings.url.get_secret_value())
    backend = ValkeyBackend(node, url, settings.prefix, settings.ca_file, database.installation)
    return Membership(node, backend, take_s=settings.take_ms / 1000, observe=ClusterMetrics(registry))


def event_log_of(settings: Cluster, database: Database) -> EventLog | None:
    """The event stream of all nodes; None: this controller is alone."""
    if settings.url is None:
        return None
    from controller.cluster.valkey_event_log import ValkeyEventLog  # the extra `cluster`

    url = cluster_url.parse(settings.url.get_secret_value())
    return ValkeyEventLog(url, settings.prefix, settings.ca_file, database.installation)


def nodes_of(
    membership: Membership, database: Database, member: Member, admission: OwnAdmission, peers: Peers
) -> Nodes:
    return Nodes(membership, NodeRegistry(database), lambda: member.report().facts, admission, peers)


def reaper_of(
    membership: Membership,
    database: Database,
    departures: Departures,
    tell_lost: Callable[[LostCall], Awaitable[bool]],
    tell_queued: Callable[[tuple[str, ...]], None],
    registry: CollectorRegistry,
    *,
    ca_file: str | None = None,
) -> Reaper:
    """Arguments as of `Reaper`. Its metrics are shown only where there is a cluster."""
    metrics = ReaperMetrics(registry if membership.shared else CollectorRegistry())
    told = tell_lost, tell_queued
    return Reaper(membership, NodeRegistry(database), departures, *told, metrics, ca_file=ca_file)


async def expect_nodes(membership: Membership, database: Database) -> None:
    """Before the first call: if the backend is away from the start, each node needs to know how many share the limits.
    Raises StoreError."""
    if membership.shared:
        all_ = await NodeRegistry(database).all()
        membership.expect(each.id.name for each in all_ if not each.stopped and each.silent_s < SILENT_S)
