"""What becomes of the rows of a node that has left or is dead: in one transaction, whoever does it.

Owns that transaction. The parts that write rows change them, each its own, in this transaction. Whether a node is dead
is decided elsewhere. Raises `store.database.StoreError`.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

import structlog
from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from controller.cluster.node import LostCall, NodeId
from controller.store.cells import moment_in
from controller.store.database import Database
from controller.store.owners import lost_to, owned_up_to, owner
from controller.store.tables.call_snapshots import live_calls
from controller.store.tables.nodes import nodes

log = structlog.get_logger()


class Claims(Protocol):
    """Rows that a node claims."""

    async def release_claims(self, store: AsyncConnection, gone: NodeId) -> None:
        """What this run of the node, or an earlier one, had claimed is free again."""


class CallRows(Protocol):
    """Rows of calls that a node has."""

    async def end_calls(
        self, store: AsyncConnection, dead: NodeId, lost: Collection[LostCall], now: datetime
    ) -> Collection[str]:
        """The calls of this run of the node, and of earlier ones, are over. `lost`: those that were live. Returns those
        of the queue that the node which does this has to tell of."""


@dataclass(frozen=True, slots=True)
class Ended:
    """What a dead node has left to tell: `live`: calls that ended with it (the outbox forgets each when its end is
    written there); `queued`: calls of the queue with a change of which nobody was told (`Dialer.tell`). Whoever stops
    before that finds them at its next start. `done`: the node was dead. `again`: this had been done before."""

    live: tuple[LostCall, ...] = ()
    queued: tuple[str, ...] = ()
    done: bool = False
    again: bool = False


class Departures:
    def __init__(self, database: Database, claims: Iterable[Claims], calls: Iterable[CallRows]) -> None:
        self._database = database
        self._claims, self._calls = tuple(claims), tuple(calls)

    async def release_claims(self, gone: NodeId) -> None:
        """Queued numbers and webhooks that the node had claimed wait for any node again. The node itself calls it at
        its end; it is harmless at any time when the node is gone."""
        async with self._database.writing() as store:
            for each in self._claims:
                await each.release_claims(store, gone)

    async def end_calls_of(self, dead: NodeId, *, silent_s: float = 0.0) -> Ended:
        """Ends everything of this run of the node, and of earlier ones: live calls have the outcome `node_lost`; what
        was being dialled is `interrupted`, and never dialled again; what was claimed is free. Nothing happens if the
        node was started again: then it does so itself; nor if its latest beat is not as old as `silent_s` seconds."""
        now = datetime.now(UTC)
        async with self._database.writing() as store:
            this_run = (nodes.c.name == dead.name, nodes.c.epoch == dead.epoch)
            seen = select(nodes.c.beat_at, nodes.c.lost_at).where(*this_run).with_for_update()
            found = (await store.execute(seen)).one_or_none()
            clock = (await store.execute(select(func.now()))).scalar_one() if self._database.shared else now
            if found is None or (clock - (moment_in(found.beat_at) or clock)).total_seconds() < silent_s:
                return Ended()
            again = found.lost_at is not None
            theirs = owned_up_to(live_calls, dead)
            rows = (await store.execute(select(live_calls).where(theirs).with_for_update())).all()
            lost = [LostCall(row.call, row.kept) for row in rows]
            moved = {**owner(self._database.node), "lost_at": now}
            await store.execute(update(live_calls).where(theirs).values(moved))
            for claimed in self._claims:
                await claimed.release_claims(store, dead)
            queued = [call for each in self._calls for call in await each.end_calls(store, dead, lost, now)]
            await store.execute(update(nodes).where(*this_run).values(lost_at=now))
        if lost or not again:
            log.warning("a node is gone; its calls are over", node=dead.name, epoch=dead.epoch, live_calls=len(lost))
        return Ended(tuple(lost), tuple(queued), done=True, again=again)

    async def untold(self) -> list[LostCall]:
        """Calls that ended with a node, of which this one has to tell."""
        async with self._database.reading() as store:
            rows = (await store.execute(select(live_calls).where(lost_to(live_calls, self._database.node)))).all()
        return [LostCall(row.call, row.kept) for row in rows]

    async def forget(self, call: str) -> None:
        """One of these, of which nobody can be told."""
        async with self._database.writing() as store:
            mine = live_calls.c.call == call, lost_to(live_calls, self._database.node)
            await store.execute(delete(live_calls).where(*mine))
