"""All nodes as one of them sees them: what leases say, and what the store says. [pure]"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from controller.cluster.node import Node, NodeId
from controller.cluster.nodes import BEAT_SECONDS
from controller.cluster.port import Lease, NodeFacts

FRESH_S = 3 * BEAT_SECONDS
"""A node whose latest beat in the store is not older is there."""

State = Literal["accepting", "draining", "unknown", "away", "stopped", "lost"]


@dataclass(frozen=True, slots=True)
class NodeView:
    """One node, by its latest start. `facts`: what it has told of itself; None: nothing that is known here. `lease_s`:
    seconds until its lease expires, 0 or less: it has. None: it has none, or the backend is away. `silent_s`: seconds
    since its latest beat in the store; None: the store does not say, or it is this node. `trouble`: what keeps it from
    its part in the cluster, as far as this node has noticed."""

    id: NodeId
    state: State
    own: bool = False
    version: str = ""
    facts: NodeFacts | None = None
    lease_s: float | None = None
    silent_s: float | None = None
    started_at: datetime | None = None
    trouble: str | None = None


def views_of(
    us: NodeId, facts: NodeFacts, leases: Iterable[Lease], rows: Iterable[Node], *, heard: bool
) -> tuple[NodeView, ...]:
    """Sorted by name. `facts`: of this node. `heard`: the backend is there, so that its leases are of this moment."""
    told = {each.node.name: each for each in sorted(leases, key=lambda lease: lease.node)}
    stored = {each.id.name: each for each in sorted(rows, key=lambda row: row.id)}
    others = (_other(told.get(name), stored.get(name), heard=heard) for name in {*told, *stored} - {us.name})
    lease, row = told.get(us.name), stored.get(us.name)
    own = NodeView(
        us,
        facts.state,
        own=True,
        version=facts.version,
        facts=facts,
        lease_s=lease.left_s if heard and lease is not None and lease.node == us else None,
        started_at=row.started_at if row is not None else None,
    )
    return tuple(sorted((own, *others), key=lambda each: each.id))


def same_url(nodes: Iterable[tuple[str, str]]) -> Mapping[str, str]:
    """What to say of each node of which the API URL is also that of another. `nodes`: name and URL of who is there."""
    names: dict[str, list[str]] = {}
    for name, url in nodes:
        names.setdefault(url.rstrip("/"), []).append(name)
    return {
        name: f"`cluster.api_url` is {url} on {' and '.join(sorted(each))}; set it to each node's own address"
        for url, each in names.items()
        if url and len(each) > 1
        for name in each
    }


def _other(lease: Lease | None, row: Node | None, *, heard: bool) -> NodeView:
    """Of one node there is at least one of both; an earlier start than the other's says nothing."""
    id_ = max([*([lease.node] if lease is not None else []), *([row.id] if row is not None else [])])
    lease = lease if lease is not None and lease.node == id_ else None
    row = row if row is not None and row.id == id_ else None
    facts = lease.facts if lease is not None else None
    return NodeView(
        id_,
        _state(lease, row, heard=heard),
        version=(facts.version if facts is not None else "") or (row.version if row is not None else ""),
        facts=facts,
        lease_s=lease.left_s if heard and lease is not None else None,
        silent_s=row.silent_s if row is not None else None,
        started_at=row.started_at if row is not None else None,
    )


def _state(lease: Lease | None, row: Node | None, *, heard: bool) -> State:
    if heard and lease is not None and lease.left_s > 0:
        return lease.facts.state
    if row is None:
        return "away" if heard else "unknown"
    if row.lost or row.stopped:
        return "lost" if row.lost else "stopped"
    return "unknown" if row.silent_s <= FRESH_S else "away"
