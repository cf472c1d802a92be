"""Changes of the queue whose event is not in the outbox yet: the next controller tells of them."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.add_column("outbound_calls", sa.Column("untold", sa.Boolean, nullable=False, server_default=sa.false()))
