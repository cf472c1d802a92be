"""The controllers of this store, and how often each was started."""

import sqlalchemy as sa
from alembic import op

from controller.store.tables.base import Moment

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    op.create_table(
        "nodes",
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("version", sa.String(32), nullable=False),
        sa.Column("url", sa.String(320), nullable=False),
        sa.Column("started_at", Moment, nullable=False),
        sa.Column("beat_at", Moment, nullable=False),
        sa.Column("stopped_at", Moment),
        sa.PrimaryKeyConstraint("name", name="pk_nodes"),
    )
