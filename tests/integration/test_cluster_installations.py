"""Two installations with one `cluster.prefix` on one Valkey, and a server that is too old: nothing is mixed, and the
node says what to do."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import pytest

from controller.cluster import membership
from controller.cluster.event_log import Offset
from controller.cluster.membership import Membership
from controller.cluster.node import NodeId
from controller.cluster.port import Claim, Holdings, NodeFacts, Report, SlotLimit, Unusable
from controller.cluster.valkey import ValkeyBackend
from controller.cluster.valkey_event_log import ValkeyEventLog
from controller.config import cluster_url
from tests.peers.valkey import Server

NODE = NodeId("node1", 1)
"""Both installations have one of this name: that is the default."""
REPORT = Report(NodeFacts("http://10.0.0.1:8080"), "2026-11-30")
EVENT = {"data": b"+49301234"}


@pytest.fixture(scope="module")
def module_server() -> Iterator[Server]:
    with Server("enable-debug-command yes") as server:
        yield server


@pytest.fixture
def server(module_server: Server) -> Server:
    module_server.command("FLUSHALL")
    return module_server


@asynccontextmanager
async def joined(port: int, installation: str) -> AsyncIterator[tuple[ValkeyBackend, ValkeyEventLog]]:
    how = cluster_url.parse(f"redis://127.0.0.1:{port}"), "shop", None, installation
    backend, events = ValkeyBackend(NODE, *how), ValkeyEventLog(*how)
    try:
        yield backend, events
    finally:
        await backend.close()
        await events.close()


async def test_the_second_installation_neither_reads_nor_writes(server: Server) -> None:
    async with joined(server.port, "first") as (ours, told), joined(server.port, "second") as (theirs, read):
        generation = (await ours.beat(REPORT)).generation
        await ours.hold(Holdings({"a": ("total",)}))
        await told.append("x", [(1, EVENT)], dropped=False)
        before = server.command("DEBUG", "DIGEST")
        for asked in (
            *(theirs.beat(REPORT), theirs.take(Claim("b", (SlotLimit("total"),)), generation)),
            *(theirs.hold(Holdings({"b": ("total",)})), theirs.release({"a": ()}), theirs.free(NODE, lapsed=False)),
            *(theirs.assert_all(Holdings({}), generation), read.append("y", [(1, EVENT)], dropped=False)),
            *(read.open(), read.read(Offset(0, 0), 0.01, 10), read.range(Offset(0, 0), None, 10)),
            read.erase("data", ["+49301234"]),
        ):
            with pytest.raises(Unusable, match=r"`cluster\.prefix` shop.*delete all keys \{shop\}:\*"):
                await asked
        assert server.command("DEBUG", "DIGEST") == before
        assert [each.fields for each in await told.range(Offset(0, 0), None, 10) if each.fields] == [EVENT]


async def test_a_node_of_the_release_before_is_no_other_installation(server: Server) -> None:
    """Its scripts do not look, and leave the key alone."""
    async with joined(server.port, "") as (before, _), joined(server.port, "first") as (ours, _events):
        await before.beat(REPORT)
        assert (await ours.beat(REPORT)).generation == (await before.beat(REPORT)).generation


class Alone:
    """A `Member` without calls."""

    def report(self) -> Report:
        return REPORT

    def holdings(self) -> Mapping[str, tuple[str, ...]]:
        return {}

    def elsewhere(self, day: str, amounts: Mapping[str, float]) -> None: ...


async def until(node: Membership, usable: bool) -> None:
    async with asyncio.timeout(10):
        while (node.unusable is None, node.up) != (usable, usable):  # noqa: ASYNC110 - it beats by itself
            await asyncio.sleep(0.02)


async def test_it_works_by_shares_and_comes_by_itself_once_that_is_mended(
    server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(membership, "BEAT_S", 0.05)
    async with joined(server.port, "first") as (ours, _), joined(server.port, "second") as (theirs, _events):
        await ours.beat(REPORT)
        node = Membership(NODE, theirs)
        running = asyncio.create_task(node.run(Alone()))
        try:
            await until(node, usable=False)
            assert [await node.take(Claim(each, (SlotLimit("total", 1),))) for each in "ab"] == [
                None,
                SlotLimit("total", 1),
            ]
            node.release("a")
            server.command("FLUSHALL")
            await until(node, usable=True)
            with pytest.raises(Unusable):
                await ours.beat(REPORT)
        finally:
            running.cancel()
            await asyncio.wait([running])
    assert capsys.readouterr().out.count("the cluster's backend can't be used") == 1


@asynccontextmanager
async def redis(version: str) -> AsyncIterator[int]:
    """A server that says this of itself, and OK to all else."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while line := await reader.readline():
                words = [await _word(reader) for _ in range(int(line[1:]))]
                info = f"# Server\r\nredis_version:{version}\r\n".encode()
                writer.write(b"$%d\r\n%s\r\n" % (len(info), info) if words[0] == b"INFO" else b"+OK\r\n")
                await writer.drain()
        finally:
            writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listening:
        yield listening.sockets[0].getsockname()[1]


async def _word(reader: asyncio.StreamReader) -> Any:
    size = int((await reader.readline())[1:])
    return (await reader.readexactly(size + 2))[:-2]


@pytest.mark.parametrize("version", ["6.2.14", "5.0"])
async def test_a_server_that_is_too_old_is_named(version: str) -> None:
    async with redis(version) as port, joined(port, "first") as (ours, _):
        with pytest.raises(Unusable, match=rf"Redis {version}: Redis 7\.0 or newer, or Valkey, is needed"):
            await ours.beat(REPORT)
