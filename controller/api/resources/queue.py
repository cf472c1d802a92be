"""The resources of the queue: list, pause, resume.

A single queued call has no resource of its own: use `/v1/calls/{id}`.
"""

from controller.api.models.queue import PauseQueue, QueueAnswer, QueuePage, QueueQuery
from controller.api.operation import ApiRequest, Operation
from controller.api.ports import OutboundPort
from controller.calls.outbound.entry import Status


class QueueResources:
    def __init__(self, orders: OutboundPort) -> None:
        self._orders = orders

    def operations(self) -> tuple[Operation, ...]:
        return (
            Operation(
                *("list_queue", "GET", "/v1/queue", "Calls that we place, newest first", self.list, QueuePage),
                scopes=("read",),
                query=QueueQuery,
                problems=("store-away",),
                tag="queue",
            ),
            Operation(
                *("pause_queue", "POST", "/v1/queue/pause", "Place no more calls", self.pause, QueueAnswer),
                scopes=("control",),
                body=PauseQueue,
                repeatable=True,
                problems=("unknown-name", "store-away"),
                tag="queue",
            ),
            Operation(
                *("resume_queue", "POST", "/v1/queue/resume", "Place calls again", self.resume, QueueAnswer),
                scopes=("control",),
                body=PauseQueue,
                repeatable=True,
                problems=("unknown-name", "store-away"),
                tag="queue",
            ),
        )

    async def list(self, asked: ApiRequest) -> QueuePage:
        query: QueueQuery = asked.query
        status = Status(query.status) if query.status else None
        calls = await self._orders.page(status, before=query.before, limit=query.limit)
        last = calls[-1].queue if len(calls) == query.limit else None
        return QueuePage.of_page(await self._orders.summary(), calls, last.number if last else None)

    async def pause(self, asked: ApiRequest) -> QueueAnswer:
        return QueueAnswer.of(await self._orders.pause(asked.body.trunk, by=asked.by))

    async def resume(self, asked: ApiRequest) -> QueueAnswer:
        return QueueAnswer.of(await self._orders.resume(asked.body.trunk, by=asked.by))
