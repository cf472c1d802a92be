"""Checks the database without changing it: is it there, does it answer, may the controller write it, and is it of a
release that this one works with?

The controller creates the database and brings its tables up to date at its start. The doctor does neither: it often
runs as another user (root), whose files the controller could not open, and beside a controller of another release.

Source: SQLite's uri.html, "immutable": neither locks nor files beside the database.
"""

import asyncio
import pwd
import sqlite3
import tempfile
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import create_engine
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import create_async_engine

from controller.cli.doctor.findings import Finding, failure, ok
from controller.config import Config
from controller.store import migrations
from controller.store.database import unreachable, words_of

SECONDS = 10.0
CHECK = "store"
FIX = "Correct `store.url`, or start the database; live calls continue without it."


async def store(config: Config) -> list[Finding]:
    url = make_url(config.store.url.get_secret_value())
    kind = url.get_backend_name()
    try:
        if kind == "sqlite":
            return [await asyncio.to_thread(_sqlite, Path(url.database or ""))]
        async with asyncio.timeout(SECONDS):
            return [_told(kind, await _missing(url))]
    except migrations.NewerStore as error:
        return [failure(CHECK, str(error), "Install that release, or restore the copy.")]
    except _not_opened() as error:
        return [failure(CHECK, f"the store can't be opened (store.url): {words_of(error)}", FIX)]


def _not_opened() -> tuple[type[Exception], ...]:
    return SQLAlchemyError, TimeoutError, *unreachable()


async def _missing(url: URL) -> bool:
    engine = create_async_engine(url)
    try:
        async with engine.connect() as connection:
            return await connection.run_sync(migrations.missing)
    finally:
        await engine.dispose()


def _told(kind: str, missing: bool) -> Finding:
    later = "; the controller brings its tables up to date at its start" if missing else ""
    return ok(CHECK, f"{kind} answers{later}")


def _sqlite(file: Path) -> Finding:
    """Raises SQLAlchemyError and OSError."""
    if str(file) in (".", ":memory:"):
        return ok(CHECK, "in memory: nothing is kept")
    if not file.exists():
        existing = next(each for each in file.absolute().parents if each.is_dir())
        with tempfile.TemporaryFile(dir=existing):
            return ok(CHECK, f"{file} is not there yet; the controller creates it at its first start")
    owner, folder = file.stat().st_uid, file.parent.stat().st_uid
    if owner == 0 != folder:
        told = f"{file} belongs to {_name(owner)}, and its folder to {_name(folder)}, who may not write it"
        return failure(CHECK, told, f"`chown {_name(folder)} {file}`, or move it away: the controller makes a new one.")
    engine = create_engine("sqlite://", creator=lambda: _opened(file))
    try:
        with engine.connect() as connection:
            return _told("sqlite", migrations.missing(connection))
    finally:
        engine.dispose()


def _opened(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(f"file:{quote(str(file.absolute()))}?immutable=1", uri=True)


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
