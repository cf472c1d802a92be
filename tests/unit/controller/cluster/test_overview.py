"""What is said of a node, by what its lease and the store say."""

from datetime import UTC, datetime

import pytest

from controller.cluster.node import Node, NodeId
from controller.cluster.overview import views_of
from controller.cluster.port import Lease, NodeFacts

US, THEM = NodeId("a", 3), NodeId("b", 2)
NOW = datetime.now(UTC)
OURS, THEIRS = NodeFacts("http://a", "1.2", calls=1), NodeFacts("http://b", "1.1", "draining", 7)


def lease(left_s: float = 9.0, node: NodeId = THEM) -> Lease:
    return Lease(node, left_s, THEIRS, asserted=True)


def row(silent_s: float = 1.0, node: NodeId = THEM, *, stopped: bool = False, lost: bool = False) -> Node:
    return Node(node, "1.0", "", NOW, silent_s, stopped, lost)


@pytest.mark.parametrize(
    ("leases", "rows", "heard", "state"),
    [
        ([lease()], [], True, "draining"),
        ([lease()], [row(stopped=True)], True, "draining"),
        ([lease()], [row()], False, "unknown"),
        ([lease()], [row(99)], False, "away"),
        ([lease(-1)], [row()], True, "unknown"),
        ([lease(-1)], [], True, "away"),
        ([lease()], [], False, "unknown"),
        ([], [row(stopped=True)], True, "stopped"),
        ([], [row(99, lost=True)], True, "lost"),
        ([], [row(99)], False, "away"),
        ([lease(9, NodeId("b", 1))], [row()], True, "unknown"),
        ([lease(9, NodeId("b", 3))], [row(stopped=True)], True, "draining"),
        ([lease(), lease(9, NodeId("b", 1))], [row()], True, "draining"),
    ],
)
def test_the_state_of_another_node(leases: list[Lease], rows: list[Node], heard: bool, state: str) -> None:
    own, other = views_of(US, OURS, leases, rows, heard=heard)
    assert (own.id, own.own, own.state, own.facts) == (US, True, "accepting", OURS)
    assert (other.id.name, other.own, other.state) == ("b", False, state)
    assert (other.lease_s is None) == (not heard or not leases or leases[0].node.epoch == 1)


def test_this_node_is_what_it_is_whatever_others_say_of_it() -> None:
    found = views_of(US, OURS, [lease(-5, NodeId("a", 2))], [row(99, NodeId("a", 2), lost=True)], heard=True)
    assert [(each.id, each.state, each.lease_s) for each in found] == [(US, "accepting", None)]
