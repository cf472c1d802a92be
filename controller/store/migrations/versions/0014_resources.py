"""Agents, routes and the like with their versions; calls know the version of their agent."""

import sqlalchemy as sa
from alembic import op

from controller.store.tables.base import Moment

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.create_table(
        "resources",
        sa.Column("number", sa.Integer, autoincrement=True),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("edit", sa.Integer, nullable=False),
        sa.Column("latest", sa.Integer, nullable=False),
        sa.Column("published", sa.Integer),
        sa.Column("trial", sa.Integer),
        sa.Column("share", sa.Integer),
        sa.Column("draft", sa.JSON),
        sa.Column("draft_by", sa.String(64)),
        sa.Column("draft_at", Moment),
        sa.PrimaryKeyConstraint("number", name="pk_resources"),
        sa.UniqueConstraint("kind", "name", name="uq_resources_kind"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "resource_versions",
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("content", sa.JSON, nullable=False),
        sa.Column("by", sa.String(64), nullable=False),
        sa.Column("at", Moment, nullable=False),
        sa.Column("comment", sa.Text, nullable=False),
        sa.PrimaryKeyConstraint("kind", "name", "version", name="pk_resource_versions"),
    )
    op.create_table(
        "config_state",
        sa.Column("id", sa.Integer, nullable=False),
        sa.Column("revision", sa.Integer, nullable=False),
        sa.Column("source", sa.String(8), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_config_state"),
    )
    op.add_column("calls", sa.Column("agent_version", sa.Integer))
    op.create_index("ix_calls_agent", "calls", ["agent", "agent_version"])
