"""The resources of workers: which there are, how loaded, and the end of one in order."""

from typing import Protocol

from pydantic import Field

from controller.api.models.calls import Answer
from controller.api.operation import ApiRequest, Operation
from controller.api.problems import Problem
from controller.api.request_body import Body
from controller.workers.worker import UnknownWorker, Worker


class DrainWorker(Body):
    seconds: float | None = Field(None, ge=0, le=86400)
    """How long its calls may go on there; then other workers take them over. Default: `shutdown.worker_drain_s`."""


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
    capacity: int
    late_ms: float
    """Of its 20 ms tick, p99 of the last half second."""
    busy: float
    """Share of its core that it took in the last half second."""

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
        )


def _state(worker: Worker) -> str:
    if worker.socket is None:
        return "away"
    if worker.draining:
        return "draining"
    if not worker.media.reached:
        return "unreached"
    return "late" if worker.tired else "up"


class WorkerPage(Answer):
    workers: tuple[WorkerAnswer, ...]


class Staff(Protocol):
    """As far as ops concern it (`workers.Workers`)."""

    def all(self) -> list[Worker]: ...
    def get(self, name: str) -> Worker | None: ...
    async def retire(self, name: str, seconds: float) -> None: ...


class WorkerResources:
    def __init__(self, staff: Staff, drain_s: float) -> None:
        self._staff = staff
        self._drain_s = drain_s

    def operations(self) -> tuple[Operation, ...]:
        return (
            Operation(
                *("list_workers", "GET", "/v1/workers", "Bridge workers and their load", self.list, WorkerPage),
                scopes=("read",),
                tag="workers",
            ),
            Operation(
                *("drain_worker", "POST", "/v1/workers/{name}/drain", "Let a worker end and be replaced", self.drain),
                answer=WorkerAnswer,
                scopes=("admin",),
                body=DrainWorker,
                repeatable=True,
                problems=("unknown-worker",),
                tag="workers",
            ),
        )

    async def list(self, _: ApiRequest) -> WorkerPage:
        return WorkerPage(workers=tuple(map(WorkerAnswer.of, self._staff.all())))

    async def drain(self, asked: ApiRequest) -> WorkerAnswer:
        """It takes no new calls and ends with its last one. A supervisor (ours, systemd, compose) starts the next."""
        name, wish = asked.part("name"), asked.body.seconds
        try:
            await self._staff.retire(name, self._drain_s if wish is None else wish)
        except UnknownWorker as unknown:
            raise Problem("unknown-worker", str(unknown)) from None
        worker = self._staff.get(name)
        if worker is None:
            raise Problem("unknown-worker", "It has ended in this moment.")
        return WorkerAnswer.of(worker)
