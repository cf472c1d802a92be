"""The resources of workers: list them with their load, drain one."""

from controller.api.models.system import DrainWorker, WorkerAnswer, WorkerPage
from controller.api.operation import ApiRequest, Operation
from controller.api.ports import WorkerAdmin
from controller.api.problems import Problem
from controller.workers.worker import UnknownWorker


class WorkerResources:
    def __init__(self, workers: WorkerAdmin, drain_s: float) -> None:
        self._workers = workers
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
        return WorkerPage(workers=tuple(map(WorkerAnswer.of, self._workers.all())))

    async def drain(self, asked: ApiRequest) -> WorkerAnswer:
        """It takes no new calls and ends with its last one. A supervisor (ours, systemd, compose) starts the next."""
        name, seconds = asked.part("name"), asked.body.seconds
        try:
            await self._workers.retire(name, self._drain_s if seconds is None else seconds)
        except UnknownWorker as unknown:
            raise Problem("unknown-worker", str(unknown)) from None
        worker = self._workers.get(name)
        if worker is None:
            raise Problem("unknown-worker", "It has just ended.")
        return WorkerAnswer.of(worker)
