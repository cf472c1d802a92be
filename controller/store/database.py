"""The connection to the database: opened once, brought up to date, used in short transactions.

Owns the engine, the migrations at start, and how SQLite is set up: WAL and synchronous=FULL, so that what is committed
survives a loss of power, and locking_mode=EXCLUSIVE. Without EXCLUSIVE, SQLite maps a file (`-shm`) into our memory,
and a program that makes that file shorter ends this process (SIGBUS). So there is one connection, and no other program
can open the file meanwhile. One writer at a time; each transaction has a time limit, after which StoreError is raised.
No live call waits for the store: what is written for a call is written by another task (`write_behind`).

Source: SQLAlchemy's notes on pysqlite ("Serializable isolation"), SQLite's pragma.html and wal.html.
"""

import asyncio
import os
import sqlite3
import sys
import weakref
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import structlog
from sqlalchemy import Connection, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import ArgumentError, DataError, DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import AsyncAdaptedQueuePool

from controller.cluster.node import NodeId
from controller.store import migrations
from controller.store.health import StoreHealth
from controller.store.tables.base import parsed_json

log = structlog.get_logger()

TRANSACTION_SECONDS = 10.0
CLOSE_SECONDS = 1.0
MOST_CONNECTIONS = 5
"""Connections that PostgreSQL's pool keeps open."""
BUSY_MS = 5000
DRIVERS = ("sqlite+aiosqlite", "postgresql+asyncpg")


class _Closable(sqlite3.Connection):
    """Closes its cursors with it. SQLite keeps a file open and locked while a cursor has a statement, and cursors of a
    transaction that was cancelled are left in cycles until the garbage collector runs.

    Source: sqlite3_close_v2 ("zombie" connections)."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._cursors: weakref.WeakSet[sqlite3.Cursor] = weakref.WeakSet()

    def cursor(self, *arguments: Any, **options: Any) -> Any:
        cursor = super().cursor(*arguments, **options)
        self._cursors.add(cursor)
        return cursor

    def close(self) -> None:
        for cursor in list(self._cursors):
            cursor.close()
        super().close()


_ONE_CONNECTION: dict[str, Any] = {
    "connect_args": {"factory": _Closable},
    "poolclass": AsyncAdaptedQueuePool,
    "pool_size": 1,
    "max_overflow": 0,
    "pool_timeout": 2 * TRANSACTION_SECONDS,  # ours comes first
}
_SETTINGS = {
    "idle_in_transaction_session_timeout": f"{int(2000 * TRANSACTION_SECONDS)}",
    **{"tcp_keepalives_idle": "5", "tcp_keepalives_interval": "2", "tcp_keepalives_count": "3"},
}
"""The server ends the transaction of a controller that stands still or whose machine is gone, so that its locks do not
keep other controllers waiting. Milliseconds; seconds, seconds, probes."""
_LOCKED = "database is locked"
_BROKEN = ("disk i/o error", "malformed", "not a database", "unable to open", "readonly", "read-only")
"""Messages of SQLite after which its connection is closed: the next one may find the file repaired or replaced."""


def unreachable() -> tuple[type[Exception], ...]:
    """What a failed connection raises besides SQLAlchemy's errors: SQLAlchemy does not wrap those of the socket, and
    2.0 not those of a server that is still starting. PostgreSQL's driver is loaded only where it is used: 3 MB."""
    driver = sys.modules.get("asyncpg")
    return (OSError,) if driver is None else (OSError, driver.PostgresError, driver.InterfaceError)


def _not_opened() -> tuple[type[Exception], ...]:
    return SQLAlchemyError, *unreachable()


class StoreError(Exception):
    """The store does not answer, or not in time. The text is for the log and holds nothing that is stored."""


class StoreInUse(StoreError):
    """Another program has SQLite's file open, most likely a controller."""


class ValueRefused(StoreError):
    """The store refuses the values that are to be written, and would do so again."""


