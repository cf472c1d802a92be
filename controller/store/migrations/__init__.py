"""The steps from an empty database to today's tables, run at each start. Numbered files in `versions`, never edited
once released: a change is one more step. Alembic keeps the number in the database itself.
"""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection


def configured(connection: Connection) -> Config:
    """Alembic's settings for this connection; there is no ini file."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    return config


def upgrade(connection: Connection) -> tuple[str | None, str | None]:
    """Runs what is missing, in the transaction of `connection`. Returns the version before and after."""
    before = MigrationContext.configure(connection).get_current_revision()
    command.upgrade(configured(connection), "head")
    return before, MigrationContext.configure(connection).get_current_revision()
