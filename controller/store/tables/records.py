"""What is kept of calls, as tables. `controller/events/records/mapping.py` says which event fills which. [pure]"""

from sqlalchemy import JSON, BigInteger, Boolean, Column, Float, Index, Integer, String, Table, Text
from sqlalchemy.schema import SchemaItem

from controller.store.tables.base import Moment, metadata

calls = Table(
    "calls",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),  # in the order in which they began
    Column("call", String(64), nullable=False),
    Column("attempt", Integer, nullable=False),  # 0: it was never dialled
    Column("direction", String(16), nullable=False, server_default=""),
    Column("agent", String(64), nullable=False, server_default=""),
    Column("agent_version", Integer),  # 0: a draft; null: not known
    Column("trunk", String(64)),
    Column("caller", String(300)),
    Column("callee", String(300)),
    Column("started_at", Moment, nullable=False),
    Column("answered_at", Moment),
    Column("ended_at", Moment),
    Column("outcome", String(32)),
    Column("ended_by", String(64)),
    Column("cause", Integer),
    Column("sip_status", Integer),
    Column("detail", String(500)),
    Column("total_s", Float),
    Column("until_answer_s", Float),
    Column("talked_s", Float),
    Column("turns", Integer, nullable=False, server_default="0"),
    Column("first_frame_p50_ms", Float),
    Column("first_frame_max_ms", Float),
    Column("cost", Float, nullable=False, server_default="0"),
    Column("metadata", JSON(none_as_null=True)),  # null: none
    Column("node", String(64)),  # on which it began; null: of a release before there were nodes
    Column("epoch", BigInteger),
    Index("ix_calls_call", "call", "attempt", unique=True),
    Index("ix_calls_started_at", "started_at"),
    Index("ix_calls_caller", "caller"),
    Index("ix_calls_callee", "callee"),
    Index("ix_calls_agent", "agent", "agent_version"),
    sqlite_autoincrement=True,
)


def _of_call(name: str, *more: SchemaItem) -> Table:
    """A table with one row per event. `event` is the event's id, so that none is kept twice."""
    return Table(
        name,
        metadata,
        Column("event", String(64), primary_key=True),
        Column("call", String(64), nullable=False),
        Column("attempt", Integer, nullable=False),
        Column("at", Moment, nullable=False),
        *more,
        Index(f"ix_{name}_call", "call", "attempt"),
    )


call_words = _of_call(
    "call_words",
    Column("who", String(16), nullable=False),
    Column("text", Text, nullable=False),
    Column("interrupted", Boolean, nullable=False),
    Column("heard_ms", Integer),
    Column("consultation", Boolean, nullable=False),
    Column("started_at", Moment),  # null: not known
    Column("by", String(64)),  # of an operator's: who it was, what was asked, and which agent goes on
    Column("action", String(16)),
    Column("agent", String(64)),
    Index("ix_call_words_at", "at"),
)

call_turns = _of_call(
    "call_turns",
    Column("turn", Integer, nullable=False),
    Column("endpointing_ms", Float),
    Column("first_delta_ms", Float),
    Column("first_frame_ms", Float),
)

call_tools = _of_call(
    "call_tools", Column("tool", String(64), nullable=False), Column("seconds", Float), Column("ok", Boolean)
)

call_usage = _of_call(
    "call_usage",
    Column("provider", String(64), nullable=False),
    Column("model", String(128), nullable=False),
    Column("kind", String(32), nullable=False),
    Column("tokens", JSON, nullable=False),
    Column("seconds", Float),
    Column("cost", Float, nullable=False),
)

call_recordings = _of_call(
    "call_recordings", Column("path", Text, nullable=False), Column("seconds", Float, nullable=False)
)

call_events = _of_call("call_events", Column("type", String(32), nullable=False), Column("data", JSON, nullable=False))

call_legs = Table(
    "call_legs",
    metadata,
    Column("call", String(64), primary_key=True),
    Column("attempt", Integer, primary_key=True),
    Column("leg", String(160), primary_key=True),
    Column("kind", String(16), nullable=False),  # transfer, participant or supervision
    Column("mode", String(16)),  # blind, attended or refer; listen, whisper or take_over
    Column("party", String(300)),
    Column("by", String(64)),
    Column("began_at", Moment, nullable=False),
    Column("at", Moment, nullable=False),  # of the latest change
    Column("state", String(16), nullable=False),
    Column("outcome", String(32)),
)

PARTS = (call_words, call_turns, call_tools, call_usage, call_recordings, call_events, call_legs)
"""The tables whose rows belong to a row of `calls`, by `call` and `attempt`."""
