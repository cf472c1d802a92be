"""The controllers of this store, and the id of the store itself. `controller/cluster/nodes.py` reads and writes them.
[pure]
"""

from sqlalchemy import BigInteger, Column, Integer, String, Table

from controller.store.tables.base import Moment, metadata

nodes = Table(
    "nodes",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("epoch", BigInteger, nullable=False),  # how often it was started
    Column("version", String(32), nullable=False),  # of voiceai
    Column("url", String(320), nullable=False),  # of its API
    Column("started_at", Moment, nullable=False),
    Column("beat_at", Moment, nullable=False),  # by the clock of the server, where there is one
    Column("stopped_at", Moment),  # null: it runs, or was killed
    Column("lost_at", Moment),  # when others took it for dead and ended its calls
)

installation = Table(
    "installation",
    metadata,
    Column("only", Integer, primary_key=True, autoincrement=False),  # 1: there is one row
    Column("id", String(36), nullable=False),  # a UUID, made when the table was; a copy of the database has it too
)
