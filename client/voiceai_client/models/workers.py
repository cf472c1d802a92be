"""Answers, and parts of requests: workers. Made from the OpenAPI document (`make reference`). [pure]"""

from dataclasses import dataclass

from voiceai_client.decoding import Model


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class RefusedWorkerAnswer(Model):
    """A worker that the controller does not let in. It goes on trying."""

    name: str
    remote: str
    """The address that it comes from."""
    reason: str
    """What is wrong, and what to change: such as versions of the link that have none in common."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class WorkerUserAnswer(Model):
    node: str
    calls: int


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class WorkerAnswer(Model):
    name: str
    pid: int
    media: str
    """Where Asterisk connects to."""
    state: str
    """`up`, `late` (it is, or its core is nearly used up: no new calls until it has been well for a while),
    `draining`, `away` (its link is broken), or `unreached` (Asterisk does not reach its AudioSocket port: no calls
    until then)."""
    reason: str | None
    """Why it is `unreached`."""
    calls: int
    """Of this node."""
    capacity: int
    """Calls of all nodes that it carries at most."""
    late_ms: float
    """Lateness of its 20 ms tick, p99 of the last half second."""
    busy: float
    """Share of its core that it used in the last half second."""
    link_version: int = 9
    """The version of the control link that it and the controller speak: lower than others' while it is of an older
    release."""
    home: str | None = None
    """The node that it belongs to, if that is another one: it is used when this node's own workers are full, draining
    or lost."""
    users: tuple[WorkerUserAnswer, ...] = ()
    """The nodes that use it, where several do, and how many calls it carries for each."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class WorkerPage(Model):
    workers: tuple[WorkerAnswer, ...]
    refused: tuple[RefusedWorkerAnswer, ...] = ()
    """Those of the last minute."""
