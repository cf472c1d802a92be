"""Nodes, as JSON. [pure]"""

from typing import Literal

from controller.api.models.base import Answer, Moment
from controller.cluster.overview import NodeView


class NodeAnswer(Answer):
    name: str
    """`cluster.node` of its config."""
    epoch: int
    """Counts its starts."""
    this: bool
    """It is the node that answers."""
    version: str
    state: Literal["accepting", "draining", "unknown", "away", "stopped", "lost"]
    """`accepting` or `draining` (no new calls; those that it has go on); `unknown` (its signs of life in the store are
    fresh, and it tells no more: no `cluster.url`, or that server is away), `away` (nothing is heard of it), `stopped`
    (in order), or `lost` (others have ended its calls)."""
    calls: int | None
    """Live calls; null: not known now."""
    capacity: int | None
    """As many can its workers carry; null: not known."""
    lease_s: float | None
    """Seconds until its lease expires, below 0: since when it has. null: none is known, as without `cluster.url`."""
    silent_s: float | None
    """Seconds since its latest sign of life in the store; null: the store does not say, or this node answers."""
    api_url: str | None
    """Where it says that other nodes reach it."""
    started_at: Moment | None
    trouble: str | None = None
    """What keeps it from its part in the cluster until somebody mends it, as far as the node that answers has noticed:
    it has refused that node's `cluster.token`; or, of that node itself, `cluster.url` leads to a Valkey that it can't
    use."""

    @classmethod
    def of(cls, view: NodeView) -> "NodeAnswer":
        now = view.facts if view.state in ("accepting", "draining") else None
        return cls(
            name=view.id.name,
            epoch=view.id.epoch,
            this=view.own,
            version=view.version,
            state=view.state,
            calls=now.calls if now is not None else None,
            capacity=(now.capacity if now is not None else 0) or None,
            lease_s=None if view.lease_s is None else round(view.lease_s, 1),
            silent_s=None if view.silent_s is None else round(view.silent_s, 1),
            api_url=(view.facts.url if view.facts is not None else "") or None,
            started_at=view.started_at,
            trouble=view.trouble,
        )


class NodePage(Answer):
    nodes: tuple[NodeAnswer, ...]
    """Sorted by name."""
