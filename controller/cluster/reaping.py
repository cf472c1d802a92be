"""Whether a node whose lease has expired is dead. [pure]

An expired lease is one sign, and silence in the store the second. A sign of life from either, or an answer of the
node's HTTP API, and nothing is done: calls that go on would be told to have ended.
"""

from typing import Literal

from controller.cluster.node import Node, NodeId
from controller.cluster.nodes import BEAT_SECONDS

STALE_S = 2 * BEAT_SECONDS
"""Seconds after its latest beat in the store for which a node counts as alive there."""

Step = Literal["wait", "free", "end"]
"""`free`: it holds slots and no calls. `end`: it is dead, unless its HTTP API answers."""


def step(expired: NodeId, known: Node | None, us: Node | None) -> Step:
    """`expired`: whose lease has expired. `known`: the latest start of that name in the store. `us`: this node there;
    if its own beat is old, the store was away, and nobody's silence means anything."""
    if known is None or known.id.epoch < expired.epoch:
        return "wait"  # a node of another store
    if us is None or us.silent_s >= STALE_S or us.id.name == expired.name:
        return "wait"
    if known.stopped:
        return "free"
    return "end" if known.silent_s >= STALE_S else "wait"


def is_over(node: NodeId, known: Node | None) -> bool:
    """Whether nobody has to care for a node of which the backend knows nothing: it has ended, others have ended its
    calls, or it was started again."""
    return known is None or known.id != node or known.stopped or known.lost
