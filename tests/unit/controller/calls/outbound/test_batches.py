"""Which calls are claimed together: as many as may have room, one where there was none a moment ago."""

from datetime import UTC, datetime

from controller.calls.outbound.batches import AT_ONCE, next_batch
from controller.calls.outbound.entry import CallOrder, QueuedCall, Status

NOW = datetime(2026, 11, 30, tzinfo=UTC)


def entry(number: int, trunk: str = "main") -> QueuedCall:
    order = CallOrder("+4930123", trunk, "reception", "ops")
    return QueuedCall(number, str(number), Status.QUEUED, order, NOW, NOW, NOW)


MAIN, DESK = ("main", "reception"), ("desk", "reception")


def test_the_first_ones_in_the_order_of_their_turn() -> None:
    due = [entry(number) for number in range(AT_ONCE + 5)]
    assert next_batch(due, set(), set()) == due[:AT_ONCE]
    assert next_batch([], set(), set()) == []


def test_one_call_shows_whether_there_is_room_again() -> None:
    due = [entry(1), entry(2), entry(3, "desk"), entry(4, "desk")]
    assert next_batch(due, {MAIN}, set()) == [due[0]]
    assert next_batch(due[2:], {MAIN}, set()) == due[2:]
    assert next_batch(due, {MAIN}, {MAIN}) == due[2:]
    assert next_batch(due, set(), {MAIN, DESK}) == []
