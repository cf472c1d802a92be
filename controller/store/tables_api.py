"""What the API keeps: who did what, and the answers to requests that may be sent twice. [pure]

What the columns mean is `controller/api/audit.py`'s and `controller/api/idempotency.py`'s.
"""

from sqlalchemy import JSON, Column, Index, Integer, String, Table, Text

from controller.store.tables import Moment, metadata

audit = Table(
    "audit",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("at", Moment, nullable=False),
    Column("by", String(64), nullable=False),
    Column("operation", String(64), nullable=False),
    Column("call", String(64)),
    Column("asked", JSON, nullable=False),  # nothing personal: numbers are masked, words are left out
    Column("status", Integer, nullable=False),
    Column("request_id", String(64), nullable=False),
    Index("ix_audit_at", "at"),
    Index("ix_audit_call", "call"),
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("by", String(64), primary_key=True),
    Column("key", String(128), primary_key=True),
    Column("fingerprint", String(64), nullable=False),
    Column("at", Moment, nullable=False),
    Column("status", Integer),  # null: begun, and the end not written down
    Column("body", Text),
    Column("location", Text),
    Index("ix_idempotency_at", "at"),
)
