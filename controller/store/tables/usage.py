"""What has been dialled and spent, for the caps of an hour and a day. [pure]

`controller/calls/admission/usage_store.py` writes and reads them.
"""

from sqlalchemy import Column, Float, Index, String, Table

from controller.store.tables.base import Moment, metadata

dialled_legs = Table(
    "dialled_legs",
    metadata,
    Column("id", String(160), primary_key=True),  # channel and moment; no number
    Column("trunk", String(64), nullable=False),
    Column("day", String(10), nullable=False),  # of the owner's clock, ISO 8601
    Column("dialled_at", Moment, nullable=False),
    Column("seconds", Float, nullable=False),
    Column("node", String(64)),
    Index("ix_dialled_legs_dialled_at", "dialled_at"),
)

node_spending = Table(
    "node_spending",
    metadata,
    Column("day", String(10), primary_key=True),
    Column("node", String(64), primary_key=True),  # "": before there were nodes
    Column("dollars", Float, nullable=False),  # of this node alone; the day's are the sum
)

spent_days = Table(
    "spent_days", metadata, Column("day", String(10), primary_key=True), Column("dollars", Float, nullable=False)
)
"""Of releases before there were nodes, which may still read it. `node_spending` has what was in it."""
