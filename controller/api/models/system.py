"""The process and its workers, as JSON."""

from typing import Any, Literal

from pydantic import Field

from controller.api.models.base import Answer, Body
from controller.workers.worker import Worker


class Health(Answer):
    status: Literal["ok"] = "ok"


class Readiness(Answer):
    ready: bool
    parts: dict[str, bool]
    """Each part that a call needs, and whether it is ready."""
    warnings: tuple[str, ...] = ()
    """Failures that are tried again and do not stop calls, such as the start of one worker of several, or a worker that
    Asterisk does not reach."""


class DrainWorker(Body):
    seconds: float | None = Field(None, ge=0, le=86400)
    """How long its calls may continue; then other workers take them over. Default: `shutdown.worker_drain_s`."""


class WorkerUserAnswer(Answer):
    node: str
    calls: int


class WorkerAnswer(Answer):
    name: str
    pid: int
    media: str
    """Where Asterisk connects to."""
    state: str
    """`up`, `late` (it is, or its core is nearly used up: no new calls until it has been well for a while), `draining`,
    `away` (its link is broken), or `unreached` (Asterisk does not reach its AudioSocket port: no calls until then)."""
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

    @classmethod
    def of(cls, worker: Worker) -> "WorkerAnswer":
        return cls(
            name=worker.name,
            pid=worker.pid,
            media=worker.media_address,
            state=_state(worker),
            reason=worker.media.reason,
            calls=len(worker.calls),
            capacity=worker.capacity,
            late_ms=worker.load.lateness_p99_ms,
            busy=worker.load.busy,
            link_version=worker.version,
            home=worker.home,
            users=tuple(WorkerUserAnswer(node=each.node, calls=each.calls) for each in worker.load.users),
        )


def _state(worker: Worker) -> str:
    if worker.socket is None:
        return "away"
    if worker.draining:
        return "draining"
    if not worker.media.reached:
        return "unreached"
    return "late" if worker.overloaded else "up"


class RefusedWorkerAnswer(Answer):
    """A worker that the controller does not let in. It goes on trying."""

    name: str
    remote: str
    """The address that it comes from."""
    reason: str
    """What is wrong, and what to change: such as versions of the link that have none in common."""


class WorkerPage(Answer):
    workers: tuple[WorkerAnswer, ...]
    refused: tuple[RefusedWorkerAnswer, ...] = ()
    """Those of the last minute."""


class ReloadAnswer(Answer):
    changed: tuple[str, ...]
    """Dotted keys that differ and count from now on."""
    restart: tuple[str, ...]
    """Dotted keys that differ from what is in force and count after a restart only."""
    ignored: tuple[str, ...]
    """Sections of the file that the store has in its place."""


class ConfigAnswer(Answer):
    config: dict[str, Any]
    """As config.yaml, with defaults. Secrets are stars."""
