"""Metrics of the cluster, as one node sees it: `voiceai_cluster_*`. Only where there is a cluster."""

from collections.abc import Iterator, Sequence
from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from controller.cluster import leases
from controller.cluster.port import Lease

_BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5)


class Observer(Protocol):
    """Told by `Membership`."""

    def took(self, seconds: float) -> None: ...
    def nodes(self, heard: Sequence[Lease], *, up: bool) -> None:
        """All leases, as last heard."""

    def asserted(self) -> None: ...
    def lost(self) -> None: ...


class NoMetrics:
    def took(self, seconds: float) -> None: ...
    def nodes(self, heard: Sequence[Lease], *, up: bool) -> None: ...
    def asserted(self) -> None: ...
    def lost(self) -> None: ...


class ClusterMetrics:
    """`Observer`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._up = Gauge(
            "voiceai_cluster_backend_up",
            "1: slots are asked of Valkey or Redis; 0: this node admits by its share of each limit.",
            registry=registry,
        )
        self._nodes = Gauge("voiceai_cluster_nodes", "Nodes whose lease has not expired.", registry=registry)
        self._each = _EachNode()
        registry.register(self._each)
        self._took = Histogram(
            "voiceai_cluster_take_seconds", "How long a call waited for its slots.", buckets=_BUCKETS, registry=registry
        )
        self._asserted = Counter(
            "voiceai_cluster_assertions", "How often this node has said all that it holds anew.", registry=registry
        )
        self._lost = Counter(
            "voiceai_cluster_backend_lost", "How often Valkey or Redis was away or too slow.", registry=registry
        )

    def took(self, seconds: float) -> None:
        self._took.observe(seconds)

    def nodes(self, heard: Sequence[Lease], *, up: bool) -> None:
        self._nodes.set(len(leases.alive(heard)))
        self._each.heard = heard
        self._up.set(up)

    def asserted(self) -> None:
        self._asserted.inc()

    def lost(self) -> None:
        self._lost.inc()
        self._up.set(0)
        self._each.heard = ()


class _EachNode(Collector):
    """What each node has told of itself. A node whose lease is gone has no series, and none has any while the server
    is away. `heard`: all leases."""

    def __init__(self) -> None:
        self.heard: Sequence[Lease] = ()

    def collect(self) -> Iterator[Metric]:
        lease = GaugeMetricFamily(
            "voiceai_cluster_node_lease_seconds",
            "Until the lease of this node expires; below 0: since.",
            labels=["node"],
        )
        calls = GaugeMetricFamily("voiceai_cluster_node_calls", "Live calls of this node.", labels=["node"])
        capacity = GaugeMetricFamily(
            "voiceai_cluster_node_capacity", "Calls that its workers can carry; 0: unknown.", labels=["node"]
        )
        info = GaugeMetricFamily(
            "voiceai_cluster_node_info", "1: its version and state.", labels=["node", "version", "state"]
        )
        for each in {each.node.name: each for each in sorted(self.heard, key=lambda lease: lease.node)}.values():
            name = each.node.name
            lease.add_metric([name], each.left_s)
            calls.add_metric([name], each.facts.calls)
            capacity.add_metric([name], each.facts.capacity)
            info.add_metric([name, each.facts.version, each.facts.state], 1)
        yield from (lease, calls, capacity, info)


class ReaperMetrics:
    """Of `reaper`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._nodes = Counter("voiceai_cluster_reaped_nodes", "Dead nodes that this one found.", registry=registry)
        self._calls = Counter("voiceai_cluster_lost_calls", "Calls that ended with these nodes.", registry=registry)

    def reaped(self, calls: int) -> None:
        self._nodes.inc()
        self._calls.inc(calls)
