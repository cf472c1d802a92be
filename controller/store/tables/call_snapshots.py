"""Live calls, for a controller that has to take them over. [pure]

`controller/calls/runtime/recovery.py` writes and reads the column `kept`.
"""

from sqlalchemy import JSON, BigInteger, Column, String, Table

from controller.store.tables.base import Moment, metadata

live_calls = Table(
    "live_calls",
    metadata,
    Column("call", String(64), primary_key=True),
    Column("written_at", Moment, nullable=False),
    Column("kept", JSON, nullable=False),
    Column(
        "node", String(64)
    ),  # that has the call, or has to tell of its loss; null: of a release before there were nodes
    Column("epoch", BigInteger),
    Column("lost_at", Moment),  # when it ended with its node; nobody has been told of it yet
)
