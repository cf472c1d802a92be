"""Nodes, as JSON. [pure]"""

from typing import Literal

from controller.api.models.base import Answer, Moment
from controller.cluster.overview import NodeView


class NodeAnswer(Answer):
    name: str
    """The name of the node: `cluster.node` in its configuration."""
    epoch: int
    """The number of starts of this node."""
    this: bool
    """true for the answering node."""
    version: str
    state: Literal["accepting", "draining", "unknown", "away", "stopped", "lost"]
    """`accepting`; `draining` (no new calls, live calls continue); `unknown` (recent heartbeats in the database, but no
    lease: no `cluster.url`, or Valkey is down); `away` (no sign of the node); `stopped` (shut down); or `lost` (other
    nodes have ended its calls)."""
    calls: int | None
    """Live calls. null: unknown."""
    capacity: int | None
    """The capacity of its workers. null: unknown."""
    lease_s: float | None
    """Seconds until its lease expires; negative: seconds since it has expired. null: no lease is known, as without
    `cluster.url`."""
    silent_s: float | None
    """Seconds since its latest heartbeat in the database. null: unknown, or the answering node."""
    api_url: str | None
    """The URL under which other nodes reach it."""
    started_at: Moment | None
    trouble: str | None = None
    """A problem that an operator must solve, as far as the answering node knows: the node refuses the `cluster.token`;
    or the answering node itself cannot use the Valkey in `cluster.url`."""

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
