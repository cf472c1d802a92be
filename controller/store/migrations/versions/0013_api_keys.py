"""Keys of the API; of sessions of the console, from where they came and the roles of the person."""

import sqlalchemy as sa
from alembic import op

from controller.store.tables.base import Moment

revision = "0013"
down_revision = "0011"


def upgrade() -> None:
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(16), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("scopes", sa.JSON, nullable=False),
        sa.Column("limits", sa.JSON, nullable=False),
        sa.Column("comment", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("created_at", Moment, nullable=False),
        sa.Column("created_by", sa.String(64), nullable=False),
        sa.Column("changed_at", Moment, nullable=False),
        sa.Column("changed_by", sa.String(64), nullable=False),
        sa.Column("used_at", Moment),
        sa.Column("used_from", sa.String(64)),
        sa.PrimaryKeyConstraint("id", name="pk_api_keys"),
        sa.UniqueConstraint("name", name="uq_api_keys_name"),
    )
    op.add_column("console_sessions", sa.Column("source", sa.String(64)))
    op.add_column("console_sessions", sa.Column("roles", sa.JSON))
