"""The queue of calls to be placed, as tables. `controller/calls/outbound/queue.py` writes and reads them. [pure]"""

from sqlalchemy import JSON, BigInteger, Boolean, Column, Float, Index, Integer, String, Table, Text, false

from controller.store.tables.base import Moment, metadata

outbound_calls = Table(
    "outbound_calls",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),  # first come, first served
    Column("id", String(36), nullable=False, unique=True),  # the call's own
    Column("status", String(16), nullable=False),  # queued, dialing, ended
    Column("trunk", String(64), nullable=False),
    Column("callee", String(300), nullable=False),
    Column("agent", String(64), nullable=False),
    Column("caller_id", String(200)),
    Column("variables", JSON, nullable=False),
    Column("timeout", Float),
    Column("answer_detection", Boolean, nullable=False),
    Column("webhook", Text),
    Column("metadata", JSON(none_as_null=True)),  # null: none, or of a release before there was any
    Column("asked_by", String(64), nullable=False),
    Column("priority", Integer, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("due_at", Moment, nullable=False),  # not before
    Column("expires_at", Moment, nullable=False),
    Column("attempts", JSON, nullable=False),  # those that are over: [{at, result, detail}]
    Column("dialled_at", Moment),  # of the attempt under way, or of the last one
    Column("ended_at", Moment),
    Column("result", String(16)),
    Column("detail", String(200)),
    Column("untold", Boolean, nullable=False, server_default=false()),  # its latest change is not with the webhooks yet
    Column("teller", String(64)),  # the node that tells of it
    Column("node", String(64)),  # queued: who has claimed it, null: nobody; dialing, ended: who dialled it
    Column("epoch", BigInteger),
    Column("claimed_at", Moment),
    Index("ix_outbound_calls_order", "status", "trunk", "priority", "number"),
)

outbound_pauses = Table(
    "outbound_pauses",
    metadata,
    Column("trunk", String(64), primary_key=True),  # "" for all of them
    Column("asked_by", String(64), nullable=False),
    Column("since", Moment, nullable=False),
)
