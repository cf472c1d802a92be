"""Answers, and parts of requests: workers. Made from the OpenAPI document (`make reference`). [pure]"""

from dataclasses import dataclass

from voiceai_client.decoding import Model


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class RefusedWorkerAnswer(Model):
    """A worker that the controller refuses. The worker keeps trying."""

    name: str
    remote: str
    """The address of the worker."""
    reason: str
    """The problem and its fix, such as no common version of the control link."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class WorkerUserAnswer(Model):
    node: str
    calls: int


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class WorkerAnswer(Model):
    name: str
    pid: int
    media: str
    """The address to which Asterisk connects."""
    state: str
    """`up`; `late` (audio is late, or its CPU core is almost fully used: no new calls until it has recovered);
    `draining`; `away` (its control link is down); or `unreached` (Asterisk cannot reach its AudioSocket port: no
    calls meanwhile)."""
    reason: str | None
    """Why it is `unreached`."""
    calls: int
    """Live calls of this node."""
    capacity: int
    """The maximum number of calls of all nodes together."""
    late_ms: float
    """Lateness of its 20 ms tick, p99 of the last half second."""
    busy: float
    """The share of its CPU core that it used in the last half second."""
    link_version: int = 9
    """The version of the control link. It is lower for a worker of an older release."""
    home: str | None = None
    """The home node, if it is another node. Then this node uses the worker only if its own workers are full, draining
    or lost."""
    users: tuple[WorkerUserAnswer, ...] = ()
    """The nodes that share the worker, with their number of calls."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class WorkerPage(Model):
    workers: tuple[WorkerAnswer, ...]
    refused: tuple[RefusedWorkerAnswer, ...] = ()
    """Workers that were refused in the last minute."""
