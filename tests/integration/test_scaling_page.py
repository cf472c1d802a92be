"""The settings of Valkey and Sentinel in docs/scaling.md, as a real server takes them."""

import re
from pathlib import Path

from controller.cluster.node import NodeId
from controller.cluster.port import NodeFacts, Report
from controller.cluster.valkey import ValkeyBackend
from controller.config import cluster_url
from tests.peers.valkey import Server

PAGE = (Path(__file__).parents[2] / "docs" / "scaling.md").read_text()
OWN = ("bind ", "port ")
"""What a server of the tests has of its own."""


def settings(file: str, **other: str) -> list[str]:
    """The lines of this file on the page, with other words for some."""
    [block] = re.findall(rf"```conf\n# {re.escape(file)}\n(.*?)```", PAGE, re.DOTALL)
    lines = [line for line in block.splitlines() if not line.startswith(OWN)]
    for old, new in other.items():
        lines = [line.replace(old, new) for line in lines]
    return lines


async def test_nodes_find_the_primary_with_the_passwords_of_the_page() -> None:
    with Server(*settings("valkey.conf")) as primary:
        there = {"10.0.0.21 6379 2": f"127.0.0.1 {primary.port} 1"}
        with Server(*settings("sentinel.conf", **there), sentinel=True) as sentinel:
            url = f"redis+sentinel://:CHANGE-ME@127.0.0.1:{sentinel.port}/voiceai?sentinel_password=CHANGE-ME"
            backend = ValkeyBackend(NodeId("a", 1), cluster_url.parse(url), "test")
            reply = await backend.beat(Report(NodeFacts(), "2026-11-30"))
            assert [each.node for each in reply.leases] == [NodeId("a", 1)]
            await backend.close()
