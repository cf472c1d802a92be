"""Parts of a cluster that do not reach each other: nodes, and a real Valkey with a replica and three Sentinels."""

from collections.abc import Iterator

import pytest

from controller.cluster import membership
from tests.integration.test_cluster_faults import Node, joined, until
from tests.peers.network import Network
from tests.peers.valkey import OverNetwork

MOST = 9


@pytest.fixture(autouse=True)
def quick_beats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(membership, "BEAT_S", 0.1)


@pytest.fixture
def network() -> Iterator[Network]:
    with Network() as made:
        yield made


def held(servers: OverNetwork) -> int:
    return len(servers.hash("{test}:slots:total"))


async def test_a_primary_that_is_cut_off_is_replaced_and_what_lives_counts(network: Network) -> None:
    with OverNetwork(network) as servers:
        async with joined([Node(each, servers.url(each), known="abc") for each in "abc"]) as nodes:
            assert [await each.calls_begin(2) for each in nodes] == [2, 2, 2]
            network.cut("one")
            nodes[0].over("a-0")
            assert [await each.calls_begin(3, "away") for each in nodes] == [2, 1, 1], "its share each"
            await until(lambda: all(each.membership.up for each in nodes))
            assert servers.primary == "two"
            await until(lambda: held(servers) == 9)
            network.mend("one")
            for each in nodes:
                await each.frees_all()
            await until(lambda: held(servers) == 0)
            assert await nodes[1].calls_begin(20, "new") == MOST


async def test_a_node_that_is_cut_off_uses_its_share_and_the_others_go_on(network: Network) -> None:
    with OverNetwork(network) as servers:
        async with joined([Node(each, servers.url(each), known="abc") for each in "abc"]) as (first, second, third):
            assert await first.calls_begin(2) == 2
            network.cut("a")
            assert await first.calls_begin(3, "away") == 1, "its share"
            assert second.membership.up
            assert await second.calls_begin(9) == MOST - 2, "they do not know of its third call"
            network.mend("a")
            await until(lambda: first.membership.up)
            await until(lambda: held(servers) == MOST + 1)
            assert await third.calls_begin(1) == 0
            await second.frees_all()
            await until(lambda: held(servers) == 3)
