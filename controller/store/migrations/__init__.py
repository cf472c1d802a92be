"""The steps from an empty database to today's tables, run at each start.

Each step is a numbered file in `versions`. A released step is never edited: a change is one more step. Alembic keeps
the number of the last step in the database.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection


class NewerStore(Exception):
    """The database was upgraded by a newer release. The text is for people, one line."""


def configured(connection: Connection) -> Config:
    """Alembic's settings for this connection; there is no ini file."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    return config


def upgrade(connection: Connection) -> tuple[str | None, str | None]:
    """Runs what is missing, in the transaction of `connection`. Returns the version before and after. Raises
    NewerStore."""
    before, configuration = MigrationContext.configure(connection).get_current_revision(), configured(connection)
    script = ScriptDirectory.from_config(configuration)
    if before is not None and before not in {each.revision for each in script.walk_revisions()}:
        raise NewerStore(
            f"the store is of another release: its version is {before}, this release knows those up to"
            f" {script.get_current_head()}. Start the newer release, or use the copy made before the upgrade"
        )
    command.upgrade(configuration, "head")
    return before, MigrationContext.configure(connection).get_current_revision()
