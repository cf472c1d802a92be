"""What is told of a call that ended with its node."""

import asyncio
from typing import Any

import pytest

from controller.calls.reporting import lifecycle
from controller.calls.reporting.call_log import CallLog
from controller.calls.reporting.conversation_memory import ConversationMemory
from controller.calls.runtime.lost_calls import LostCalls
from controller.calls.runtime.ports import Recall
from controller.cluster.node import LostCall
from tests.unit.controller.calls.runtime.test_stored_call import written


async def recalled(_: str, attempt: int) -> Recall:
    def fill(call_log: CallLog, memory: ConversationMemory) -> None:
        call_log.turn_count, call_log.cost = 3, 0.25

    return fill


def told(kept: Any) -> list[lifecycle.LifecycleEvent]:
    seen: list[lifecycle.LifecycleEvent] = []
    assert asyncio.run(LostCalls(recalled, seen.append).tell(LostCall("c", kept))) == bool(seen)
    return seen


@pytest.mark.parametrize(
    ("direction", "answered", "outcome"),
    [
        ("inbound", True, "node_lost"),
        ("inbound", False, "node_lost"),
        ("outbound", True, "node_lost"),
        ("outbound", False, "interrupted"),
    ],
)
def test_it_has_what_the_snapshot_and_the_records_say(direction: str, answered: bool, outcome: str) -> None:
    row = written()
    row["plan"] |= {"direction": direction, "webhook": "https://own.example/", "attempt": 2}
    row["answered_at"] = row["started_at"] if answered else None
    (lost,) = told(row)
    assert isinstance(lost, lifecycle.CallLost)
    assert (lost.webhook, lost.attempt, lost.talked_s > 0) == ("https://own.example/", 2, answered)
    assert (lost.call.outcome, lost.call.turns, lost.call.cost) == (outcome, 3, 0.25)
    assert (lost.call.direction, lost.call.agent, lost.call.ended_by) == (direction, row["plan"]["agent"], None)


def test_nobody_is_told_of_one_that_can_not_be_read() -> None:
    assert told({"version": 99}) == []
