"""The book of calls that are up: written whenever one has moved on, read by the controller that comes next.

Owns the SQL. Beside the calls: nobody waits for it. A controller that is killed leaves a book that is at most
GATHER_SECONDS and one transaction old: after each input of a call is compared whether anything that is kept of it has
changed, so that no row of the call's table has to tell of itself.
"""

import asyncio
import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import structlog
from sqlalchemy import Text, cast, delete, insert, select, update

from controller.calls.reporting import lifecycle
from controller.store.database import Database, StoreError
from controller.store.tables.call_snapshots import live_calls as table

log = structlog.get_logger()

GATHER_SECONDS = 0.02
AGAIN_SECONDS = 1.0
LAST_SECONDS = 3.0

_MOVES = (
    lifecycle.CallAdopted,
    lifecycle.CallBegan,
    lifecycle.CallOver,
    lifecycle.Stepped,
    lifecycle.StateChanged,
    lifecycle.ToolAsked,
    lifecycle.ToolTimed,
)


class SnapshotStore:
    """`read()` before the first call, then `run()` until cancelled, then `finish()`. `kept(call)`: what has to be
    written down of it; None: it is over."""

    def __init__(self, database: Database, kept: Callable[[str], Mapping[str, Any] | None]) -> None:
        self._database = database
        self._kept = kept
        self._moved: set[str] = set()
        self._written: dict[str, str] = {}
        """What is in the store, by call; empty text where that is not known."""
        self._news = asyncio.Event()
        self._away = False

    async def read(self) -> dict[str, Any]:
        """What an earlier controller has left, by call; None for what is no JSON. Raises StoreError."""
        wanted = select(table.c.call, cast(table.c.kept, Text).label("text"))
        async with self._database.reading() as store:
            found = {row.call: _parsed(row.text) for row in await store.execute(wanted)}
        self._moved |= found.keys()
        self._written = dict.fromkeys(found, "")
        self._news.set()
        return found

    def observe(self, what: lifecycle.LifecycleEvent) -> None:
        if isinstance(what, _MOVES):
            call = what.call
            self._moved.add(call if isinstance(call, str) else call.id)
            self._news.set()

    async def run(self) -> None:
        while True:
            await self._news.wait()
            await asyncio.sleep(GATHER_SECONDS)
            self._news.clear()
            try:
                await self._write()
                self._away = False
            except StoreError as error:
                if not self._away:
                    log.warning("live calls can't be written down: a restart would not find them", reason=str(error))
                self._away = True
                self._news.set()
                await asyncio.sleep(AGAIN_SECONDS)

    async def finish(self) -> None:
        try:
            async with asyncio.timeout(LAST_SECONDS):
                await self._write()
        except (StoreError, TimeoutError):
            log.error("the book of live calls is not up to date: the store is away")

    async def _write(self) -> None:
        moved, now = self._moved, datetime.now(UTC)
        self._moved = set()
        try:
            texts = {call: _text(self._kept(call)) for call in sorted(moved)}
            changed = {call: text for call, text in texts.items() if text != self._written.get(call)}
            if changed:
                await self._write_down(changed, now)
        except BaseException:
            self._moved |= moved
            raise

    async def _write_down(self, changed: Mapping[str, str | None], now: datetime) -> None:
        self._written |= dict.fromkeys(changed, "")
        async with self._database.writing() as store:
            for call, text in changed.items():
                if text is None:
                    await store.execute(delete(table).where(table.c.call == call))
                    continue
                row = {"written_at": now, "kept": json.loads(text)}
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
