"""Events on their way to webhooks, as a table. [pure]

`controller/events/webhooks/outbox.py` writes and reads it.
"""

from sqlalchemy import BigInteger, Column, Index, Integer, String, Table, Text

from controller.store.tables.base import Moment, metadata

webhook_outbox = Table(
    "webhook_outbox",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),  # in the order of the events
    Column("event", String(64), nullable=False),  # its id
    Column("type", String(32), nullable=False),
    Column("call", String(64), nullable=False),
    Column("receiver", String(320), nullable=False),
    Column("url", Text),  # of a call's own webhook only; the config has the others
    Column("body", Text, nullable=False),
    Column("accepted_at", Moment, nullable=False),
    Column("since", Moment, nullable=False),  # when trying began: at first, or by a replay
    Column("due_at", Moment),  # null: behind another one of its call and receiver, or dead
    Column("attempts", Integer, nullable=False),
    Column("reason", String(200)),  # why the last attempt failed
    Column("dead_at", Moment),
    Column("node", String(64)),  # that sends it at this moment; null: nobody does
    Column("epoch", BigInteger),
    Column("claimed_at", Moment),
    Index("ix_webhook_outbox_lane", "receiver", "call", "number"),
    Index("ix_webhook_outbox_due_at", "due_at", "receiver"),
    Index("ix_webhook_outbox_dead_at", "dead_at"),
    sqlite_autoincrement=True,  # numbers are never used twice: they are names in the API
)
