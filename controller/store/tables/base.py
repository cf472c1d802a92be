"""The one `MetaData` that all tables of the store belong to, and the column types that they share. [pure]

Each part of the product has its tables in a module beside this one, which `tables/__init__.py` imports. Each change of
a table is a numbered migration in `migrations/versions`.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Column, DateTime, Integer, MetaData, String, Table
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(column_0_label)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)
"""Constraints have names, so that a migration can drop them."""


class Moment(TypeDecorator[datetime]):
    """A moment in UTC, microseconds kept. SQLite knows no time zones: there it is text that sorts by time."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment needs a time zone")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any] | None:
        """What SQLite holds and is no moment is read as None, so that the rest of the row can be read."""
        process = super().result_processor(dialect, coltype)

        def processed(value: Any) -> Any:
            try:
                return process(value) if process is not None else value
            except (TypeError, ValueError, OverflowError):
                return None

        return processed

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        if not isinstance(value, datetime):
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


schema_compatibility = Table(
    "schema_compatibility",
    metadata,
    Column("id", Integer, primary_key=True),  # 1: the only row
    Column("since", String(32), nullable=False),
)
"""`migrations.upgrade` reads it: releases that know the step `since` work with the tables as they are."""


def parsed_json(text: str | bytes) -> Any:
    """What a JSON column holds; None for what is no JSON: one damaged row must not hide the others."""
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None
