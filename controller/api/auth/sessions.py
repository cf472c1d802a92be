"""Who is logged in to the console: sessions, each with an id that only a cookie holds.

Owns the table of sessions. A session belongs to the token it was opened with and ends with it, when somebody logs out,
after a time without use, and after a time in any case. Only the hash of an id is kept. What counts is the memory of
this process; the store follows it, so that a restart logs nobody out. `run` writes until it is cancelled.
"""

import hashlib
import secrets
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import delete, insert, select

from controller.config.models.api import ConsoleSession
from controller.store.database import Database
from controller.store.tables.api import sessions as table
from controller.store.write_behind import WriteBehind

log = structlog.get_logger()

MOST_OF_A_TOKEN = 100
"""Beyond it the one that was used the longest ago ends."""
TOUCH = timedelta(minutes=1)
"""So often the store is told that a session is in use."""
RETRY_SECONDS = 5.0
BATCH = 500
LAST_SECONDS = 3.0
"""What stopping waits for the rest to be written."""

Credential = tuple[str, str]
"""A token: its name, and its SHA-256 in hex."""


@dataclass(slots=True)
class Session:
    hash: str
    credential: Credential
    began_at: datetime
    used_at: datetime
    written_at: datetime | None = None
    """The `used_at` that the store has."""


class Sessions:
    """Without a `database` they end with the process."""

    def __init__(self, limits: ConsoleSession | None = None, database: Database | None = None) -> None:
        limits = limits or ConsoleSession()
        self._idle, self._longest = timedelta(seconds=limits.idle_s), timedelta(seconds=limits.max_s)
        self._database = database
        self._live: dict[str, Session] = {}
        self._queue = WriteBehind[str](
            self._write,
            away="sessions of the console can't be written down yet",
            back="sessions of the console are written down again",
            delays=(RETRY_SECONDS,),
            batch=BATCH,
            unique=True,
        )
        """Hashes of sessions that the store has otherwise."""
        self.run = self._queue.run

    def __len__(self) -> int:
        return len(self._live)

    # ------------------------------------------------------------ what is asked of them

    def open(self, credential: Credential, now: datetime) -> str:
        """The id of a new one, for its cookie."""
        self._forget(now)
        mine = sorted(
            (each for each in self._live.values() if each.credential == credential), key=lambda it: it.used_at
        )
        for each in mine[: max(0, len(mine) - MOST_OF_A_TOKEN + 1)]:
            self._end(each.hash)
        id_ = secrets.token_urlsafe(32)
        hash_ = hash_of(id_)
        self._live[hash_] = Session(hash_, credential, now, now)
        self._queue.put(hash_)
        return id_

    def use(self, hash_: str, now: datetime) -> Session | None:
        """The one with that hash; None: there is none, or its time is over."""
        found = self._live.get(hash_)
        if found is None:
            return None
        if now - found.used_at > self._idle or now - found.began_at > self._longest:
            self._end(hash_)
            return None
        found.used_at = now
        if found.written_at is None or now - found.written_at > TOUCH:
            self._forget(now)
            self._queue.put(hash_)
        return found

    def close(self, hash_: str) -> Session | None:
        """None: there was none."""
        return self._end(hash_)

    def keep(self, credentials: Collection[Credential]) -> int:
        """Ends those of all other tokens. Returns how many that were."""
        gone = [each.hash for each in self._live.values() if each.credential not in credentials]
        for hash_ in gone:
            self._end(hash_)
        return len(gone)

    # ------------------------------------------------------------ the store

    async def read(self, credentials: Collection[Credential]) -> None:
        """Those of an earlier process, as far as their token is still there. Raises StoreError."""
        assert self._database is not None
        async with self._database.reading() as store:
            rows = (await store.execute(select(table))).all()
        for row in rows:
            if row.began_at is None or row.used_at is None:
                log.error("a stored session of the console can't be read; whoever has it logs in again", user=row.user)
                self._queue.put(row.hash)
                continue
            credential = (row.user, row.credential)
            self._live[row.hash] = Session(row.hash, credential, row.began_at, row.used_at, row.used_at)
        self.keep(credentials)

    async def written(self) -> bool:
        """Whether the store has everything. If not, it is written as soon as the store is back."""
        return self._database is None or await self._queue.finish(LAST_SECONDS)

    async def drain(self) -> None:
        if not await self.written():
            log.error("sessions of the console are not as the store has them: it is away", sessions=len(self._queue))

    async def _write(self, changed: Sequence[str]) -> None:
        assert self._database is not None
        rows = [_row(self._live[hash_]) for hash_ in changed if hash_ in self._live]
        async with self._database.writing() as store:
            await store.execute(delete(table).where(table.c.hash.in_(changed)))
            if rows:
                await store.execute(insert(table), rows)
        for row in rows:
            if (written := self._live.get(row["hash"])) is not None:
                written.written_at = row["used_at"]

    def _forget(self, now: datetime) -> None:
        """Those that nobody came back to."""
        for each in list(self._live.values()):
            if now - each.used_at > self._idle or now - each.began_at > self._longest:
                self._end(each.hash)

    def _end(self, hash_: str) -> Session | None:
        found = self._live.pop(hash_, None)
        if found is not None:
            self._queue.put(hash_)
        return found


def _row(session: Session) -> dict[str, Any]:
    user, credential = session.credential
    times = {"began_at": session.began_at, "used_at": session.used_at}
    return {"hash": session.hash, "user": user, "credential": credential, **times}


def hash_of(id_: str) -> str:
    return hashlib.sha256(id_.encode("utf-8", "surrogateescape")).hexdigest()
