"""What each backend of the cluster does: the same tests for the one in memory and for a real Valkey."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager

import pytest

from controller.cluster import memory, valkey
from controller.cluster.memory import MemoryBackend, Shared
from controller.cluster.node import NodeId
from controller.cluster.port import (
    LEASE_S,
    Admitted,
    Backend,
    Claim,
    Holdings,
    NodeFacts,
    Outdated,
    RateLimit,
    Replaced,
    Report,
    Samples,
    SlotLimit,
)
from controller.cluster.valkey import ValkeyBackend
from controller.config import cluster_url
from tests.peers.valkey import Server

BERLIN, PARIS = NodeId("berlin", 1), NodeId("paris", 3)
FACTS = NodeFacts("http://10.0.0.1:8080", "1.2", "draining", 7, 100)
DAY = "2026-11-30"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as server:
        yield server


@pytest.fixture(params=["memory", "valkey"])
async def joined(request: pytest.FixtureRequest, server: Server) -> AsyncIterator["Nodes"]:
    async with nodes(server if request.param == "valkey" else None) as found:
        yield found


class Nodes:
    """`await nodes(BERLIN)`: the backend of a node whose lease is there."""

    def __init__(self, make: Callable[[NodeId], Backend], empty: Callable[[], object]) -> None:
        self._make, self.empty = make, empty
        self.made: list[Backend] = []

    async def __call__(self, node: NodeId) -> tuple[Backend, str]:
        backend = self._make(node)
        self.made.append(backend)
        reply = await backend.beat(Report(FACTS, DAY))
        await backend.assert_all(Holdings({}), reply.generation)
        return backend, reply.generation


@asynccontextmanager
async def nodes(server: Server | None) -> AsyncIterator[Nodes]:
    if server is None:
        shared = Shared()
        yield Nodes(lambda node: MemoryBackend(node, shared), shared.empty)
        return
    server.command("FLUSHALL")
    url = cluster_url.parse(server.url)
    found = Nodes(lambda node: ValkeyBackend(node, url, "test"), lambda: server.command("FLUSHALL"))
    try:
        yield found
    finally:
        for each in found.made:
            await each.close()


def claim(id_: str, most: int | None = None, *scopes: str, rate: RateLimit | None = None) -> Claim:
    slots = tuple(SlotLimit(each, most) for each in scopes or ("total",))
    return Claim(id_, slots, (rate,) if rate else ())


async def test_a_scope_has_as_many_as_it_may_and_no_more(joined: Nodes) -> None:
    (berlin, now), (paris, _) = await joined(BERLIN), await joined(PARIS)
    assert [await berlin.take(claim(each, 2), now) for each in "ab"] == [None, None]
    assert await paris.take(claim("c", 2), now) == SlotLimit("total", 2)
    await berlin.release({"a": (), "never": ()})
    await berlin.release({"a": ()})
    assert await paris.take(claim("c", 2), now) is None
    assert await berlin.take(claim("d", 2), now) == SlotLimit("total", 2)


async def test_to_take_again_takes_nothing_more(joined: Nodes) -> None:
    berlin, now = await joined(BERLIN)
    rate = RateLimit("total", 2, 60.0)
    for _ in range(3):
        assert await berlin.take(claim("a", 1, rate=rate), now) is None
    assert await berlin.take(claim("b", 5, rate=rate), now) is None
    assert await berlin.take(claim("c", 5, rate=rate), now) == rate


async def test_a_claim_that_is_refused_takes_nothing(joined: Nodes) -> None:
    """Whatever else of it had room, rates included."""
    berlin, now = await joined(BERLIN)
    assert await berlin.take(claim("a", 1, "trunk:main"), now) is None
    rate = RateLimit("trunk:main", 2, 60.0)
    both = Claim("b", (SlotLimit("total", 9), SlotLimit("trunk:main", 1)), (rate,))
    assert await berlin.take(both, now) == SlotLimit("trunk:main", 1)
    assert await berlin.owner("total", "b") is None
    assert await berlin.take(claim("c", 1, "total", rate=rate), now) is None
    assert await berlin.take(claim("d", None, "x", rate=rate), now) is None
    assert await berlin.take(claim("e", None, "x", rate=rate), now) == rate


async def test_more_scopes_may_be_taken_later_and_all_are_released(joined: Nodes) -> None:
    berlin, now = await joined(BERLIN)
    await berlin.hold(Holdings({"a": ("calls", "caller:x")}))
    assert await berlin.take(claim("a", 1, "calls", "trunk:main"), now) is None
    assert await berlin.take(claim("b", 1, "caller:x"), now) == SlotLimit("caller:x", 1)
    assert await berlin.owner("trunk:main", "a") == BERLIN
    await berlin.release({"a": ()})
    assert [await berlin.owner(each, "a") for each in ("calls", "caller:x", "trunk:main")] == [None] * 3


async def test_a_rate_counts_those_of_its_window(joined: Nodes) -> None:
    (berlin, now), (paris, _) = await joined(BERLIN), await joined(PARIS)
    rate = RateLimit("total", 2, 0.3)
    assert await berlin.take(claim("a", rate=rate), now) is None
    assert await paris.take(claim("b", rate=rate), now) is None
    assert await paris.take(claim("c", rate=rate), now) == rate
    await berlin.release({"a": ()})  # who has begun has begun
    assert await paris.take(claim("c", rate=rate), now) == rate
    async with asyncio.timeout(5):
        while await paris.take(claim("c", rate=rate), now) is not None:  # noqa: ASYNC110 - the server's clock
            await asyncio.sleep(0.02)


async def test_the_node_that_has_a_call_is_known(joined: Nodes) -> None:
    (berlin, now), (paris, _) = await joined(BERLIN), await joined(PARIS)
    await paris.take(claim("a", None, "calls"), now)
    assert await berlin.owner("calls", "a") == PARIS
    assert await berlin.owner("calls", "b") is None
    await berlin.release({"a": ()})  # of another node: nothing happens
    assert await berlin.owner("calls", "a") == PARIS


async def test_a_beat_tells_all_nodes_their_facts_and_leases(joined: Nodes) -> None:
    berlin, now = await joined(BERLIN)
    assert await berlin.take(claim("a"), now) is None
    paris, _ = await joined(PARIS)
    reply = await berlin.beat(Report(FACTS, DAY))
    assert (reply.asserted, reply.replaced, reply.held, reply.generation) == (True, False, 1, now)
    assert [(each.node, each.facts, each.asserted) for each in reply.leases] == [
        (BERLIN, FACTS, True),
        (PARIS, FACTS, True),
    ]
    assert all(LEASE_S - 5 < each.left_s <= LEASE_S for each in reply.leases)


async def test_a_beat_is_told_whether_samples_of_what_is_held_are_there(joined: Nodes) -> None:
    (berlin, now), (paris, _) = await joined(BERLIN), await joined(PARIS)
    assert await berlin.take(claim("a", 1, "total", rate=RateLimit("hour", 5, 3600.0)), now) is None
    for samples, complete in (
        (Samples(), True),
        (Samples((("total", "a"),), (("hour", "a"),)), True),
        (Samples((("total", "a"), ("total", "b"))), False),
        (Samples((("trunk:main", "a"),)), False),
        (Samples((("total", "a"),), (("minute", "a"),)), False),
    ):
        for each in (berlin, paris):
            assert (await each.beat(Report(FACTS, DAY, {"dollars": 1.0}, samples))).complete is complete


async def test_what_is_freed_is_free_though_the_backend_has_lost_whose_it_was(joined: Nodes) -> None:
    berlin, now = await joined(BERLIN)
    await berlin.take(claim("a", 1, "total", "trunk:main"), now)
    await berlin.release({"a": ("total", "trunk:main", "agent:x")})
    assert (await berlin.beat(Report(FACTS, DAY, {}, Samples((("total", "a"),))))).complete is False


async def test_amounts_are_each_nodes_own_and_absolute(joined: Nodes) -> None:
    (berlin, _), (paris, _) = await joined(BERLIN), await joined(PARIS)
    for amount in (1.5, 2.25, 2.25):
        await berlin.beat(Report(FACTS, DAY, {"dollars": amount, "seconds": 60.0}))
    reply = await paris.beat(Report(FACTS, DAY, {"dollars": 0.1}))
    assert reply.amounts == {"dollars": {"berlin": 2.25, "paris": 0.1}}
    assert (await paris.beat(Report(FACTS, "2026-12-01", {"dollars": 0.0}))).amounts == {"dollars": {"paris": 0.0}}


async def test_a_backend_that_was_emptied_is_filled_again_by_the_nodes(joined: Nodes) -> None:
    berlin, before = await joined(BERLIN)
    assert await berlin.take(claim("a", 1), before) is None
    joined.empty()
    with pytest.raises(Outdated):
        await berlin.take(claim("b", 1), before)
    reply = await berlin.beat(Report(FACTS, DAY))
    assert reply.generation != before
    assert (reply.asserted, reply.held) == (False, 0)
    with pytest.raises(Outdated):
        await berlin.assert_all(Holdings({"a": ("total",)}), before)
    rates = (Admitted("hour", "a", 10.0, 3600.0), Admitted("hour", "old", 3599.9, 3600.0))
    await berlin.assert_all(Holdings({"a": ("total",)}, rates), reply.generation)
    assert await berlin.take(claim("b", 1), reply.generation) == SlotLimit("total", 1)
    rate = RateLimit("hour", 2, 3600.0)
    await asyncio.sleep(0.15)  # the old one is over
    assert await berlin.take(claim("c", None, "x", rate=rate), reply.generation) is None
    assert await berlin.take(claim("d", None, "x", rate=rate), reply.generation) == rate
    assert (await berlin.beat(Report(FACTS, DAY))).asserted


async def test_what_is_asserted_is_all_that_is_held(joined: Nodes) -> None:
    berlin, now = await joined(BERLIN)
    for each in "abc":
        await berlin.take(claim(each), now)
    await berlin.assert_all(Holdings({"b": ("total", "trunk:main"), "z": ("total",)}), now)
    assert [await berlin.owner("total", each) for each in "abcz"] == [None, BERLIN, None, BERLIN]
    assert (await berlin.beat(Report(FACTS, DAY))).held == 2


async def test_the_next_start_of_a_node_takes_over_and_the_earlier_one_can_do_nothing(joined: Nodes) -> None:
    (earlier, now), (paris, _) = await joined(BERLIN), await joined(PARIS)
    for each in "ab":
        await earlier.take(claim(each), now)
    await paris.take(claim("p"), now)
    later, _ = await joined(NodeId("berlin", 2))
    assert (await earlier.beat(Report(FACTS, DAY))).replaced
    with pytest.raises(Replaced):
        await earlier.assert_all(Holdings({"a": ("total",)}), now)
    assert [await later.owner("total", each) for each in "abp"] == [None, None, PARIS]
    reply = await later.beat(Report(FACTS, DAY))
    assert [each.node for each in reply.leases] == [NodeId("berlin", 2), PARIS]


async def test_an_expired_lease_of_a_later_start_replaces_nobody(
    joined: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after the store was restored: its starts are counted from less again."""
    with monkeypatch.context() as patch:
        for module in (memory, valkey):
            patch.setattr(module, "LEASE_S", 0.05)
        stale, now = await joined(NodeId("berlin", 9))
    await stale.take(claim("a"), now)
    paris, _ = await joined(PARIS)

    async def expired() -> bool:
        leases = (await paris.beat(Report(FACTS, DAY))).leases
        return any(each.node.epoch == 9 and each.left_s < 0 for each in leases)

    async with asyncio.timeout(5):
        while not await expired():  # noqa: ASYNC110 - what it waits for is no event
            await asyncio.sleep(0.02)
    restored, _ = await joined(BERLIN)
    reply = await restored.beat(Report(FACTS, DAY))
    assert (reply.asserted, reply.replaced) == (True, False)
    assert [each.node for each in reply.leases] == [BERLIN, PARIS]
    assert await paris.owner("total", "a") is None


