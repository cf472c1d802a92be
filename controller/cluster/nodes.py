"""The controllers of one store: each start of one is counted, and while it runs it says so.

Owns the table `nodes`, and reads which store this is. Moments are by the clock of the database's server, so that they
can be compared whoever wrote them; SQLite has no server, and no second controller. Raises `store.database.StoreError`.
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import structlog
from sqlalchemy import ColumnElement, Row, and_, func, insert, select, update

from controller.cluster.node import Node, NodeId
from controller.store import instance
from controller.store.cells import moment_in, text_in, whole_in
from controller.store.database import Database, StoreError
from controller.store.tables.nodes import installation, nodes as table

log = structlog.get_logger()

BEAT_SECONDS = 5.0
"""Seconds between two beats. One transaction of PostgreSQL may take 10."""
_RUNS = {"stopped_at": None, "lost_at": None}


class NodeRegistry:
    """`join()` before the first row is written that a node owns, `run()` until cancelled, `leave()` after the last."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def join(self, name: str, version: str, url: str) -> NodeId:
        """Counts one more start of this name; the database writes as this node from now on. Whoever asks holds the lock
        of that name (`store.instance`)."""
        now = self._now()
        row = {"version": version[:32], "url": url[:320], "started_at": now, "beat_at": now, **_RUNS}
        again = update(table).where(table.c.name == name).values(epoch=table.c.epoch + 1, **row)
        async with self._database.writing() as store:
            if (await store.execute(again)).rowcount == 0:
                await store.execute(insert(table).values(name=name, epoch=1, **row))
            epoch = (await store.execute(select(table.c.epoch).where(table.c.name == name))).scalar_one()
            self._database.installation = text_in(await store.scalar(select(installation.c.id)))
        us = self._database.node = NodeId(name, epoch)
        log.info("node starts", node=name, epoch=epoch)
        return us

    async def run(self, us: NodeId, taken_for_dead: Callable[[], None] = lambda: None) -> None:
        """Until cancelled: says that we are there, every BEAT_SECONDS. Nothing on SQLite: nobody else could read it.
        `taken_for_dead`: others have ended our calls in the store meanwhile."""
        while self._database.shared:
            await asyncio.sleep(BEAT_SECONDS)
            try:
                if await self.beat(us):
                    log.error("other nodes took this one for dead: they told that its calls had ended, and they go on")
                    taken_for_dead()
            except StoreError as error:
                log.warning("other nodes can't see in the store that this one is there", reason=str(error))

    async def beat(self, us: NodeId) -> bool:
        """Also of a node that was taken for dead, and was not: then it returns True, once."""
        async with self._database.writing() as store:
            lost_at = await store.scalar(select(table.c.lost_at).where(_is(us)).with_for_update())
            await store.execute(update(table).where(_is(us)).values(beat_at=self._now(), **_RUNS))
        return lost_at is not None

    async def leave(self, us: NodeId) -> None:
        """This start has ended in order: none of its calls is left."""
        async with self._database.writing() as store:
            values = {"beat_at": self._now(), "stopped_at": self._now()}
            await store.execute(update(table).where(_is(us)).values(values))

    async def all(self) -> list[Node]:
        """Each by its latest start, sorted by name."""
        async with self._database.reading() as store:
            now = (await store.execute(select(func.now()))).scalar_one() if self._database.shared else _now()
            rows = (await store.execute(select(table).order_by(table.c.name))).all()
        return [_node(row, now) for row in rows]

    async def starts(self, name: str) -> bool:
        """Whether a process of this name has taken its lock (`store.instance`) since the latest beat: it starts, and
        may wait for a migration before it joins. One that stands still took it before its beats. False on SQLite."""
        if not self._database.shared:
            return False
        async with self._database.reading() as store:
            beat = moment_in(await store.scalar(select(table.c.beat_at).where(table.c.name == name)))
            return beat is not None and await instance.is_locked_since(store, name, beat)

    def _now(self) -> Any:
        return func.now() if self._database.shared else _now()


def _is(node: NodeId) -> ColumnElement[bool]:
    return and_(table.c.name == node.name, table.c.epoch == node.epoch)


def _now() -> datetime:
    return datetime.now(UTC)


def _node(row: Row[Any], now: datetime) -> Node:
    """Of a damaged row too, as far as it can be read."""
    beat = moment_in(row.beat_at, row.started_at) or now
    started = moment_in(row.started_at) or beat
    id_ = NodeId(text_in(row.name), whole_in(row.epoch))
    silent_s = max((now - beat).total_seconds(), 0.0)
    gone = row.stopped_at is not None, row.lost_at is not None
    return Node(id_, text_in(row.version), text_in(row.url), started, silent_s, *gone)
