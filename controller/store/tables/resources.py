"""Agents, routes and the like with their versions. [pure]

`controller/versions/repository.py` writes and reads them.
"""

from sqlalchemy import JSON, Column, Integer, String, Table, Text, UniqueConstraint

from controller.store.tables.base import Moment, metadata

resources = Table(
    "resources",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),  # in the order in which they were made
    Column("kind", String(32), nullable=False),
    Column("name", String(64), nullable=False),
    Column("edit", Integer, nullable=False),  # counts every change of this row
    Column("latest", Integer, nullable=False),  # the highest version that there ever was
    Column("published", Integer),  # a version; null: it is deleted, or has never been published
    Column("trial", Integer),  # a version that gets a share of the calls
    Column("share", Integer),  # of 100 calls
    Column("draft", JSON(none_as_null=True)),
    Column("draft_by", String(64)),
    Column("draft_at", Moment),
    UniqueConstraint("kind", "name", name="uq_resources_kind"),
    sqlite_autoincrement=True,
)

resource_versions = Table(
    "resource_versions",
    metadata,
    Column("kind", String(32), primary_key=True),
    Column("name", String(64), primary_key=True),
    Column("version", Integer, primary_key=True),
    Column("content", JSON, nullable=False),  # no secret: references to them, or stars
    Column("by", String(64), nullable=False),
    Column("at", Moment, nullable=False),
    Column("comment", Text, nullable=False),
)

config_state = Table(
    "config_state",
    metadata,
    Column("id", Integer, primary_key=True),  # 1: the only row
    Column("revision", Integer, nullable=False),  # counts publications
    Column("source", String(8), nullable=False),  # file or store: who wrote the published versions
)
