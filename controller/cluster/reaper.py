"""The reaper: ends the calls of a node that is dead, and frees what it held.

Each node has one. Who is dead is decided in `leases` and `reaping`; the store is asked once more in the transaction
that ends the calls (`departures`), which locks the dead node's row: of several nodes that see the same, one does it.
"""

import asyncio
from collections.abc import Awaitable, Callable
from time import monotonic

import structlog

from controller.cluster import leases, peer, reaping
from controller.cluster.departures import Departures, Ended
from controller.cluster.membership import Membership
from controller.cluster.metrics import ReaperMetrics
from controller.cluster.node import LostCall, Node, NodeId
from controller.cluster.nodes import NodeRegistry
from controller.cluster.port import BackendError, Lease
from controller.store.database import StoreError

log = structlog.get_logger()

LOOK_S = 1.0
STEP_S = 20.0
"""Seconds that one step in the store may take."""


class Reaper:
    """`run()` until cancelled; it returns at once where there is no `cluster.url`, since then nobody has a lease.
    `tell_lost`: a call has ended with its node; False: of this one nobody can be told. It may raise StoreError, and is
    told again then. `tell_queued`: the queue has changed, and who had to tell of it is gone. `ca_file`: PEM, of whom to
    trust where a node's API is asked by https; None: the system's authorities."""

    def __init__(
        self,
        cluster: Membership,
        nodes: NodeRegistry,
        departures: Departures,
        tell_lost: Callable[[LostCall], Awaitable[bool]],
        tell_queued: Callable[[tuple[str, ...]], None],
        metrics: ReaperMetrics,
        *,
        ca_file: str | None = None,
    ) -> None:
        self._cluster, self._nodes, self._departures = cluster, nodes, departures
        self._tell_lost, self._tell_queued, self._metrics = tell_lost, tell_queued, metrics
        self._ca_file = ca_file
        self._untold = True
        """The store may have calls of which this node has to tell."""
        self._told: set[str] = set()
        """Calls of which it was told; they are in the store until that is written."""
        self._spared: set[NodeId] = set()
        """Nodes without a lease that live: the log has a line of each."""
        self._heard: dict[NodeId, tuple[Lease, float]] = {}
        """The latest lease of each node, and when it was heard (monotonic), until the node is over in the store."""

    async def run(self) -> None:
        away = False
        while self._cluster.shared:
            try:
                await self.look()
                away = False
            except (StoreError, BackendError, TimeoutError) as error:
                if not away:
                    log.warning("dead nodes can't be cared for at the moment", reason=str(error) or "no answer in time")
                away = True
            await asyncio.sleep(LOOK_S)

    async def look(self) -> None:
        """Once. Raises StoreError, BackendError and TimeoutError: what is left is done the next time."""
        if self._untold:
            await self._tell()
        now = monotonic()
        self._heard |= {each.node: (each, now) for each in self._cluster.leases}
        lapsed = leases.lapsed(self._cluster.leases, self._cluster.present_s)
        forgotten = leases.forgotten(self._heard, now)
        self._spared &= {each.node for each in (*lapsed, *forgotten)}
        if not lapsed and not forgotten:
            return
        async with asyncio.timeout(STEP_S):
            known = {each.id.name: each for each in await self._nodes.all()}
        for each in forgotten:
            if reaping.is_over(each.node, known.get(each.node.name)):
                del self._heard[each.node]
        for each in (*lapsed, *(each for each in forgotten if each.node in self._heard)):
            await self._care_for(each, known)

    async def _care_for(self, expired: Lease, known: dict[str, Node]) -> None:
        found = known.get(expired.node.name)
        what = reaping.step(expired.node, found, known.get(self._cluster.node.name))
        if what == "wait" or (what == "end" and await self._lives(expired)):
            return
        first = True
        if what == "end" and found is not None:
            ended = await self._end(found.id)
            if not ended.done:
                return
            first = not ended.again
        if await self._cluster.free(expired.node) and first:
            log.warning("slots of a node that is gone are free", node=expired.node.name, epoch=expired.node.epoch)
        if self._untold:
            await self._tell()  # last: nobody waits for a slot because the store does not take what is told

    async def _lives(self, expired: Lease) -> bool:
        """Whether its API answers, or a process of its name starts and will have its calls."""
        node, facts = expired.node, expired.facts
        asked = peer.PeerNode(node.name, facts.url)
        if facts.url and await peer.answers(asked, self._ca_file, named=facts.names_itself):
            sign = "its API answers"
        elif await self._starts(node.name):
            sign = "it is being started"
        else:
            return False
        if node not in self._spared:
            self._spared.add(node)
            said = f"a node has no lease and no beat in the store, but {sign}: it is left alone"
            log.warning(said, node=node.name, epoch=node.epoch)
        return True

    async def _starts(self, name: str) -> bool:
        async with asyncio.timeout(STEP_S):
            return await self._nodes.starts(name)

    async def _end(self, dead: NodeId) -> Ended:
        async with asyncio.timeout(STEP_S):
            ended = await self._departures.end_calls_of(dead, silent_s=reaping.STALE_S)
        if ended.done:
            self._untold = True
            if not ended.again:
                self._metrics.reaped(len(ended.live))
            self._tell_queued(ended.queued)
        return ended

    async def _tell(self) -> None:
        """Of each call that this node has to tell of, once."""
        async with asyncio.timeout(STEP_S):
            lost = await self._departures.untold()
        self._told &= {each.call for each in lost}
        for each in lost:
            if each.call not in self._told:
                async with asyncio.timeout(STEP_S):
                    if not await self._tell_lost(each):
                        await self._departures.forget(each.call)
                self._told.add(each.call)
        self._untold = False
