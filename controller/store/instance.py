"""One controller per SQLite file, and per node name of a PostgreSQL database: a second one stops before it has changed
anything.

Owns the locks that are taken before anything else: flock(2) on a file next to the store, which ends with the process
however it ends; and on PostgreSQL two advisory locks as well, which other machines see: one of the node's name, and one
that all nodes share, because controllers of releases before `cluster.node` take it for themselves alone. The file names
the process that holds the lock, for the message of the second one.

Source: flock(2); PostgreSQL documentation, "Advisory Locks" and the view pg_locks.
"""

import asyncio
import errno
import hashlib
import json
import os
import secrets
import socket
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from controller.store.database import StoreError, unreachable, words_of

try:
    import fcntl
except ModuleNotFoundError:  # Windows: there is no lock there
    fcntl = None  # type: ignore[assignment]

log = structlog.get_logger()

KEY = 0x766F696365_6169
"""The key of the advisory lock that all nodes share: the letters "voiceai". Advisory locks are of one database, not of
the server."""
CONNECT_SECONDS = 10.0
LEAVING_SECONDS = 2.0
"""How long the lock of a controller that was killed is waited for: PostgreSQL notices a moment later."""
CHECK_SECONDS = 5.0
_KEEPALIVE = {"tcp_keepalives_idle": "5", "tcp_keepalives_interval": "2", "tcp_keepalives_count": "3"}


class AlreadyRunning(Exception):
    """Another controller has what this one needs. The text is one line: who, since when, what, and what to do."""


@dataclass(frozen=True, slots=True)
class Holder:
    """The controller that holds the lock, as the lock file describes it. `since`: ISO 8601."""

    pid: int
    host: str
    since: str
    api: str
    app: str

    @staticmethod
    def of_us(api: str, app: str) -> "Holder":
        return Holder(os.getpid(), socket.gethostname(), datetime.now(UTC).isoformat(timespec="seconds"), api, app)

    @staticmethod
    def read(source: Any) -> "Holder | None":
        """None: a field is missing or is no text."""
        try:
            return Holder(int(source["pid"]), *(str(source[each]) for each in ("host", "since", "api", "app")))
        except (KeyError, TypeError, ValueError):
            return None

    def __str__(self) -> str:
        return f"voiceai serve, pid {self.pid} on {self.host}, since {self.since}, API {self.api}, app {self.app}"


