"""What leases say of nodes: who is there, and who may be taken for dead. [pure]

A lease that has expired says that a node was not heard of, and nothing more. Many that expire together say that the
backend was away, not the nodes: then nobody is suspected until it has been there for one more lease.
"""

from collections.abc import Collection, Iterable, Mapping

from controller.cluster.node import NodeId
from controller.cluster.port import LEASE_S, Lease

TOGETHER = 2
"""As many leases that expire within one lease are many, if they are half of all or more."""


def alive(leases: Iterable[Lease]) -> tuple[Lease, ...]:
    """Sorted by name; of each name the latest start."""
    latest: dict[str, Lease] = {}
    for each in sorted(leases, key=lambda lease: lease.node):
        if each.left_s > 0:
            latest[each.node.name] = each
    return tuple(latest.values())


def accepting(leases: Iterable[Lease]) -> tuple[str, ...]:
    """The names of the nodes that take new calls."""
    return tuple(each.node.name for each in alive(leases) if each.facts.state == "accepting")


def lapsed(leases: Collection[Lease], present_s: float) -> tuple[Lease, ...]:
    """Nodes of which nobody has heard for a lease, and which may be dead if a second sign says so. `present_s`: how
    long the backend has been there without a break, as this node sees it."""
    expired = tuple(each for each in leases if each.left_s <= 0)
    lately = [each for each in expired if each.left_s > -LEASE_S]
    if present_s < LEASE_S or (len(lately) >= TOGETHER and 2 * len(lately) >= len(leases)):
        return ()
    return expired


def forgotten(heard: Mapping[NodeId, tuple[Lease, float]], now: float) -> tuple[Lease, ...]:
    """Nodes that had a lease, and of which the backend has said nothing for as long as one lasts: they have ended, or
    it was emptied and they did not come back. `heard`: the latest lease of each, and when it was heard."""
    return tuple(lease for lease, at in heard.values() if now - at >= LEASE_S)
