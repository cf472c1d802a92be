"""The resources of the queue: list, pause, resume, cancel many.

A single queued call has no resource of its own: use `/v1/calls/{id}`.
"""

from controller.api.models.queue import Cancelled, CancelQueued, PauseQueue, QueueAnswer, QueuePage, QueueQuery
from controller.api.operation import ApiRequest, Operation
from controller.api.ports import OutboundPort
from controller.api.problems import Problem
from controller.calls.outbound.queue import WrongCount


class QueueResources:
    def __init__(self, orders: OutboundPort) -> None:
        self._orders = orders

    def operations(self) -> tuple[Operation, ...]:
        return (
            Operation(
                *("list_queue", "GET", "/v1/queue", "List outbound calls", self.list, QueuePage),
                scopes=("read",),
                query=QueueQuery,
                problems=("store-away",),
                tag="queue",
            ),
            Operation(
                *("pause_queue", "POST", "/v1/queue/pause", "Pause dialing", self.pause, QueueAnswer),
                scopes=("control",),
                body=PauseQueue,
                repeatable=True,
                problems=("unknown-name", "store-away"),
                tag="queue",
            ),
            Operation(
                *("resume_queue", "POST", "/v1/queue/resume", "Resume dialing", self.resume, QueueAnswer),
                scopes=("control",),
                body=PauseQueue,
                repeatable=True,
                problems=("unknown-name", "store-away"),
                tag="queue",
            ),
            Operation(
                *("cancel_queued", "POST", "/v1/queue/cancel", "Cancel queued calls", self.cancel, Cancelled),
                scopes=("control",),
                body=CancelQueued,
                problems=("count-changed", "store-away"),
                tag="queue",
            ),
        )

    async def list(self, asked: ApiRequest) -> QueuePage:
        query: QueueQuery = asked.query
        wanted = query.as_filter()
        calls = await self._orders.page(wanted, before=query.before, limit=query.limit)
        last, matching = calls[-1].queue if len(calls) == query.limit else None, await self._orders.count(wanted)
        return QueuePage.of_page(await self._orders.summary(), calls, matching, last.number if last else None)

    async def cancel(self, asked: ApiRequest) -> Cancelled:
        body: CancelQueued = asked.body
        wanted = body.as_filter()
        if body.expected is None and body.calls is None:
            return Cancelled(matching=await self._orders.count(wanted), cancelled=0)
        try:
            done = await self._orders.cancel_all(wanted, by=asked.by, expected=body.expected)
        except WrongCount as found:
            told = f"{found.found} calls that wait fit, not {body.expected}. None was cancelled."
            raise Problem("count-changed", told) from None
        return Cancelled(matching=done, cancelled=done)

    async def pause(self, asked: ApiRequest) -> QueueAnswer:
        return QueueAnswer.of(await self._orders.pause(asked.body.trunk, by=asked.by))

    async def resume(self, asked: ApiRequest) -> QueueAnswer:
        return QueueAnswer.of(await self._orders.resume(asked.body.trunk, by=asked.by))
