"""The resources of workers: list them with their load, drain one, replace all of this machine."""

from collections.abc import Callable
from http import HTTPStatus

from controller.api.models.base import Nothing
from controller.api.models.system import DrainWorker, RefusedWorkerAnswer, WorkerAnswer, WorkerPage
from controller.api.operation import ApiRequest, Operation
from controller.api.ports import WorkerAdmin
from controller.api.problems import Problem
from controller.workers.worker import OthersWorker, UnknownWorker


class WorkerResources:
    def __init__(self, workers: WorkerAdmin, drain_s: float, replace: Callable[[], None]) -> None:
        """`replace`: begins to replace the workers of this machine one by one."""
        self._workers = workers
        self._drain_s = drain_s
        self._replace = replace

    def operations(self) -> tuple[Operation, ...]:
        return (
            Operation(
                *("list_workers", "GET", "/v1/workers", "Bridge workers and their load", self.list, WorkerPage),
                scopes=("read",),
                tag="workers",
            ),
            Operation(
                *("drain_worker", "POST", "/v1/workers/{name}/drain", "Drain a worker", self.drain),
                answer=WorkerAnswer,
                scopes=("admin",),
                body=DrainWorker,
                repeatable=True,
                problems=("unknown-worker", "refused"),
                tag="workers",
            ),
            Operation(
                *("replace_workers", "POST", "/v1/workers/replace", "Replace the workers of this machine one by one"),
                handle=self.replace,
                answer=WorkerPage,
                scopes=("admin",),
                body=Nothing,
                status=HTTPStatus.ACCEPTED,
                repeatable=True,
                tag="workers",
            ),
        )

    async def list(self, _: ApiRequest) -> WorkerPage:
        refused = map(RefusedWorkerAnswer.model_validate, self._workers.refusals.all())
        return WorkerPage(workers=tuple(map(WorkerAnswer.of, self._workers.all())), refused=tuple(refused))

    async def replace(self, asked: ApiRequest) -> WorkerPage:
        """Each ends when its calls have, or others have taken them over. Does nothing while that is under way."""
        self._replace()
        return await self.list(asked)

    async def drain(self, asked: ApiRequest) -> WorkerAnswer:
        """It takes no new calls and ends with its last one. A supervisor (ours, systemd, compose) starts the next."""
        name, seconds = asked.part("name"), asked.body.seconds
        try:
            await self._workers.retire(name, self._drain_s if seconds is None else seconds)
        except UnknownWorker as unknown:
            raise Problem("unknown-worker", str(unknown)) from None
        except OthersWorker as refusal:
            raise Problem("refused", str(refusal)) from None
        worker = self._workers.get(name)
        if worker is None:
            raise Problem("unknown-worker", "It has just ended.")
        return WorkerAnswer.of(worker)
