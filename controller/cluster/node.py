"""The name of one run of a controller. [pure]"""

from dataclasses import dataclass


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
