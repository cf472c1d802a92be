"""Calls that are up: the next controller takes them over."""

import sqlalchemy as sa
from alembic import op

from controller.store.tables.base import Moment

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    op.create_table(
        "live_calls",
        sa.Column("call", sa.String(64), nullable=False),
        sa.Column("written_at", Moment, nullable=False),
        sa.Column("kept", sa.JSON, nullable=False),
        sa.PrimaryKeyConstraint("call", name="pk_live_calls"),
    )
