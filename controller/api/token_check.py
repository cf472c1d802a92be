"""Whether the other nodes take this one's `cluster.token`, asked before somebody needs it.

Each node is asked once after it has come, and again for as long as it has not answered or refuses the token. What it
says is remembered by `Peers`, and shown in `/readyz` and `GET /v1/nodes`.
"""

import asyncio
from time import monotonic

import structlog

from controller.api.carrying import READ_S, question
from controller.cluster import leases
from controller.cluster.membership import Membership
from controller.cluster.node import NodeId
from controller.cluster.peer import PeerError, PeerNode, Peers, TokenRefused

log = structlog.get_logger()

LOOK_S, AGAIN_S = 5.0, 30.0
"""Seconds between two looks for nodes that have come, and until one is asked again that has refused."""

Known = tuple[NodeId, str]
"""A start of a node, and its URL."""


class TokenCheck:
    def __init__(self, membership: Membership, peers: Peers) -> None:
        self._membership, self._peers = membership, peers
        self._due: dict[Known, float] = {}
        """When a node is asked again (monotonic); infinity: it takes the token."""

    async def run(self) -> None:
        """Until cancelled; it returns at once where there are no other nodes."""
        while self._membership.shared:
            await asyncio.sleep(LOOK_S)
            await self.look()

    async def look(self) -> None:
        own, now = self._membership.node.name, monotonic()
        there = {
            (each.node, each.facts.url)
            for each in leases.alive(self._membership.leases)
            if each.facts.url and each.node.name != own
        }
        self._due = {known: self._due.get(known, 0.0) for known in there}
        await asyncio.gather(*(self._ask(known) for known, due in self._due.items() if due <= now))

    async def _ask(self, known: Known) -> None:
        node, url = known
        try:
            await self._peers.carry(PeerNode(node.name, url), question(), timeout_s=READ_S)
        except TokenRefused as refusal:
            if not self._due[known]:
                log.error("another node refuses this one", node=node.name, reason=str(refusal))
            self._due[known] = monotonic() + AGAIN_S
        except PeerError:  # it is away, or ends: whoever needs it is told
            pass
        else:
            self._due[known] = float("inf")
