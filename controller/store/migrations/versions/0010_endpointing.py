"""The column of a turn that says how long after the caller's last sound the AI noticed the end of the turn."""

from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.alter_column("call_turns", "stopped_to_told_ms", new_column_name="endpointing_ms")
