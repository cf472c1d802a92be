"""Answers, and parts of requests: nodes. Made from the OpenAPI document (`make reference`). [pure]"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from voiceai_client.decoding import Model


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class NodeAnswer(Model):
    name: str
    """The name of the node: `cluster.node` in its configuration."""
    epoch: int
    """The number of starts of this node."""
    this: bool
    """true for the answering node."""
    version: str
    state: Literal["accepting", "draining", "unknown", "away", "stopped", "lost"] | str
    """`accepting`; `draining` (no new calls, live calls continue); `unknown` (recent heartbeats in the database, but
    no lease: no `cluster.url`, or Valkey is down); `away` (no sign of the node); `stopped` (shut down); or `lost`
    (other nodes have ended its calls)."""
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
    started_at: datetime | None
    trouble: str | None = None
    """A problem that an operator must solve, as far as the answering node knows: the node refuses the
    `cluster.token`; or the answering node itself cannot use the Valkey in `cluster.url`."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class NodePage(Model):
    nodes: tuple[NodeAnswer, ...]
    """Sorted by name."""