class StoreLock:
    """`acquire()` before the store is opened, `release()` when it is closed. `node`: `cluster.node`. Raises
    AlreadyRunning and StoreError."""

    def __init__(self, url: str, path: Path, us: Holder, node: str) -> None:
        self._url, self._path, self._us, self._node = url, path, us, node
        self._file: int | None = None
        self._engine: AsyncEngine | None = None
        self._connection: AsyncConnection | None = None
        self.store = ""
        """A name of the store, on PostgreSQL of the node as well, the same for every controller that locks it. Who
        holds the lock knows that no other controller of this name runs."""

    async def acquire(self) -> None:
        try:
            self._lock_file()
            if not self._url.startswith("sqlite"):
                await self._lock_database()
        except BaseException:
            await self.release()
            raise

    async def release(self) -> None:
        connection, self._connection = self._connection, None
        engine, self._engine = self._engine, None
        with suppress(*_away()):
            async with asyncio.timeout(LEAVING_SECONDS):
                if connection is not None:
                    await connection.close()
                if engine is not None:
                    await engine.dispose()
        if self._file is not None:
            os.close(self._file)
            self._file = None

    async def lost(self) -> AlreadyRunning:
        """Returns when another controller has the lock: PostgreSQL was away, and that one was faster than we."""
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            if self._connection is None:
                continue
            try:
                async with asyncio.timeout(CONNECT_SECONDS):
                    await self._connection.execute(text("SELECT 1"))
            except _away():
                try:
                    await self._connect_again()
                except AlreadyRunning as taken:
                    return taken
                except StoreError as error:
                    log.warning("the lock on the store is not ours at the moment", reason=str(error))

    # ------------------------------------------------------------ the file

    def _lock_file(self) -> None:
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            if fcntl is not None:
                fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES) and self._file is not None:
                raise self._taken(Holder.read(self._read())) from None
            raise StoreError(f"the lock file {self._path} can't be used: {error.strerror}") from error
        found = self._read().get("store")
        name = found if isinstance(found, str) and len(found) == 32 else secrets.token_hex(16)
        self.store = f"{name}-{os.fstat(self._file).st_ino}"  # a copy of the folder is another store
        written = json.dumps({**asdict(self._us), "store": name}).encode()
        try:
            os.pwrite(self._file, written, 0)
            os.ftruncate(self._file, len(written))
        except OSError as error:  # a full disk, or no regular file
            raise StoreError(f"the lock file {self._path} can't be written: {error.strerror}") from error

    def _read(self) -> dict[str, Any]:
        assert self._file is not None
        try:
            found = json.loads(os.pread(self._file, 4096, 0))
        except (OSError, ValueError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    def _taken(self, holder: Holder | None) -> AlreadyRunning:
        who = str(holder) if holder else "another voiceai serve"
        return AlreadyRunning(
            f"the store is in use ({self._path}): {who}. Nothing was touched. Stop that one first, or give"
            " this one its own `store.url` in another folder and its own `asterisk.ari.app`"
        )

    # ------------------------------------------------------------ PostgreSQL

    async def _lock_database(self) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + LEAVING_SECONDS
        while True:
            try:
                await self._connect_again()
                return
            except AlreadyRunning:
                if loop.time() > end:
                    raise
                await asyncio.sleep(0.2)

    async def _connect_again(self) -> None:
        """Raises AlreadyRunning and StoreError."""
        us, connection = self._us, self._connection
        name = f"voiceai pid {us.pid} since {us.since[:19]} on {us.host}"[:63]
        if self._engine is None:
            settings = {"application_name": name, **_KEEPALIVE}
            arguments = {"timeout": CONNECT_SECONDS, "server_settings": settings}
            self._engine = create_async_engine(
                self._url, poolclass=NullPool, connect_args=arguments, isolation_level="AUTOCOMMIT"
            )
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                if connection is not None:
                    self._connection = None
                    await connection.invalidate()
                    await connection.close()
                connection = await self._engine.connect()
                try:
                    await self._lock_keys(connection)
                except AlreadyRunning:
                    await connection.close()
                    raise
                self._connection = connection
                self.store = f"{(await connection.execute(text(_IDENTITY))).scalar_one()}-{self._node}"
        except _away() as error:
            raise StoreError(f"the store can't be locked (store.url): {words_of(error)}") from error
        except TypeError as error:  # asyncpg, of an option that it does not have
            hint = "the driver's options are those of asyncpg, such as ssl=verify-full for libpq's sslmode"
            raise StoreError(f"store.url has an option that can't be used: {error} ({hint})") from error

    async def _lock_keys(self, connection: AsyncConnection) -> None:
        """Raises AlreadyRunning."""
        for function, key, what in (
            ("pg_try_advisory_lock_shared", KEY, "by a release that allows no second controller"),
            ("pg_try_advisory_lock", _key_of(self._node), f"as node {self._node} (cluster.node)"),
        ):
            locked = (await connection.execute(text(f"SELECT {function}(:key)"), {"key": key})).scalar_one()
            if not locked:
                who = (await connection.execute(text(_WHO), _halves(key))).scalar()
                raise AlreadyRunning(
                    f"the store is in use (its PostgreSQL database) {what}: {who or 'another voiceai serve'}. Nothing"
                    " was touched. Stop that one first, or give this one its own `cluster.node` (docs/scaling.md)"
                )


async def is_locked_since(store: AsyncConnection, node: str, moment: datetime) -> bool:
    """Whether another connection to this PostgreSQL database, opened after `moment` (by the server's clock), has the
    lock of this node name: a process of that name starts. Where the role may not see other sessions, False."""
    return bool((await store.execute(text(_SINCE), {**_halves(_key_of(node)), "moment": moment})).scalar())


def _halves(key: int) -> dict[str, int]:
    """As pg_locks has them."""
    return {"high": key >> 32 & 0xFFFFFFFF, "low": key & 0xFFFFFFFF}


def _key_of(node: str) -> int:
    """64 bits with a sign, as PostgreSQL takes them."""
    return int.from_bytes(hashlib.sha256(f"voiceai node {node}".encode()).digest()[:8], signed=True)


_HOLDERS = """FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'advisory' AND l.granted AND l.objsubid = 1 AND l.classid = :high AND l.objid = :low
AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"""
_WHO = f"""SELECT a.application_name || ' from ' || coalesce(host(a.client_addr), 'this machine') {_HOLDERS} LIMIT 1"""
_SINCE = f"SELECT 1 {_HOLDERS} AND a.backend_start > :moment LIMIT 1"
_IDENTITY = """SELECT oid || '-' || extract(epoch FROM pg_postmaster_start_time()) FROM pg_database
WHERE datname = current_database()"""


def _away() -> tuple[type[Exception], ...]:
    """What the lock's connection raises when the server is away."""
    return SQLAlchemyError, TimeoutError, *unreachable()
