"""Answers, and parts of requests: nodes. Made from the OpenAPI document (`make reference`). [pure]"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from voiceai_client.decoding import Model


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class NodeAnswer(Model):
    name: str
    """`cluster.node` of its config."""
    epoch: int
    """Counts its starts."""
    this: bool
    """It is the node that answers."""
    version: str
    state: Literal["accepting", "draining", "unknown", "away", "stopped", "lost"] | str
    """`accepting` or `draining` (no new calls; those that it has go on); `unknown` (its signs of life in the store
    are fresh, and it tells no more: no `cluster.url`, or that server is away), `away` (nothing is heard of it),
    `stopped` (in order), or `lost` (others have ended its calls)."""
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
    started_at: datetime | None
    trouble: str | None = None
    """What keeps it from its part in the cluster until somebody mends it, as far as the node that answers has
    noticed: it has refused that node's `cluster.token`; or, of that node itself, `cluster.url` leads to a Valkey
    that it can't use."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class NodePage(Model):
    nodes: tuple[NodeAnswer, ...]
    """Sorted by name."""
