"""The resource of a call's trace. It holds nothing personal."""

from contextlib import suppress
from dataclasses import replace

from controller.api.models.call_trace import TraceAnswer
from controller.api.operation import ApiRequest, Operation
from controller.api.ports import Calls, OutboundPort
from controller.calls import errors
from controller.calls.reporting.view import CallDetail
from controller.store.database import StoreError
from controller.telemetry.call_trace import Trace, Traces


class TraceResources:
    """Of calls that live or ended, of queued ones, and of callers for whom no call began."""

    def __init__(self, calls: Calls, orders: OutboundPort, traces: Traces) -> None:
        self._calls = calls
        self._orders = orders
        self._traces = traces

    def operations(self) -> tuple[Operation, ...]:
        return (
            Operation(
                *("trace_call", "GET", "/v1/calls/{id}/trace", "Get the trace of a call", self.trace),
                answer=TraceAnswer,
                scopes=("read",),
                limited=True,
                problems=("unknown-call", "store-away"),
                of_call="path",
            ),
        )

    async def trace(self, asked: ApiRequest) -> TraceAnswer:
        call = asked.part("id")
        detail = await self._detail(call)
        asked.reached(detail.call)
        return TraceAnswer.of(detail, self._traces.of(call) or Trace())

    async def _detail(self, call: str) -> CallDetail:
        """Raises UnknownCall, and StoreError for a call that is not live."""
        try:
            detail = self._calls.detail(call)
        except errors.UnknownCall:
            return CallDetail(self._traces.refused(call) or await self._orders.find(call))
        with suppress(StoreError):  # the answer then lacks what the queue knows
            return replace(detail, call=await self._orders.with_queue(detail.call))
        return detail
