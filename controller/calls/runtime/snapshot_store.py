"""Snapshots of live calls: written whenever something has happened in one, read by the controller that comes next.

Owns the SQL. No call waits for it. A controller that is killed leaves snapshots that are at most GATHER_SECONDS and one
transaction old. After each event of a call what would be written is compared with what the store has, so that no row of
the call's table has to tell of itself. Each row names the node that has the call; calls of other nodes are not read.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import structlog
from sqlalchemy import Text, and_, cast, delete, insert, select, update

from controller.calls.reporting import lifecycle
from controller.store.database import Database
from controller.store.owners import left_to, owner
from controller.store.tables.call_snapshots import live_calls as table
from controller.store.write_behind import WriteBehind

log = structlog.get_logger()

GATHER_SECONDS = 0.02
AGAIN_SECONDS = 1.0
LAST_SECONDS = 3.0
BATCH = 500


class SnapshotStore:
    """`read()` before the first call, then `run()` until cancelled, then `finish()`. `kept(call)`: what has to be
    written down of it; None: it is over."""

    def __init__(self, database: Database, kept: Callable[[str], Mapping[str, Any] | None]) -> None:
        self._database = database
        self._kept = kept
        self._written: dict[str, str] = {}
        """The text that the store has, by call; empty where it is not known."""
        self._queue = WriteBehind[str](
            self._write,
            away="live calls can't be written down: a restart would not find them",
            back="live calls are written down again",
            delays=(AGAIN_SECONDS,),
            batch=BATCH,
            gather_s=GATHER_SECONDS,
            unique=True,
        )
        self.run = self._queue.run

    async def read(self) -> dict[str, Any]:
        """The rows that an earlier run of this node has left, by call; None for a row that is no JSON. Raises
        StoreError."""
        left = and_(left_to(table, self._database.node), table.c.lost_at.is_(None))
        wanted = select(table.c.call, cast(table.c.kept, Text).label("text")).where(left)
        async with self._database.reading() as store:
            found = {row.call: _parsed(row.text) for row in await store.execute(wanted)}
        self._written = dict.fromkeys(found, "")
        for call in found:
            self._queue.put(call)
        return found

    def observe(self, what: lifecycle.LifecycleEvent) -> None:
        """Whatever happens in a call may have changed what is kept of it."""
        call = getattr(what, "call", None)
        if call is not None:
            self._queue.put(call if isinstance(call, str) else call.id)

    def write_again(self) -> None:
        """All of them: other nodes took this one for dead, and have ended its calls in the store."""
        self._written = dict.fromkeys(self._written, "")
        for call in self._written:
            self._queue.put(call)

    async def finish(self) -> None:
        if not await self._queue.finish(LAST_SECONDS):
            log.error("the snapshots of live calls are not up to date: the store is away")

    async def _write(self, moved: Sequence[str]) -> None:
        texts = {call: _text(self._kept(call)) for call in moved}
        changed = {call: text for call, text in texts.items() if text != self._written.get(call)}
        if not changed:
            return
        now = datetime.now(UTC)
        self._written |= dict.fromkeys(changed, "")
        async with self._database.writing() as store:
            for call, text in changed.items():
                if text is None:
                    await store.execute(delete(table).where(table.c.call == call))
                    continue
                row = {"written_at": now, "kept": json.loads(text), "lost_at": None, **owner(self._database.node)}
                updated = await store.execute(update(table).where(table.c.call == call).values(row))
                if updated.rowcount == 0:
                    await store.execute(insert(table).values(call=call, **row))
        for call, text in changed.items():
            if text is None:
                del self._written[call]
            else:
                self._written[call] = text


def _text(kept: Mapping[str, Any] | None) -> str | None:
    return json.dumps(kept, sort_keys=True) if kept is not None else None


def _parsed(text: object) -> Any:
    try:
        return json.loads(text) if isinstance(text, str | bytes) else None
    except (ValueError, RecursionError):
        return None
