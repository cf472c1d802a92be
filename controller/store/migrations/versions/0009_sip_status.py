"""The SIP status by which a call that we placed was refused."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    op.add_column("calls", sa.Column("sip_status", sa.Integer))
