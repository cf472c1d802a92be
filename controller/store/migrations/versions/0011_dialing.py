"""The queue's status of a call that is being dialled has the word of the call's state: `dialing`."""

from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.execute("UPDATE outbound_calls SET status = 'dialing' WHERE status = 'dialling'")