async def test_a_call_that_another_start_has_by_now_is_not_freed_with_the_earlier_one(joined: Nodes) -> None:
    (berlin, now), (paris, _) = await joined(BERLIN), await joined(PARIS)
    await berlin.take(claim("a"), now)
    await paris.hold(Holdings({"a": ("total",)}))
    await berlin.release({"a": ()})
    assert await paris.owner("total", "a") == PARIS
    assert await berlin.free(BERLIN, lapsed=False)
    assert await paris.owner("total", "a") == PARIS


async def test_only_a_node_whose_lease_has_expired_is_freed(joined: Nodes) -> None:
    (berlin, now), (paris, _) = await joined(BERLIN), await joined(PARIS)
    await berlin.take(claim("a"), now)
    assert not await paris.free(BERLIN)
    assert await paris.owner("total", "a") == BERLIN
    assert await berlin.free(BERLIN, lapsed=False)
    assert await paris.owner("total", "a") is None
    reply = await paris.beat(Report(FACTS, DAY))
    assert [each.node for each in reply.leases] == [PARIS]
    assert not (await berlin.beat(Report(FACTS, DAY))).asserted  # it comes back, and has to say what it holds
    assert await paris.free(NodeId("nobody", 1))


async def test_many_at_once_never_pass_a_limit(joined: Nodes) -> None:
    both: list[tuple[Backend, str]] = [await joined(BERLIN), await joined(PARIS)]

    def asked(number: int) -> Awaitable[object]:
        backend, now = both[number % 2]
        return backend.take(claim(f"call{number}", 7, "total", "trunk:main"), now)

    answers = await asyncio.gather(*map(asked, range(40)))
    assert answers.count(None) == 7


async def test_who_gives_up_asking_gets_no_answer_of_another(server: Server) -> None:
    """A connection on which an answer is still to come is not used for the next question."""
    async with nodes(server) as joined:
        berlin, now = await joined(BERLIN)
        for number in range(20):
            asking = asyncio.ensure_future(berlin.take(claim(f"full{number}", 0), now))
            for _ in range(number % 5):
                await asyncio.sleep(0)
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            assert await berlin.take(claim(f"free{number}"), now) is None
        reply = await berlin.beat(Report(FACTS, DAY))
        assert reply.held == 20


async def test_a_lease_by_the_clock_of_another_server_expires_like_others(server: Server) -> None:
    """The clock of the primary before was ahead, and the node died with it."""
    async with nodes(server) as joined:
        berlin, _ = await joined(BERLIN)
        server.command("ZADD", "{test}:lease", str(2**42), str(PARIS))
        leases = {each.node: each.left_s for each in (await berlin.beat(Report(FACTS, DAY))).leases}
        assert 0 < leases[PARIS] <= LEASE_S
