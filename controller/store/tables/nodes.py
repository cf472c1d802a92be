"""The controllers of this store, as a table. `controller/cluster/nodes.py` writes and reads it. [pure]"""

from sqlalchemy import BigInteger, Column, String, Table

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
