"""Who is taken for alive, and who may be dead."""

from typing import Literal

from controller.cluster import leases
from controller.cluster.node import NodeId
from controller.cluster.port import LEASE_S, Lease, NodeFacts


def lease(name: str, left_s: float, epoch: int = 1, state: Literal["accepting", "draining"] = "accepting") -> Lease:
    return Lease(NodeId(name, epoch), left_s, NodeFacts(state=state), asserted=True)


def test_alive_is_who_has_a_lease_and_of_two_starts_the_later() -> None:
    all_ = [lease("b", 3), lease("a", 9, 1), lease("a", 9, 2), lease("c", 0), lease("d", 5, state="draining")]
    assert [str(each.node) for each in leases.alive(all_)] == ["a:2", "b:1", "d:1"]
    assert leases.accepting(all_) == ("a", "b")


def test_one_that_is_silent_among_many_may_be_dead() -> None:
    all_ = [lease("a", 9), lease("b", -1), lease("c", 8)]
    assert leases.lapsed(all_, LEASE_S) == (all_[1],)
    assert leases.lapsed(all_, LEASE_S - 0.1) == (), "the backend has just come back"


def test_many_that_fall_silent_together_are_not_dead() -> None:
    silent = [lease("a", 9), lease("b", -1), lease("c", -2)]
    assert leases.lapsed(silent, 100) == ()
    long_ago = [lease("a", 9), lease("b", -1), lease("c", -LEASE_S - 1)]
    assert leases.lapsed(long_ago, 100) == tuple(long_ago[1:])


def test_of_two_nodes_the_other_may_be_dead() -> None:
    all_ = [lease("a", 9), lease("b", -1)]
    assert leases.lapsed(all_, LEASE_S) == (all_[1],)
