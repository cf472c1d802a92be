"""What the API keeps: keys, who did what, who is logged in, and the answers to requests that may be sent twice. [pure]

`audit`, `auth.keys`, `auth.sessions` and `idempotency` in `controller/api/` write and read them.
"""

from sqlalchemy import JSON, BigInteger, Column, Index, Integer, String, Table, Text

from controller.store.tables.base import Moment, metadata

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
    Column("source", String(64)),  # the address that it came from; null: written down before that was kept
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
    Column("node", String(64)),  # that carries it out
    Column("epoch", BigInteger),
    Index("ix_idempotency_at", "at"),
)

sessions = Table(
    "console_sessions",
    metadata,
    Column("hash", String(64), primary_key=True),  # of the id, which stands in the cookie alone
    Column("user", String(64), nullable=False),  # the name of the token
    Column("credential", String(64), nullable=False),  # its SHA-256, as it may stand in the config
    Column("began_at", Moment, nullable=False),
    Column("used_at", Moment, nullable=False),
    Column("source", String(64)),  # the address of the log-in
    Column("roles", JSON(none_as_null=True)),  # of a person who logged in by OpenID Connect; null: by a key
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("sha256", String(64), nullable=False),  # of the whole key, which is nowhere
    Column("scopes", JSON, nullable=False),
    Column("limits", JSON, nullable=False),  # in one: of a damaged row no part may be read as "no limit"
    Column("comment", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("created_by", String(64), nullable=False),
    Column("changed_at", Moment, nullable=False),
    Column("changed_by", String(64), nullable=False),
    Column("used_at", Moment),  # written now and then, not with each request
    Column("used_from", String(64)),
)
