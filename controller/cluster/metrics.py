"""Metrics of the cluster, as one node sees it: `voiceai_cluster_*`. Only where there is a cluster."""

from typing import Protocol

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_BUCKETS = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5)


class Observer(Protocol):
    """Told by `Membership`."""

    def took(self, seconds: float) -> None: ...
    def nodes(self, alive: int, *, up: bool) -> None: ...
    def asserted(self) -> None: ...
    def lost(self) -> None: ...


class NoMetrics:
    def took(self, seconds: float) -> None: ...
    def nodes(self, alive: int, *, up: bool) -> None: ...
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

    def nodes(self, alive: int, *, up: bool) -> None:
        self._nodes.set(alive)
        self._up.set(up)

    def asserted(self) -> None:
        self._asserted.inc()

    def lost(self) -> None:
        self._lost.inc()
        self._up.set(0)


class ReaperMetrics:
    """Of `reaper`."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._nodes = Counter("voiceai_cluster_reaped_nodes", "Dead nodes that this one found.", registry=registry)
        self._calls = Counter("voiceai_cluster_lost_calls", "Calls that ended with these nodes.", registry=registry)

    def reaped(self, calls: int) -> None:
        self._nodes.inc()
        self._calls.inc(calls)
