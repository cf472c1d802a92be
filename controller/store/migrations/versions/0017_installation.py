"""An id of the installation, made once, here: the nodes of one store tell by it that a Valkey is theirs."""

import uuid

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    made = op.create_table(
        "installation",
        sa.Column("only", sa.Integer, nullable=False),
        sa.Column("id", sa.String(36), nullable=False),
        sa.PrimaryKeyConstraint("only", name="pk_installation"),
    )
    op.bulk_insert(made, [{"only": 1, "id": str(uuid.uuid4())}])
