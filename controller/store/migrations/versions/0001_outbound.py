"""The queue of calls to be placed."""

import sqlalchemy as sa
from alembic import op

from controller.store.tables.base import Moment

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "outbound_calls",
        sa.Column("number", sa.Integer, autoincrement=True),
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("status", sa.String(16), nullable=False),
        sa.Column("trunk", sa.String(64), nullable=False),
        sa.Column("callee", sa.String(300), nullable=False),
        sa.Column("agent", sa.String(64), nullable=False),
        sa.Column("caller_id", sa.String(200)),
        sa.Column("variables", sa.JSON, nullable=False),
        sa.Column("timeout", sa.Float),
        sa.Column("answer_detection", sa.Boolean, nullable=False),
        sa.Column("webhook", sa.Text),
        sa.Column("asked_by", sa.String(64), nullable=False),
        sa.Column("priority", sa.Integer, nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("due_at", Moment, nullable=False),
        sa.Column("expires_at", Moment, nullable=False),
        sa.Column("attempts", sa.JSON, nullable=False),
        sa.Column("dialled_at", Moment),
        sa.Column("ended_at", Moment),
        sa.Column("result", sa.String(16)),
        sa.Column("detail", sa.String(200)),
        sa.PrimaryKeyConstraint("number", name="pk_outbound_calls"),
        sa.UniqueConstraint("id", name="uq_outbound_calls_id"),
    )
    op.create_index("ix_outbound_calls_order", "outbound_calls", ["status", "trunk", "priority", "number"])
    op.create_table(
        "outbound_pauses",
        sa.Column("trunk", sa.String(64)),
        sa.Column("asked_by", sa.String(64), nullable=False),
        sa.Column("since", Moment, nullable=False),
        sa.PrimaryKeyConstraint("trunk", name="pk_outbound_pauses"),
    )
