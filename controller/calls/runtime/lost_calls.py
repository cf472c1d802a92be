"""What is told of a call that ended with its node: made of its snapshot and its records.

The moment of its end is not known: it is the one in which the node was found dead.
"""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import Any

import structlog

from controller.calls.reporting import lifecycle
from controller.calls.reporting.call_log import CallLog
from controller.calls.reporting.conversation_memory import ConversationMemory
from controller.calls.reporting.view import CallView
from controller.calls.runtime import stored_call
from controller.calls.runtime.ports import Recall
from controller.cluster.node import LostCall

log = structlog.get_logger()

NODE_LOST, INTERRUPTED = "node_lost", "interrupted"


class LostCalls:
    """`recalled`: the records of a call's attempt (`events.records.restore`)."""

    def __init__(self, recalled: Callable[[str, int], Awaitable[Recall | None]], observe: lifecycle.Observe) -> None:
        self._recalled, self._observe = recalled, observe

    async def tell(self, lost: LostCall) -> bool:
        """Raises StoreError: nobody was told then. False: it can't be read, and is in the history only."""
        try:
            kept = stored_call.checked(lost.kept)
        except stored_call.Unreadable as error:
            log.error("nobody is told of a call that ended with its node", call=lost.call, reason=str(error))
            return False
        attempt, call_log = kept["plan"]["attempt"], CallLog()
        recall = await self._recalled(lost.call, attempt)
        if recall is not None:
            recall(call_log, ConversationMemory())
        view = _view(lost.call, kept, call_log, datetime.now(UTC))
        talked = (view.ended_at - view.answered_at).total_seconds() if view.ended_at and view.answered_at else 0.0
        self._observe(lifecycle.CallLost(max(talked, 0.0), view, kept["plan"]["webhook"], attempt))
        return True


def _view(call: str, kept: Any, call_log: CallLog, now: datetime) -> CallView:
    plan, answered = kept["plan"], kept["answered_at"]
    dialled = plan["direction"] == "outbound" and not answered
    return CallView(
        id=call,
        **{name: plan[name] for name in ("direction", "agent", "trunk", "caller", "callee")},
        state="ended",
        started_at=datetime.fromisoformat(kept["started_at"]),
        answered_at=datetime.fromisoformat(answered) if answered else None,
        ended_at=now,
        outcome=INTERRUPTED if dialled else NODE_LOST,
        ended_by=None,
        cause=None,
        detail="its node was lost",
        transfer=None,
        turns=call_log.turn_count,
        first_frame_ms=call_log.first_frame(),
        cost=call_log.cost,
        agent_version=plan.get("agent_version"),
        metadata=plan.get("metadata", {}),
    )
