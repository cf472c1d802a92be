"""A Valkey that answers, and refuses until somebody mends it: the node says why and what to do, and does not flap."""

import asyncio
from collections.abc import Iterator, Mapping

import pytest

from controller.cluster import membership, refusal
from controller.cluster.membership import Membership
from controller.cluster.node import NodeId
from controller.cluster.port import Claim, NodeFacts, Report, SlotLimit
from controller.cluster.valkey import ValkeyBackend
from controller.config import cluster_url
from tests.peers.valkey import Server

NODE = NodeId("node1", 1)
CALL = Claim("a", (SlotLimit("calls"), SlotLimit("total", 1)))


class OneCall:
    """A `Member`."""

    def report(self) -> Report:
        return Report(NodeFacts(), "2026-11-30")

    def holdings(self) -> Mapping[str, tuple[str, ...]]:
        return {CALL.id: CALL.scopes}

    def elsewhere(self, day: str, amounts: Mapping[str, float]) -> None: ...


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as server:
        yield server


async def until(node: Membership, told: str | None) -> None:
    async with asyncio.timeout(10):
        while node.up or told not in (node.unusable or "") if told else not node.up or node.unusable:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


REFUSALS = [
    (("SET", "{test}:slots:total", "x"), ("FLUSHALL",), "WRONGTYPE", "delete all keys {test}:* there"),
    (("CONFIG", "SET", "maxmemory", "1"), ("CONFIG", "SET", "maxmemory", "0"), "maxmemory", "raise it"),
    (
        ("CONFIG", "SET", "min-replicas-to-write", "1"),
        ("CONFIG", "SET", "min-replicas-to-write", "0"),
        "NOREPLICAS",
        "`min-replicas-to-write`; start them",
    ),
    (("REPLICAOF", "127.0.0.1", "1"), ("REPLICAOF", "NO", "ONE"), "read only", "leads to a replica"),
    (
        ("ACL", "SETUSER", "default", "-zadd"),
        ("ACL", "SETUSER", "default", "+@all"),
        "permission",
        "rights ~{test}* +@all -@admin",
    ),
]


@pytest.mark.parametrize(("breaks", "mends", "reason", "action"), REFUSALS, ids=[each[2] for each in REFUSALS])
async def test_why_and_what_to_do_is_told_once_until_it_is_mended(
    server: Server,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    breaks: tuple[str, ...],
    mends: tuple[str, ...],
    reason: str,
    action: str,
) -> None:
    server.command("FLUSHALL")
    monkeypatch.setattr(membership, "BEAT_S", 0.02)
    monkeypatch.setattr(refusal, "WAITS_S", (0.2,))
    backend = ValkeyBackend(NODE, cluster_url.parse(server.url), "test")
    node = Membership(NODE, backend)
    assert server.command(*breaks) == "+OK"
    running = asyncio.create_task(node.run(OneCall()))
    try:
        await until(node, action)
        assert reason in str(node.unusable)
        assert await node.take(CALL) is None
        await asyncio.sleep(0.5)  # some 20 beats, and two tries
        assert server.command(*mends) == "+OK"
        await until(node, None)
    finally:
        running.cancel()
        await asyncio.wait([running])
        await node.close()
    lines = capsys.readouterr().out
    assert (lines.count("can't be used"), lines.count("is away")) == (1, 0), lines
    assert lines.count("answers again") <= 1, lines
