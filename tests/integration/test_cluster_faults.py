"""What nodes do while a real Valkey is away, frozen, emptied or replaced: no limit is passed by more than is said."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from time import monotonic

import pytest
from structlog.testing import capture_logs

from controller.cluster import membership
from controller.cluster.membership import Membership
from controller.cluster.node import NodeId
from controller.cluster.port import Claim, Lease, Limit, NodeFacts, RateLimit, Report, SlotLimit
from controller.cluster.valkey import ValkeyBackend
from controller.config import cluster_url
from tests.peers.valkey import Server, WithSentinel

MOST = 9
QUICK_S = 0.4


class Node:
    """A controller, as far as the cluster sees one. `calls`: the scopes of each that lives."""

    def __init__(self, name: str, url: str, epoch: int = 1, known: Iterable[str] = ()) -> None:
        self.calls: dict[str, tuple[str, ...]] = {}
        self.spent, self.others = 0.0, 0.0
        node = NodeId(name, epoch)
        self.backend = ValkeyBackend(node, cluster_url.parse(url), "test")
        self.membership = Membership(node, self.backend, take_s=QUICK_S)
        self.membership.expect(known)

    def report(self) -> Report:
        return Report(NodeFacts(calls=len(self.calls)), "2026-11-30", {"dollars": self.spent})

    def holdings(self) -> Mapping[str, tuple[str, ...]]:
        return self.calls

    def elsewhere(self, day: str, amounts: Mapping[str, float]) -> None:
        self.others = amounts.get("dollars", 0.0)

    async def call(self, id_: str, *rates: RateLimit) -> Limit | None:
        """Within the time that a caller may wait."""
        claim = Claim(id_, (SlotLimit("calls"), SlotLimit("total", MOST)), rates)
        began = monotonic()
        full = await self.membership.take(claim)
        assert monotonic() - began < QUICK_S + 0.5
        if full is None:
            self.calls[id_] = claim.scopes
        return full

    async def calls_begin(self, count: int, prefix: str = "") -> int:
        """How many of these had room."""
        name = f"{self.membership.node.name}-{prefix}"
        return [await self.call(f"{name}{number}") for number in range(count)].count(None)

    def over(self, id_: str) -> None:
        del self.calls[id_]
        self.membership.release(id_)

    async def frees_all(self) -> None:
        for each in list(self.calls):
            self.over(each)


@asynccontextmanager
async def cluster(url: str, names: str = "abc") -> AsyncIterator[list[Node]]:
    async with joined([Node(each, url, known=names) for each in names]) as nodes:
        yield nodes


@asynccontextmanager
async def joined(nodes: list[Node]) -> AsyncIterator[list[Node]]:
    running = [asyncio.create_task(each.membership.run(each)) for each in nodes]
    try:
        await until(lambda: all(each.membership.up for each in nodes))
        yield nodes
    finally:
        for task in running:
            task.cancel()
        for task in running:
            with suppress(asyncio.CancelledError):
                await task
        for each in nodes:
            await each.membership.close()


async def until(true: Callable[[], bool], seconds: float = 15.0) -> float:
    """Returns how long it took."""
    began = monotonic()
    async with asyncio.timeout(seconds):
        while not true():  # noqa: ASYNC110 - a server is asked
            await asyncio.sleep(0.02)
    return monotonic() - began


def slots(server: Server) -> int:
    return int(server.command("HLEN", "{test}:slots:total").removeprefix(":") or -1)


@pytest.fixture(autouse=True)
def quick_beats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(membership, "BEAT_S", 0.1)


@pytest.mark.parametrize("fault", ["killed", "frozen"])
async def test_while_it_is_away_each_node_uses_its_share_and_afterwards_the_slots_are_exact(fault: str) -> None:
    with Server() as server:
        async with cluster(server.url) as nodes:
            first, second, third = nodes
            assert await first.calls_begin(4) == 4
            assert await second.calls_begin(1) == 1
            with capture_logs() as lines:
                (server.kill if fault == "killed" else server.freeze)()
                second.over("b-0")
                assert [await each.calls_begin(6, "away") for each in nodes] == [0, 3, 3], "4 of 3, then 3 each"
                await until(lambda: not any(each.membership.up for each in nodes))
                third.over("c-away0")
                assert not any(each.membership.up for each in nodes)
                (server.start if fault == "killed" else server.thaw)()
                await until(lambda: all(each.membership.up for each in nodes))
                await until(lambda: slots(server) == 4 + 3 + 2)
            told = [each["event"] for each in lines if each["log_level"] in ("warning", "info")]
            assert sum("is away" in each for each in told) == sum("answers again" in each for each in told) == 3
            assert await third.call("last") == SlotLimit("total", MOST)
            first.over("a-0")
            await until(lambda: slots(server) == 8)
            assert await third.call("last") is None
            for each in nodes:
                await each.frees_all()
            await until(lambda: slots(server) == 0)


async def test_one_that_was_emptied_is_filled_again_and_limits_hold_meanwhile() -> None:
    with Server() as server:
        async with cluster(server.url) as nodes:
            assert [await each.calls_begin(3) for each in nodes] == [3, 3, 3]
            for again in range(5):
                server.command("FLUSHALL")
                assert [await each.calls_begin(1, f"more{again}") for each in nodes] == [0, 0, 0]
                await until(lambda: all(each.membership.up for each in nodes) and slots(server) == 9)


async def test_one_that_is_slow_is_not_waited_for_and_not_asked_until_it_is_quick(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Server() as server:
        async with cluster(server.url, "ab") as (first, second):
            quick, slow = first.backend._run, 2 * QUICK_S

            async def slowly(*arguments: str) -> object:
                await asyncio.sleep(slow)
                return await quick(*arguments)

            monkeypatch.setattr(first.backend, "_run", slowly)
            assert await first.calls_begin(6) == 5, "its share"
            began = monotonic()
            assert await first.call("more") is not None
            assert monotonic() - began < QUICK_S
            await until(lambda: first.membership.leases != ())
            assert not first.membership.up
            alive: tuple[Lease, ...] = second.membership.leases
            assert all(each.left_s > 0 for each in alive), "its lease is renewed all the same"
            monkeypatch.setattr(first.backend, "_run", quick)
            await until(lambda: first.membership.up and slots(server) == 5)


async def test_after_a_failover_all_nodes_ask_the_new_primary() -> None:
    with WithSentinel() as servers:
        async with cluster(servers.url) as nodes:
            assert [await each.calls_begin(2) for each in nodes] == [2, 2, 2]
            servers.primary.freeze()
            assert [await each.calls_begin(3, "away") for each in nodes] == [1, 1, 1], "its share each"
            seconds = await until(lambda: all(each.membership.up for each in nodes))
            assert slots(servers.replica) == 9
            assert seconds < 10
            servers.primary.thaw()
            for each in nodes:
                await each.frees_all()
            await until(lambda: slots(servers.replica) == 0)
            assert await nodes[0].calls_begin(20, "new") == MOST


async def test_a_server_that_is_a_replica_by_now_is_not_asked_again() -> None:
    """With an address that moves and no Sentinel."""
    with Server() as old, Server() as new:
        async with cluster(old.url, "ab") as (first, second):
            assert await first.calls_begin(2) == 2
            old.command("REPLICAOF", "127.0.0.1", str(new.port))
            await until(lambda: not first.membership.up and not second.membership.up)
            assert await first.calls_begin(9, "away") == 3, "5 of 9, of which it has 2"
            old.command("REPLICAOF", "NO", "ONE")
            await until(lambda: first.membership.up and slots(old) == 5)


async def test_a_node_that_was_freed_while_it_stood_still_says_again_what_it_holds() -> None:
    with Server() as server:
        async with cluster(server.url, "ab") as (first, second):
            assert await first.calls_begin(3) == 3
            await second.backend.free(first.membership.node, lapsed=False)
            assert slots(server) == 0
            await until(lambda: slots(server) == 3)


async def test_the_next_start_goes_on_with_what_it_found_and_the_rest_is_free() -> None:
    with Server() as server:
        async with cluster(server.url, "ab") as (first, second):
            assert await first.calls_begin(4) == 4
            later = Node("a", server.url, epoch=2, known="ab")
            later.calls = {each: first.calls[each] for each in ("a-1", "a-2")}
            for id_, scopes in later.calls.items():
                later.membership.hold(id_, scopes)
            running = asyncio.create_task(later.membership.run(later))
            await until(lambda: later.membership.up)
            assert slots(server) == 2
            assert await second.membership.owner("a-1") == NodeId("a", 2)
            with capture_logs() as lines:
                await until(lambda: not first.membership.up)
            assert [each["reason"] for each in lines] == ["a later start of this node is there"]
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)
            await later.membership.leave()
            assert slots(server) == 0


async def test_slots_that_nobody_has_released_are_freed_and_what_lives_has_them() -> None:
    with Server() as server:
        async with cluster(server.url, "ab") as (first, _):
            assert await first.calls_begin(2) == 2
            del first.calls["a-0"]  # it is over, and nobody said so
            first.calls["found"] = ("calls", "total")  # one that lives, and was never admitted
            first.calls["asked"] = ()
            await until(lambda: "a-0" not in server.command("HKEYS", "{test}:slots:total"))
            await until(lambda: "found" in server.command("HKEYS", "{test}:slots:calls"))
            assert slots(server) == 2


async def test_a_backend_that_holds_something_else_is_corrected() -> None:
    with Server() as server:
        async with cluster(server.url, "ab") as (first, _):
            assert await first.calls_begin(3) == 3
            server.command("HDEL", "{test}:slots:total", "a-0")
            server.command("HDEL", "{test}:held:a:1", "a-0")
            await until(lambda: slots(server) == 3)


async def test_spend_is_the_sum_of_all_and_survives_that_the_backend_forgets() -> None:
    with Server() as server:
        async with cluster(server.url) as nodes:
            for number, each in enumerate(nodes, 1):
                each.spent = float(number)
            await until(lambda: [each.others for each in nodes] == [5.0, 4.0, 3.0])
            server.command("FLUSHALL")
            nodes[0].spent = 1.5
            await until(lambda: nodes[1].others == 4.5)
            assert nodes[0].others == 5.0


async def test_a_rate_is_the_clusters_and_outlives_a_backend_that_forgets() -> None:
    rate = RateLimit("trunk:main/hour", 6, 3600.0)
    with Server() as server:
        async with cluster(server.url, "ab") as (first, second):
            for number in range(3):
                assert await first.call(f"a{number}", rate) is None
                assert await second.call(f"b{number}", rate) is None
            assert await first.call("more", rate) == rate
            server.command("FLUSHALL")
            await until(lambda: first.membership.up and slots(server) == 6)
            await until(lambda: second.membership.up)
            assert await first.call("more", rate) == rate


async def test_who_has_never_heard_of_it_counts_the_nodes_that_the_store_knows() -> None:
    with Server() as gone:
        url = gone.url
    node = Node("b", url, known=["a", "c"])
    assert await node.calls_begin(9) == 3
    await node.membership.close()
