"""When an utterance began; what operators told the agent; how somebody was transferred or supervised."""

import sqlalchemy as sa
from alembic import op

from controller.store.tables.base import Moment

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    op.add_column("call_words", sa.Column("started_at", Moment))
    op.add_column("call_words", sa.Column("by", sa.String(64)))
    op.add_column("call_words", sa.Column("action", sa.String(16)))
    op.add_column("call_words", sa.Column("agent", sa.String(64)))
    op.add_column("call_legs", sa.Column("mode", sa.String(16)))
