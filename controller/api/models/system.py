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
    """Problems that do not stop calls and that voiceai tries to solve itself, such as one of several workers that does
    not start, or a worker that Asterisk cannot reach."""


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
    """The address to which Asterisk connects."""
    state: str
    """`up`; `late` (audio is late, or its CPU core is almost fully used: no new calls until it has recovered);
    `draining`; `away` (its control link is down); or `unreached` (Asterisk cannot reach its AudioSocket port: no calls
    meanwhile)."""
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
    """A worker that the controller refuses. The worker keeps trying."""

    name: str
    remote: str
    """The address of the worker."""
    reason: str
    """The problem and its fix, such as no common version of the control link."""


class WorkerPage(Answer):
    workers: tuple[WorkerAnswer, ...]
    refused: tuple[RefusedWorkerAnswer, ...] = ()
    """Workers that were refused in the last minute."""


class ReloadAnswer(Answer):
    changed: tuple[str, ...]
    """Dotted keys that have changed and now apply."""
    restart: tuple[str, ...]
    """Dotted keys that have changed and apply after a restart."""
    ignored: tuple[str, ...]
    """Sections of the file that are ignored, because the database has them."""


class ConfigAnswer(Answer):
    config: dict[str, Any]
    """As in config.yaml, with defaults. Secrets are replaced by stars."""
