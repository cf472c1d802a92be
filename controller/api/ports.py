"""What the HTTP API asks of call control: of live calls, of the queue, of nodes, of workers."""

from collections.abc import Mapping
from typing import Protocol

from controller.calls.outbound.entry import QueueFilter
from controller.calls.outbound.service import CallRequest, Summary
from controller.calls.reporting.view import CallDetail, CallView
from controller.calls.runtime.call_control import CallControl
from controller.cluster.overview import NodeView
from controller.workers.refusals import Refusals
from controller.workers.worker import Worker


class Calls(Protocol):
    """What the HTTP API may ask of call control. Each method returns at once; what it starts shows in the view."""

    @property
    def verbs(self) -> CallControl:
        """What may be asked of one live call."""

    def all(self) -> list[CallView]:
        """Live calls first, then those that ended, newest first."""

    def get(self, call: str) -> CallView:
        """Raises UnknownCall."""

    def detail(self, call: str) -> CallDetail:
        """Raises UnknownCall."""

    def ready(self) -> Mapping[str, bool]:
        """Each part that a call needs, and whether it is there."""


class OutboundPort(Protocol):
    """What the HTTP API may ask of the queue (`outbound.service.OutboundCalls`)."""

    async def place(self, asked: CallRequest, *, by: str, call: str | None = None) -> CallView: ...
    async def find(self, call: str) -> CallView: ...
    async def with_queue(self, call: CallView) -> CallView: ...
    async def set_metadata(self, call: str, changes: Mapping[str, str | None], *, by: str) -> CallView | None: ...
    async def cancel(self, call: str, *, by: str) -> CallView: ...
    async def cancel_all(self, wanted: QueueFilter, *, by: str, expected: int | None) -> int:
        """Raises outbound.queue.WrongCount."""

    async def count(self, wanted: QueueFilter) -> int: ...
    async def page(self, wanted: QueueFilter, *, before: int | None, limit: int) -> list[CallView]: ...
    async def summary(self) -> Summary: ...
    async def pause(self, trunk: str | None, *, by: str) -> Summary: ...
    async def resume(self, trunk: str | None, *, by: str) -> Summary: ...


class NodeAdmin(Protocol):
    """What the HTTP API may ask of nodes (`cluster.directory.Nodes`)."""

    async def all(self) -> tuple[NodeView, ...]: ...
    async def set_drained(self, name: str, drained: bool, *, by: str, request_id: str) -> NodeView:
        """Raises UnknownNode, NodeEnds, PeerError and PeerTimeout."""


class WorkerAdmin(Protocol):
    """What the HTTP API may ask of workers (`workers.pool.WorkerPool`)."""

    @property
    def refusals(self) -> Refusals: ...
    def all(self) -> list[Worker]: ...
    def get(self, name: str) -> Worker | None: ...
    async def retire(self, name: str, seconds: float) -> None:
        """Let it end with its last call, or after so many seconds. Raises UnknownWorker and OthersWorker."""
