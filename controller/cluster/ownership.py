"""Which node has a call, and which other nodes there are, so that a request can be carried to them.

A live call is the node's whose slot it has in the cluster's backend. While that is away, or not all nodes have told it
yet what they hold, the store says who has it; and always on which node a call was that has ended. Where the store knows
nothing of that, the node is asked that had it when it lived. What this node has is never looked for elsewhere.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

import structlog
from sqlalchemy import select

from controller.cluster.membership import Membership
from controller.cluster.node import NodeId
from controller.cluster.nodes import NodeRegistry
from controller.cluster.peer import PeerNode
from controller.cluster.port import BackendError
from controller.store.cells import text_or_none_in
from controller.store.database import Database, StoreError
from controller.store.tables.call_snapshots import live_calls
from controller.store.tables.records import calls as past_calls

log = structlog.get_logger()

LONGEST = 64
"""Characters of a call's id."""
MOST_SEEN = 1000
NODES_S = 1.0
"""Seconds that the store may take to say which nodes there are."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Another node. `live`: it has the call; otherwise it had it, and may still know of it."""

    node: PeerNode
    live: bool


class CallOwners:
    """`knows`: whether this node has the call, or had it lately."""

    def __init__(self, membership: Membership, database: Database, knows: Callable[[str], bool]) -> None:
        self._membership, self._database, self._knows = membership, database, knows
        self._seen: OrderedDict[str, str] = OrderedDict()
        """By call: the node that had it when it was asked for lately, for where the store does not say so."""

    @property
    def own_name(self) -> str:
        return self._membership.node.name

    async def elsewhere(self, call: str) -> Owner | None:
        """None: this node has it, nobody has it, or nobody can say at the moment."""
        if len(call) > LONGEST or not call.isascii():  # no call has such an id
            return None
        if (owner := await self._holder(call)) is not None:
            self._see(call, owner.name)
            return await self._other(owner.name, live=True)
        if self._knows(call):
            return None
        name, live = await self._stored(call)
        name = name if name is not None else self._seen.get(call)
        return await self._other(name, live=live) if name is not None else None

    async def has_moved(self, call: str) -> bool:
        """Another node has this call, live."""
        owner = await self.elsewhere(call)
        return owner is not None and owner.live

    async def others(self) -> tuple[PeerNode, ...]:
        """Sorted by name: those that have a lease, or had one and were not cared for yet. While the backend does not
        know all leases (it is away, was emptied, or is another server), those of the store, too."""
        found = {} if self._membership.up else await self._stored_nodes()
        found |= {
            each.node.name: each.facts.url for each in sorted(self._membership.leases, key=lambda lease: lease.node)
        }
        found.pop(self.own_name, None)
        return tuple(PeerNode(*each) for each in sorted(found.items()))

    def _see(self, call: str, name: str) -> None:
        if name != self.own_name:
            self._seen[call] = name
            self._seen.move_to_end(call)
            if len(self._seen) > MOST_SEEN:
                self._seen.popitem(last=False)

    async def _holder(self, call: str) -> NodeId | None:
        try:
            return await self._membership.owner(call)
        except BackendError:
            return None

    async def _other(self, name: str, *, live: bool) -> Owner | None:
        if name == self.own_name:
            return None
        node = next((each for each in await self.others() if each.name == name), None)
        if node is None and not live:
            return None
        if node is None:  # it has begun since leases were heard last
            node = PeerNode(name, (await self._stored_nodes()).get(name, ""))
        return Owner(node, live)

    async def _stored(self, call: str) -> tuple[str | None, bool]:
        live = select(live_calls.c.node).where(live_calls.c.call == call, live_calls.c.lost_at.is_(None))
        past = select(past_calls.c.node).where(past_calls.c.call == call).order_by(past_calls.c.attempt.desc()).limit(1)
        try:
            async with self._database.reading() as store:
                if (name := text_or_none_in(await store.scalar(live))) is not None:
                    return name, True
                return text_or_none_in(await store.scalar(past)), False
        except StoreError as error:
            log.warning("which node has a call can't be read in the store", reason=str(error))
            return None, False

    async def _stored_nodes(self) -> dict[str, str]:
        try:
            async with asyncio.timeout(NODES_S):
                rows = await NodeRegistry(self._database).all()
        except (StoreError, TimeoutError) as error:
            log.warning("the table of the nodes can't be read", reason=str(error) or "no answer in time")
            return {}
        # a release before this one wrote where it listens, without http://
        urls = {each.id.name: each.url for each in rows if not each.stopped and not each.lost}
        return {name: url if "://" in url else "" for name, url in urls.items()}
