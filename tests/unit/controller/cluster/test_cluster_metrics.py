"""What one node shows of all nodes."""

from prometheus_client import CollectorRegistry

from controller.cluster.metrics import ClusterMetrics
from controller.cluster.node import NodeId
from controller.cluster.port import Lease, NodeFacts

LEASES = (
    Lease(NodeId("a", 1), -3.0, NodeFacts(version="1.1"), asserted=False),
    Lease(NodeId("a", 2), 9.5, NodeFacts(version="1.2", calls=7, capacity=100), asserted=True),
    Lease(NodeId("b", 1), -4.0, NodeFacts(version="1.2", state="draining", calls=3), asserted=True),
)


def test_each_node_is_shown_by_its_latest_start_and_none_while_the_server_is_away() -> None:
    registry = CollectorRegistry()
    metrics = ClusterMetrics(registry)
    metrics.nodes(LEASES, up=True)
    shown = registry.get_sample_value
    assert [shown("voiceai_cluster_node_lease_seconds", {"node": each}) for each in "ab"] == [9.5, -4.0]
    assert [shown("voiceai_cluster_node_calls", {"node": each}) for each in "ab"] == [7, 3]
    assert [shown("voiceai_cluster_node_capacity", {"node": each}) for each in "ab"] == [100, 0]
    assert shown("voiceai_cluster_node_info", {"node": "b", "version": "1.2", "state": "draining"}) == 1
    assert shown("voiceai_cluster_node_info", {"node": "a", "version": "1.1", "state": "accepting"}) is None
    assert shown("voiceai_cluster_nodes") == 1
    metrics.lost()
    assert shown("voiceai_cluster_node_calls", {"node": "a"}) is None
    assert shown("voiceai_cluster_backend_up") == 0
