"""What has been dialled and spent: the caps of an hour and a day outlive the controller."""

import sqlalchemy as sa
from alembic import op

from controller.store.tables.base import Moment

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "dialled_legs",
        sa.Column("id", sa.String(160), nullable=False),
        sa.Column("trunk", sa.String(64), nullable=False),
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("dialled_at", Moment, nullable=False),
        sa.Column("seconds", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_dialled_legs"),
    )
    op.create_index("ix_dialled_legs_dialled_at", "dialled_legs", ["dialled_at"])
    op.create_table(
        "spent_days",
        sa.Column("day", sa.String(10), nullable=False),
        sa.Column("dollars", sa.Float, nullable=False),
        sa.PrimaryKeyConstraint("day", name="pk_spent_days"),
    )
