"""A real Valkey loses one key (deleted, evicted): each kind in turn, while calls come and go.

Afterwards what it has is exactly what the nodes hold, and everybody knows everybody.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from functools import partial
from typing import Any

import pytest
from redis import Redis

from controller.cluster import membership, valkey
from controller.cluster.node import NodeId
from controller.cluster.port import Holdings, RateLimit, Reply, Report
from controller.cluster.valkey import ValkeyBackend
from controller.cluster.valkey_connection import ValkeyConnection
from controller.config import cluster_url
from tests.integration.test_cluster_faults import Node, joined, until
from tests.peers.valkey import Server

HOUR = RateLimit("trunk:main/hour", 1000, 3600.0)
SLOTS = ("slots:calls", "slots:total")
KEYS = (*SLOTS, "rate:trunk:main/hour", "held:a:1", "generation", "installation", "lease", "node", "asserted")
BEATS = 2
"""At most as many begin until a node says again what it holds."""


class Counted(ValkeyBackend):
    """Counts beats since the latest time that everything was said."""

    beats = 0
    most = 0

    async def beat(self, report: Report) -> Reply:
        self.beats += 1
        return await super().beat(report)

    async def assert_all(self, holdings: Holdings, generation: str) -> None:
        self.most = max(self.most, self.beats)
        await super().assert_all(holdings, generation)


@pytest.fixture(autouse=True)
def quick_beats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(membership, "BEAT_S", 0.1)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


@pytest.fixture
def keys(server: Server) -> Iterator[Any]:
    with Redis(port=server.port, decode_responses=True) as found:
        found.flushall()
        yield found


@pytest.fixture
async def nodes(server: Server, keys: Any, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[list[Node]]:
    """Three, with three calls each."""
    monkeypatch.setattr("tests.integration.test_cluster_faults.ValkeyBackend", counted)
    async with joined([Node(each, server.url, known="abc") for each in "abc"]) as found:
        for each in found:
            each.spent = 1.0
            for number in range(3):
                await each.call(f"{each.membership.node.name}-{number}", HOUR)
        await until(lambda: exact(keys, found))
        yield found


def counted(node: NodeId, url: object, prefix: str) -> ValkeyBackend:
    return Counted(node, url, prefix, installation="ours")  # type: ignore[arg-type]


Slots = dict[str, dict[str, frozenset[str]]]
"""By key and id: the owner, or the scopes of it."""


def exact(keys: Any, nodes: list[Node]) -> bool:
    """Slots and their owners, and what each node is known to hold."""
    wanted: Slots = {}
    for node in nodes:
        owner = str(node.membership.node)
        for id_, scopes in node.calls.items():
            wanted.setdefault(f"held:{owner}", {})[id_] = frozenset(scopes)
            for scope in scopes:
                wanted.setdefault(f"slots:{scope}", {})[id_] = frozenset({owner})
    found: Slots = {}
    for name in (*keys.keys("{test}:slots:*"), *keys.keys("{test}:held:*")):
        there = {id_: frozenset(text.split("\n")) for id_, text in keys.hgetall(name).items()}
        found[name.removeprefix("{test}:")] = there
    return found == wanted


def whole(keys: Any, nodes: list[Node], begun: set[str]) -> bool:
    owners = {str(each.membership.node) for each in nodes}
    return (
        exact(keys, nodes)
        and all(each.membership.up and each.others == 2.0 for each in nodes)
        and set(keys.zrange("{test}:rate:trunk:main/hour", 0, -1)) == begun
        and set(keys.zrange("{test}:lease", 0, -1)) == set(keys.hkeys("{test}:node")) == owners
        and set(keys.hkeys("{test}:asserted")) == owners
        and keys.get("{test}:installation") == "ours"
    )


async def test_each_key_that_is_lost_is_there_again_and_exact(keys: Any, nodes: list[Node]) -> None:
    first, second, third = nodes
    begun = {id_ for each in nodes for id_ in each.calls}
    (spend,) = keys.keys("{test}:spend:*")
    for number, key in enumerate([*KEYS, spend.removeprefix("{test}:")]):
        for each in nodes:
            assert isinstance(each.backend, Counted)
            each.backend.beats = each.backend.most = 0
        assert keys.delete("{test}:" + key) == 1, key
        first.over(next(iter(first.calls)))
        second.over(next(iter(second.calls)))
        for each in (first, third):
            if await each.call(f"{each.membership.node.name}-new{number}", HOUR) is None:
                begun.add(f"{each.membership.node.name}-new{number}")
        third.over(next(iter(third.calls)))
        await second.call(id_ := f"b-new{number}", HOUR)
        begun.update({id_} & second.calls.keys())
        await until(partial(whole, keys, nodes, begun))
        most = max(each.backend.most for each in nodes if isinstance(each.backend, Counted))
        assert most <= BEATS, f"{key}: said again after {most} beats"


async def silent(_: Report) -> None:
    await asyncio.Event().wait()


async def test_a_dead_node_is_known_though_the_leases_are_lost(
    keys: Any, nodes: list[Node], monkeypatch: pytest.MonkeyPatch
) -> None:
    dead, *living = nodes
    monkeypatch.setattr(valkey, "LEASE_S", 0.5)
    monkeypatch.setattr(dead.backend, "beat", silent)
    keys.delete("{test}:lease", "{test}:held:a:1")
    node = dead.membership.node

    def lapsed() -> bool:
        return any(each.node == node and each.left_s <= 0 for each in living[0].membership.leases)

    await until(lapsed)
    assert keys.hlen("{test}:slots:total") == 9
    assert await living[0].membership.free(node)
    assert exact(keys, living), "though the key is lost that says what it held"


async def test_the_next_start_frees_what_the_earlier_one_held_though_that_key_is_lost(
    keys: Any, nodes: list[Node], server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    earlier, *others = nodes
    monkeypatch.setattr(earlier.backend, "beat", silent)
    keys.delete("{test}:held:a:1")
    later = Node("a", server.url, epoch=2, known="abc")
    async with joined([later]):
        await until(lambda: exact(keys, [later, *others]))


async def test_readers_of_events_get_a_gap_if_their_stream_is_lost(keys: Any, server: Server) -> None:
    """It has another name then."""
    connection = ValkeyConnection(cluster_url.parse(server.url), "test")
    names = [(await connection.run("events_open"))[0]]
    for key in ("events", "event_stream"):
        assert keys.delete("{test}:" + key) == 1
        names.append((await connection.run("events_open"))[0])
    assert len(set(names)) == 3
    await connection.close()
