"""Calls that are over: what is kept of them."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.schema import SchemaItem

from controller.store.tables.base import Moment

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    _calls()
    _of_call(
        "call_words",
        sa.Column("who", sa.String(16), nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("interrupted", sa.Boolean, nullable=False),
        sa.Column("heard_ms", sa.Integer),
        sa.Column("consultation", sa.Boolean, nullable=False),
    )
    op.create_index("ix_call_words_at", "call_words", ["at"])
    _of_call(
        "call_turns",
        sa.Column("turn", sa.Integer, nullable=False),
        sa.Column("stopped_to_told_ms", sa.Float),
        sa.Column("first_delta_ms", sa.Float),
        sa.Column("first_frame_ms", sa.Float),
    )
    _of_call(
        "call_tools",
        sa.Column("tool", sa.String(64), nullable=False),
        sa.Column("seconds", sa.Float),
        sa.Column("ok", sa.Boolean),
    )
    _of_call(
        "call_usage",
        sa.Column("provider", sa.String(64), nullable=False),
        sa.Column("model", sa.String(128), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("tokens", sa.JSON, nullable=False),
        sa.Column("seconds", sa.Float),
        sa.Column("cost", sa.Float, nullable=False),
    )
    _of_call(
        "call_recordings", sa.Column("path", sa.Text, nullable=False), sa.Column("seconds", sa.Float, nullable=False)
    )
    _of_call(
        "call_events", sa.Column("type", sa.String(32), nullable=False), sa.Column("data", sa.JSON, nullable=False)
    )
    _legs()


def _calls() -> None:
    op.create_table(
        "calls",
        sa.Column("number", sa.Integer, autoincrement=True, nullable=False),
        sa.Column("call", sa.String(64), nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("direction", sa.String(16), nullable=False, server_default=""),
        sa.Column("agent", sa.String(64), nullable=False, server_default=""),
        sa.Column("trunk", sa.String(64)),
        sa.Column("caller", sa.String(300)),
        sa.Column("callee", sa.String(300)),
        sa.Column("started_at", Moment, nullable=False),
        sa.Column("answered_at", Moment),
        sa.Column("ended_at", Moment),
        sa.Column("outcome", sa.String(32)),
        sa.Column("ended_by", sa.String(64)),
        sa.Column("cause", sa.Integer),
        sa.Column("detail", sa.String(500)),
        sa.Column("total_s", sa.Float),
        sa.Column("until_answer_s", sa.Float),
        sa.Column("talked_s", sa.Float),
        sa.Column("turns", sa.Integer, nullable=False, server_default="0"),
        sa.Column("first_frame_p50_ms", sa.Float),
        sa.Column("first_frame_max_ms", sa.Float),
        sa.Column("cost", sa.Float, nullable=False, server_default="0"),
        sa.PrimaryKeyConstraint("number", name="pk_calls"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_calls_call", "calls", ["call", "attempt"], unique=True)
    for column in ("started_at", "caller", "callee"):
        op.create_index(f"ix_calls_{column}", "calls", [column])


def _of_call(name: str, *more: SchemaItem) -> None:
    op.create_table(
        name,
        sa.Column("event", sa.String(64), nullable=False),
        sa.Column("call", sa.String(64), nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("at", Moment, nullable=False),
        *more,
        sa.PrimaryKeyConstraint("event", name=f"pk_{name}"),
    )
    op.create_index(f"ix_{name}_call", name, ["call", "attempt"])


def _legs() -> None:
    op.create_table(
        "call_legs",
        sa.Column("call", sa.String(64), nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("leg", sa.String(160), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("party", sa.String(300)),
        sa.Column("by", sa.String(64)),
        sa.Column("began_at", Moment, nullable=False),
        sa.Column("at", Moment, nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("outcome", sa.String(32)),
        sa.PrimaryKeyConstraint("call", "attempt", "leg", name="pk_call_legs"),
    )
