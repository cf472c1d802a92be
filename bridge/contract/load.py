"""How a worker is doing, and which controllers use it: told with each heartbeat. [pure]"""

from typing import Annotated

from pydantic import Field, StringConstraints

from bridge.contract.spec import StrictModel
from bridge.contract.versions import Since

NodeName = Annotated[str, StringConstraints(max_length=253)]
"""A controller's `cluster.node`."""


class WorkerUser(StrictModel):
    """A controller that uses a worker."""

    node: NodeName
    calls: int = Field(ge=0)
    """Of its, that the worker carries."""
    home: bool = False
    """The worker belongs to that node."""


class Load(StrictModel):
    """How a worker is doing. Lateness is that of the 20 ms tick over the last heartbeat interval."""

    sessions: int = 0
    legs: int = 0
    lateness_p99_ms: float = 0.0
    lateness_max_ms: float = 0.0
    busy: float = 0.0
    """Of the one core that its event loop can use, over the last heartbeat interval. At 1 there is no more."""
    draining: bool = False
    """It takes no new call, and ends with its last one."""
    cpu_s: float = 0.0
    """Of the whole process, since it began; this and what follows is looked at every few seconds."""
    memory: int = 0
    """Resident, in bytes."""
    files: int = 0
    """Open ones, sockets too; 0 where the system does not tell."""
    tasks: int = 0
    """Of its event loop."""
    home: Annotated[bool, Since(10)] = True
    """It is one of this controller's own; False: it belongs to another node."""
    elsewhere: Annotated[int, Field(ge=0), Since(10)] = 0
    """Calls of other controllers that it carries; with them it carries its `capacity` at most."""
    users: Annotated[tuple[WorkerUser, ...], Field(max_length=1000), Since(10)] = ()
    """All controllers that use it, this one too, if they are several."""
