"""Sessions of the console; from where the requests of the audit log came."""

import sqlalchemy as sa
from alembic import op

from controller.store.tables.base import Moment

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    op.add_column("audit", sa.Column("source", sa.String(64)))
    op.create_table(
        "console_sessions",
        sa.Column("hash", sa.String(64), nullable=False),
        sa.Column("user", sa.String(64), nullable=False),
        sa.Column("credential", sa.String(64), nullable=False),
        sa.Column("began_at", Moment, nullable=False),
        sa.Column("used_at", Moment, nullable=False),
        sa.PrimaryKeyConstraint("hash", name="pk_console_sessions"),
    )
