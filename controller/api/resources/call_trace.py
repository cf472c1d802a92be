"""The resource of a call's trace. It holds nothing personal."""

from collections.abc import Callable

from controller.api.models.call_trace import TraceAnswer
from controller.api.operation import ApiRequest, Operation
from controller.api.ports import Calls
from controller.telemetry.call_trace import Trace


class TraceResources:
    """`trace_of`: None for a call without stored steps."""

    def __init__(self, calls: Calls, trace_of: Callable[[str], Trace | None]) -> None:
        self._calls = calls
        self._trace_of = trace_of

    def operations(self) -> tuple[Operation, ...]:
        return (
            Operation(
                *("trace_call", "GET", "/v1/calls/{id}/trace", "What happened in a call, step by step", self.trace),
                answer=TraceAnswer,
                scopes=("read",),
                limited=True,
                problems=("unknown-call",),
                of_call="path",
            ),
        )

    async def trace(self, asked: ApiRequest) -> TraceAnswer:
        call = asked.part("id")
        detail = self._calls.detail(call)
        asked.reached(detail.call)
        return TraceAnswer.of(detail, self._trace_of(call) or Trace())
