"""config.yaml's `cluster`: which of several controllers this one is. [pure]"""

from controller.config.values import Name, Section


class Cluster(Section):
    """Several controllers that share one PostgreSQL (docs/scaling.md). One machine needs none of it."""

    node: Name = "node1"
    """The name of this controller, the same at each start: by it the controller finds its own calls again. Each
    controller of one store needs a name of its own; a second one of the same name does not start."""
