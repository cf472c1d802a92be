"""The name of one run of a controller, what the store says of it, and what is left of its calls after it. [pure]"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True, order=True)
class NodeId:
    """`name`: `cluster.node` of the config, the same at each start. `epoch`: counts the starts of that name, from 1, so
    a greater epoch is a later start (`nodes.NodeRegistry` gives it). Every row that a controller owns has both."""

    name: str
    epoch: int

    def __str__(self) -> str:
        """`name:epoch`."""
        return f"{self.name}:{self.epoch}"

    @staticmethod
    def parse(text: str) -> "NodeId | None":
        """Of what `str` made; None: of anything else."""
        name, _, epoch = text.rpartition(":")
        digits = epoch.isascii() and epoch.isdigit() and not epoch.startswith("0") and len(epoch) < 19
        return NodeId(name, int(epoch)) if name and digits else None


@dataclass(frozen=True, slots=True)
class Node:
    """A row of the table `nodes`. `silent_s`: seconds since its latest beat. `stopped`: it has ended in order; one that
    was killed has not. `lost`: others took it for dead and ended its calls."""

    id: NodeId
    version: str
    url: str
    started_at: datetime
    silent_s: float
    stopped: bool
    lost: bool


@dataclass(frozen=True, slots=True)
class LostCall:
    """A call that ended with its node. `kept`: its snapshot (`calls.runtime.recovery`), None where it can't be read."""

    call: str
    kept: Any = field(repr=False)

    @property
    def answered(self) -> bool:
        return isinstance(self.kept, dict) and bool(self.kept.get("answered_at"))
