"""Who is logged in to the console: sessions, each with an id that only a cookie holds.

Owns the table of sessions. A session belongs to the token, the key or the person it was opened with and ends with it,
when somebody logs out or ends it, after a time without use, and after a time in any case. Only the hash of an id is
kept. What counts is the memory of this process; the store follows it, so that a restart logs nobody out. Where others
write to the same store, memory follows that within a second. `run` writes until it is cancelled.

How long a session has lasted is counted by a clock that nobody sets: a wall clock that jumps ends none, and lets none
live on. What is read of the store has only the wall clock's times.
"""

import asyncio
import hashlib
import secrets
import time
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import delete, insert, select

from controller.config.models.api import ConsoleSession
from controller.store.cells import text_or_none_in
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
"""A token or a key: its name, and its SHA-256 in hex. A person: their name, and the provider's digest."""
SHOWN_ID = 16
"""Signs of a session's hash that are its id for whoever lists sessions."""


def elapsed() -> float:
    """Seconds of a clock that nobody sets, and that goes on while the machine sleeps (clock_gettime(2))."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


@dataclass(slots=True)
class Session:
    """`began_s`, `used_s`: the same moments as `began_at` and `used_at`, by `elapsed`."""

    hash: str
    credential: Credential
    began_at: datetime
    used_at: datetime
    began_s: float
    used_s: float
    source: str | None = None
    """The address from which the user logged in."""
    roles: tuple[str, ...] | None = None
    """Of a person, as the provider told them."""
    written_at: datetime | None = None
    """The `used_at` that the store has."""


class Sessions:
    """Without a `database` they end with the process."""

    def __init__(
        self,
        limits: ConsoleSession | None = None,
        database: Database | None = None,
        clock: Callable[[], float] = elapsed,
    ) -> None:
        limits = limits or ConsoleSession()
        self._idle, self._longest = limits.idle_s, limits.max_s
        self._clock = clock
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
        self._one = asyncio.Lock()
        """What was read of the store is compared with memory before more is written."""
        self._unwritten: set[str] = set()

    def __len__(self) -> int:
        return len(self._live)

    # ------------------------------------------------------------ what is asked of them

    def all(self) -> list[Session]:
        """Newest first."""
        self._forget()
        return sorted(self._live.values(), key=lambda each: each.began_s, reverse=True)

    def open(
        self, credential: Credential, now: datetime, *, source: str | None = None, roles: tuple[str, ...] | None = None
    ) -> str:
        """The id of a new one, for its cookie."""
        self._forget()
        mine = sorted((each for each in self._live.values() if each.credential == credential), key=lambda it: it.used_s)
        for each in mine[: max(0, len(mine) - MOST_OF_A_TOKEN + 1)]:
            self._end(each.hash)
        id_ = secrets.token_urlsafe(32)
        hash_ = hash_of(id_)
        began_s = self._clock()
        self._live[hash_] = Session(hash_, credential, now, now, began_s, began_s, source, roles)
        self._put(hash_)
        return id_

    def use(self, hash_: str, now: datetime) -> Session | None:
        """The one with that hash; None: there is none, or its time is over."""
        found = self._live.get(hash_)
        if found is None:
            return None
        if self._is_over(found):
            self._end(hash_)
            return None
        found.used_at, found.used_s = now, self._clock()
        if found.written_at is None or abs(now - found.written_at) > TOUCH:
            self._forget()
            self._put(hash_)
        return found

    def close(self, hash_: str) -> Session | None:
        """None: there was none."""
        return self._end(hash_)

    def keep(self, credentials: Container[Credential]) -> int:
        """Ends those of all others. Returns how many that were."""
        gone = [each.hash for each in self._live.values() if each.credential not in credentials]
        for hash_ in gone:
            self._end(hash_)
        return len(gone)

    # ------------------------------------------------------------ the store

    async def read(self, credentials: Container[Credential]) -> None:
        """Those of an earlier process, as far as their token is still there. Raises StoreError."""
        for hash_, found in (await self._stored()).items():
            if found is None:
                log.error("a stored session of the console can't be read; whoever has it logs in again")
                self._put(hash_)
            else:
                self._live[hash_] = found
        self.keep(credentials)

    async def follow(self, credentials: Container[Credential]) -> None:
        """What others have opened, used and ended in the same store. Raises StoreError."""
        async with self._one:
            stored = await self._stored()
            for hash_, session in list(self._live.items()):
                theirs = stored.get(hash_)
                if theirs is not None:
                    if theirs.used_s > session.used_s:
                        session.used_at, session.used_s = theirs.used_at, theirs.used_s
                elif session.written_at is not None and hash_ not in self._unwritten:
                    del self._live[hash_]
            for hash_, found in stored.items():
                known = hash_ in self._live or hash_ in self._unwritten
                if found is not None and not known and found.credential in credentials:
                    self._live[hash_] = found

    async def _stored(self) -> dict[str, Session | None]:
        """By hash; None: a row that can't be read."""
        assert self._database is not None
        async with self._database.reading() as store:
            rows = (await store.execute(select(table))).all()
        now, now_s = datetime.now(UTC), self._clock()
        return {row.hash: _session(row, now, now_s) for row in rows}

    async def written(self) -> bool:
        """Whether the store has everything. If not, it is written as soon as the store is back."""
        return self._database is None or await self._queue.finish(LAST_SECONDS)

    async def drain(self) -> None:
        if not await self.written():
            log.error("sessions of the console are not as the store has them: it is away", sessions=len(self._queue))

    async def _write(self, changed: Sequence[str]) -> None:
        assert self._database is not None
        async with self._one:
            self._unwritten.difference_update(changed)
            rows = [_row(self._live[hash_]) for hash_ in changed if hash_ in self._live]
            try:
                async with self._database.writing() as store:
                    await store.execute(delete(table).where(table.c.hash.in_(changed)))
                    if rows:
                        await store.execute(insert(table), rows)
            except BaseException:
                self._unwritten.update(changed)
                raise
            for row in rows:
                if (written := self._live.get(row["hash"])) is not None:
                    written.written_at = row["used_at"]

    def _forget(self) -> None:
        """Those that nobody came back to."""
        for each in list(self._live.values()):
            if self._is_over(each):
                self._end(each.hash)

    def _is_over(self, session: Session) -> bool:
        now_s = self._clock()
        return now_s - session.used_s > self._idle or now_s - session.began_s > self._longest

    def _end(self, hash_: str) -> Session | None:
        found = self._live.pop(hash_, None)
        if found is not None:
            self._put(hash_)
        return found

    def _put(self, hash_: str) -> None:
        self._unwritten.add(hash_)
        self._queue.put(hash_)


def _session(row: Any, now: datetime, now_s: float) -> Session | None:
    """None: it can't be read. What the store has for a moment to come counts as now."""
    roles = row.roles
    if not isinstance(row.began_at, datetime) or not isinstance(row.used_at, datetime):
        return None
    if roles is not None:
        if not isinstance(roles, list) or not all(isinstance(each, str) for each in roles):
            return None
        roles = tuple(roles)
    credential = (row.user, row.credential)
    began_s, used_s = (now_s - max(0.0, (now - at).total_seconds()) for at in (row.began_at, row.used_at))
    source = text_or_none_in(row.source)
    return Session(row.hash, credential, row.began_at, row.used_at, began_s, used_s, source, roles, row.used_at)


def _row(session: Session) -> dict[str, Any]:
    user, credential = session.credential
    more = {"began_at": session.began_at, "used_at": session.used_at, "source": session.source}
    roles = list(session.roles) if session.roles is not None else None
    return {"hash": session.hash, "user": user, "credential": credential, "roles": roles, **more}


def hash_of(id_: str) -> str:
    return hashlib.sha256(id_.encode("utf-8", "surrogateescape")).hexdigest()
