"""Metadata of calls, in the queue and in the records."""

import sqlalchemy as sa
from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    for table in ("outbound_calls", "calls"):
        op.add_column(table, sa.Column("metadata", sa.JSON))
