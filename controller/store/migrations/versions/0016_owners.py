"""Rows that a node owns name the node and its epoch; which releases work with this schema."""

import sqlalchemy as sa
from alembic import op

from controller.store.tables.base import Moment

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    for table in ("outbound_calls", "live_calls", "webhook_outbox", "calls", "idempotency"):
        op.add_column(table, sa.Column("node", sa.String(64)))
        op.add_column(table, sa.Column("epoch", sa.BigInteger))
    op.add_column("outbound_calls", sa.Column("claimed_at", Moment))
    op.add_column("outbound_calls", sa.Column("teller", sa.String(64)))
    op.add_column("webhook_outbox", sa.Column("claimed_at", Moment))
    op.add_column("live_calls", sa.Column("lost_at", Moment))
    op.add_column("dialled_legs", sa.Column("node", sa.String(64)))
    op.add_column("nodes", sa.Column("lost_at", Moment))
    spent = op.create_table(
        "node_spending",
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("node", sa.String(64), nullable=False),
        sa.Column("dollars", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("day", "node", name="pk_node_spending"),
    )
    before = sa.table("spent_days", sa.column("day"), sa.column("dollars"))
    columns = sa.select(before.c.day, sa.literal(""), before.c.dollars)
    op.execute(sa.insert(spent).from_select(["day", "node", "dollars"], columns))
    works = op.create_table(
        "schema_compatibility",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("since", sa.String(32), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_schema_compatibility"),
    )
    op.bulk_insert(works, [{"id": 1, "since": revision}])
