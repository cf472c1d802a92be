"""The steps from an empty database to today's tables, run at each start.

Each step is a numbered file in `versions`. A released step is never edited: a change is one more step. Alembic keeps
the number of the last step in the database. Where none is missing Alembic is not loaded: it takes 7 MB.

On PostgreSQL other controllers may run meanwhile, also of the release before. So a step only adds what they can leave
out (a table; a column that may be null or has a default), and what a release does not need any more is removed by a
later release. Such a step sets `schema_compatibility.since`: releases that know that step work with the tables as they
are. Two controllers that start at once take turns; one that dies within a step leaves the tables as they were.

Source: PostgreSQL documentation, "Advisory Locks"; transactional DDL in its "ALTER TABLE" and "CREATE TABLE".
"""

from pathlib import Path

from sqlalchemy import Connection, column, inspect, select, table, text

_VERSION = table("alembic_version", column("version_num"))
_COMPATIBILITY = table("schema_compatibility", column("since"))
_KEY = 0x766F696365_6D
"""The key of the advisory lock of whoever changes the tables."""
TURN_SECONDS, LOCK_SECONDS = 60, 10
"""Seconds that another controller's upgrade, and transactions on a table that is changed, are waited for."""


class NewerStore(Exception):
    """The database was upgraded by a newer release. The text is for people, one line."""


def upgrade(connection: Connection) -> tuple[str | None, str | None]:
    """Runs what is missing, in the transaction of `connection`. Returns the version before and after. Raises
    NewerStore."""
    before = _version(connection)
    if _is_done(connection, before):
        return before, before
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SET LOCAL lock_timeout = '{TURN_SECONDS}s'"))
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _KEY})
        connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_SECONDS}s'"))
        before = _version(connection)
        if _is_done(connection, before):  # another controller was faster
            return before, before
    from controller.store.migrations.steps import run_missing

    return before, run_missing(connection)


def missing(connection: Connection) -> bool:
    """Whether steps are missing. Changes nothing. Raises NewerStore."""
    return not _is_done(connection, _version(connection))


def _is_done(connection: Connection, version: str | None) -> bool:
    """Raises NewerStore."""
    known = _versions()
    if version is None or version in known[:-1]:
        return False
    if version != known[-1] and not _works_with(connection, known[-1]):
        raise NewerStore(
            f"the store is of another release: its version is {version}, this release knows those up to"
            f" {known[-1]}. Start the newer release, or use the copy made before the upgrade"
        )
    return True


def _works_with(connection: Connection, latest: str) -> bool:
    """Whether a release whose latest step is this one works with the tables of a newer release."""
    if not inspect(connection).has_table(_COMPATIBILITY.name):
        return False
    since = connection.scalar(select(_COMPATIBILITY.c.since))
    return isinstance(since, str) and since <= latest


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table(_VERSION.name):
        return None
    return connection.scalar(select(_VERSION.c.version_num))


def _versions() -> list[str]:
    """The numbers in the names of the steps' files, the last step last."""
    return sorted(path.name.partition("_")[0] for path in Path(__file__).parent.glob("versions/[0-9]*.py"))
