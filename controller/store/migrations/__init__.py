"""The steps from an empty database to today's tables, run at each start.

Each step is a numbered file in `versions`. A released step is never edited: a change is one more step. Alembic keeps
the number of the last step in the database. Where none is missing Alembic is not loaded: it takes 7 MB.
"""

from pathlib import Path

from sqlalchemy import Connection, column, inspect, select, table

_VERSION = table("alembic_version", column("version_num"))


class NewerStore(Exception):
    """The database was upgraded by a newer release. The text is for people, one line."""


def upgrade(connection: Connection) -> tuple[str | None, str | None]:
    """Runs what is missing, in the transaction of `connection`. Returns the version before and after. Raises
    NewerStore."""
    before, known = _version(connection), _versions()
    if before == known[-1]:
        return before, before
    if before is not None and before not in known:
        raise NewerStore(
            f"the store is of another release: its version is {before}, this release knows those up to"
            f" {known[-1]}. Start the newer release, or use the copy made before the upgrade"
        )
    from controller.store.migrations.steps import run_missing

    return before, run_missing(connection)


def _version(connection: Connection) -> str | None:
    if not inspect(connection).has_table(_VERSION.name):
        return None
    return connection.scalar(select(_VERSION.c.version_num))


def _versions() -> list[str]:
    """The numbers in the names of the steps' files, the last step last."""
    return sorted(path.name.partition("_")[0] for path in Path(__file__).parent.glob("versions/[0-9]*.py"))
