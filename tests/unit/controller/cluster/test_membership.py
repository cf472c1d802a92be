"""What a node remembers while the backend is away."""

from controller.cluster.membership import Membership
from controller.cluster.memory import MemoryBackend, Shared
from controller.cluster.node import NodeId
from controller.cluster.port import BackendError, Claim, SlotLimit


async def test_calls_that_end_while_it_is_away_leave_nothing_behind() -> None:
    node = NodeId("a", 1)
    membership = Membership(node, MemoryBackend(node, Shared(away=True)))
    membership._unreleased["before"] = ("total",)
    membership._lost(BackendError("it is away"))
    for number in range(100):
        assert await membership.take(Claim(f"call{number}", (SlotLimit("total", 1),))) is None
        membership.release(f"call{number}")
    assert (membership._unreleased, membership._unsent) == ({}, set())