class Database:
    """`async with Database(url) as database:` opens it and runs the migrations that are missing. Raises StoreError."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._writer = asyncio.Lock()
        self._engine: AsyncEngine | None = None
        self.health = StoreHealth()
        self.node = NodeId("node1", 0)
        """Who writes here, and so owns the rows (`store.owners`). `cluster.nodes` sets it at the start."""
        self.installation = ""
        """The id that this store was given when it was made; empty: not known. `cluster.nodes` sets it as well."""

    async def __aenter__(self) -> "Database":
        self._engine = _engine(self._url, self.health)
        try:
            async with self._engine.begin() as connection:
                was, now = await connection.run_sync(migrations.upgrade)
        except migrations.NewerStore as error:
            await self._engine.dispose()
            raise StoreError(str(error)) from error
        except _not_opened() as error:
            await self._engine.dispose()
            kind = StoreInUse if _LOCKED in words_of(error) else StoreError
            raise kind(f"the store can't be opened (store.url): {words_of(error)}") from error
        except BaseException:
            await self._engine.dispose()
            raise
        log.info("store open", kind=self._engine.dialect.name, version=now, before=was)
        return self

    async def __aexit__(self, *_: object) -> None:
        """Closes all connections. One that does not close in `CLOSE_SECONDS` is abandoned."""
        assert self._engine is not None
        for _attempt in range(MOST_CONNECTIONS):  # a time-out ends one connection, and leaves the others open
            try:
                async with asyncio.timeout(CLOSE_SECONDS):
                    await self._engine.dispose()
                return
            except TimeoutError:
                log.warning("a connection to the store did not close in time")

    @property
    def shared(self) -> bool:
        """Other programs can write to it meanwhile."""
        assert self._engine is not None
        return self._engine.dialect.name != "sqlite"

    async def truncate_write_ahead_log(self) -> None:
        """Removes from SQLite's files what was deleted: its write-ahead log, which still holds it, is written back and
        emptied. On PostgreSQL this does nothing. Raises StoreError."""
        assert self._engine is not None
        if self._engine.dialect.name != "sqlite":
            return
        async with self._writer:
            try:
                async with asyncio.timeout(TRANSACTION_SECONDS), self._engine.connect() as plain:
                    connection = await plain.execution_options(voiceai_begins=False)
                    await connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
            except (DBAPIError, TimeoutError) as error:
                raise StoreError(f"the store's log can't be emptied: {words_of(error)}") from error

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[AsyncConnection]:
        """A connection for reading, which sees one state of the database throughout. Raises StoreError."""
        async with self._connected({}) as connection:
            yield connection

    @asynccontextmanager
    async def writing(self) -> AsyncIterator[AsyncConnection]:
        """A transaction, committed at the end unless something was raised. Raises StoreError, then nothing is kept, and
        SQLAlchemy's IntegrityError where a constraint forbids it."""
        try:
            async with self._connected({"voiceai_writes": True}, self._writer) as connection:
                yield connection
        except ValueRefused:
            raise
        except StoreError as error:
            self.health.failed(str(error))
            raise
        self.health.written()

    @asynccontextmanager
    async def _connected(
        self, options: dict[str, Any], alone: asyncio.Lock | None = None
    ) -> AsyncIterator[AsyncConnection]:
        assert self._engine is not None, "the database is not open"
        try:
            async with asyncio.timeout(TRANSACTION_SECONDS):
                if alone is not None:
                    await alone.acquire()
                try:
                    async with self._engine.connect() as plain:
                        connection = await plain.execution_options(**options)
                        try:
                            async with connection.begin():
                                yield connection
                        except DBAPIError as error:
                            if any(each in words_of(error).lower() for each in _BROKEN):
                                await connection.invalidate()
                            raise
                finally:
                    if alone is not None:
                        alone.release()
        except IntegrityError:
            raise
        except DBAPIError as error:
            kind = ValueRefused if _is_of_values(error) else StoreError
            raise kind(f"the store refuses: {words_of(error)}") from error
        except TimeoutError as error:
            raise StoreError(f"the store did not answer within {TRANSACTION_SECONDS:g} s") from error
        except unreachable() as error:
            raise StoreError(f"the store can't be reached: {words_of(error)}") from error


def _is_of_values(error: DBAPIError) -> bool:
    """SQLSTATE class 22, data exceptions; asyncpg tells of values that it can't encode by a ValueError of its own."""
    sqlstate = str(getattr(error.orig, "sqlstate", None) or "")
    return isinstance(error, DataError) or sqlstate.startswith("22") or isinstance(_cause(error), ValueError)


def _cause(error: DBAPIError) -> BaseException | None:
    return error.orig.__cause__ if error.orig is not None else None


def words_of(error: Exception) -> str:
    """The error's text, without the statement and its values that SQLAlchemy quotes: they may be personal."""
    text = str(getattr(error, "orig", None) or error)
    if text.startswith(_LOCKED):
        return f"{_LOCKED}: another program has it open; one controller per file"
    return text.splitlines()[0] if text else "no answer in time" if isinstance(error, TimeoutError) else repr(error)


def _engine(url: str, health: StoreHealth) -> AsyncEngine:
    try:
        parsed = make_url(url)
        if parsed.drivername not in DRIVERS:
            raise StoreError(f"store.url must begin with {' or '.join(f'{each}://' for each in DRIVERS)}")
        sqlite = parsed.get_backend_name() == "sqlite"
        server: dict[str, Any] = {
            "pool_pre_ping": True,
            "pool_size": MOST_CONNECTIONS,
            "connect_args": {"timeout": TRANSACTION_SECONDS, "server_settings": _SETTINGS},
        }
        arguments = _ONE_CONNECTION if sqlite else server
        engine = create_async_engine(parsed, json_deserializer=parsed_json, **arguments)
    except (ArgumentError, ModuleNotFoundError) as error:
        raise StoreError(f"store.url can't be used: {error}") from error
    if sqlite:
        _prepare_file(parsed.database)
        event.listen(engine.sync_engine, "connect", _set_up_sqlite)
        if (path := parsed.database) and path != ":memory:":
            event.listen(engine.sync_engine, "connect", lambda *_: health.opened(path))
        event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


def _prepare_file(path: str | None) -> None:
    """Creates SQLite's file, readable by its owner only: it holds numbers of people. Raises StoreError."""
    if not path or path == ":memory:":
        return
    file = Path(path)
    try:
        file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
    except OSError as error:
        raise StoreError(f"the store's file {file} can't be opened (store.url): {error.strerror}") from error


def _set_up_sqlite(connection: Any, _: object) -> None:
    connection.driver_connection.text_factory = _text
    connection.isolation_level = None  # the driver begins nothing by itself: `_begin_sqlite` does
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout={BUSY_MS}",
        "locking_mode=EXCLUSIVE",  # before WAL is opened: then there is no `-shm`
        "journal_mode=WAL",
        "synchronous=FULL",
        "secure_delete=ON",
        "foreign_keys=ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _text(stored: bytes) -> str:
    """A text that is not UTF-8 must not make the whole row unreadable."""
    return stored.decode(errors="replace")


def _begin_sqlite(connection: Connection) -> None:
    """A writing transaction takes SQLite's lock at its start: one that reads first could be refused the lock later."""
    options = connection.get_execution_options()
    if not options.get("voiceai_begins", True):
        return
    writes = options.get("voiceai_writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
