"""Events on their way to webhooks."""

import sqlalchemy as sa
from alembic import op

from controller.store.tables.base import Moment

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "webhook_outbox",
        sa.Column("number", sa.Integer, autoincrement=True),
        sa.Column("event", sa.String(64), nullable=False),
        sa.Column("type", sa.String(32), nullable=False),
        sa.Column("call", sa.String(64), nullable=False),
        sa.Column("receiver", sa.String(320), nullable=False),
        sa.Column("url", sa.Text),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("accepted_at", Moment, nullable=False),
        sa.Column("since", Moment, nullable=False),
        sa.Column("due_at", Moment),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("reason", sa.String(200)),
        sa.Column("dead_at", Moment),
        sa.PrimaryKeyConstraint("number", name="pk_webhook_outbox"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_webhook_outbox_lane", "webhook_outbox", ["receiver", "call", "number"])
    op.create_index("ix_webhook_outbox_due_at", "webhook_outbox", ["due_at", "receiver"])
    op.create_index("ix_webhook_outbox_dead_at", "webhook_outbox", ["dead_at"])
