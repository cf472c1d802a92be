"""Runs the steps that are missing, by Alembic."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection


def run_missing(connection: Connection) -> str | None:
    """In the transaction of `connection`. Returns the version after."""
    command.upgrade(configured(connection), "head")
    return MigrationContext.configure(connection).get_current_revision()


def configured(connection: Connection) -> Config:
    """Alembic's settings for this connection; there is no ini file."""
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent))
    config.attributes["connection"] = connection
    return config
