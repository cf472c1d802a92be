"""What the release before needs of the tables, and what of it is gone or in its way.

Owns the rule of `controller.store.migrations`: a release only adds what the release before can leave out.
"""

import asyncio
import json
import os
import sys
import tempfile
from typing import Any

from sqlalchemy import Connection, inspect

from tests.previous_release import environment

Tables = dict[str, dict[str, Any]]
"""By table: `columns`, of each its type and whether it must be given; `rules`: what else refuses a row."""

_MAKE = """
import asyncio, json, sys
from controller.store.database import Database
from controller.store.tables import base
import controller.store.tables
async def main():
    async with Database(sys.argv[1]):
        print(json.dumps({name: list(table.columns.keys()) for name, table in base.metadata.tables.items()}))
asyncio.run(main())
"""


async def opened_before(url: str) -> dict[str, list[str]]:
    """The release before opens the store, and makes it if there is none. Returns the columns that it knows."""
    child = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _MAKE, url),
        env=os.environ | environment(),
        cwd=tempfile.gettempdir(),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    told, faults = await child.communicate()
    assert child.returncode == 0, faults.decode()
    found: dict[str, list[str]] = json.loads(told.decode().splitlines()[-1])
    return found


def tables_of(connection: Connection) -> Tables:
    there = inspect(connection)
    return {name: {"columns": _columns(there, name), "rules": _rules(there, name)} for name in there.get_table_names()}


def _columns(there: Any, table: str) -> dict[str, Any]:
    return {
        column["name"]: {
            "type": column["type"].compile(there.dialect),
            "needed": not column["nullable"] and column["default"] is None and column.get("autoincrement") is not True,
        }
        for column in there.get_columns(table)
    }


def _rules(there: Any, table: str) -> list[str]:
    unique = [each["column_names"] for each in there.get_unique_constraints(table)]
    unique += [each["column_names"] for each in there.get_indexes(table) if each["unique"]]
    foreign = [(each["constrained_columns"], each["referred_table"]) for each in there.get_foreign_keys(table)]
    checks = [each["sqltext"] for each in there.get_check_constraints(table)]
    key = there.get_pk_constraint(table)["constrained_columns"]
    return sorted({f"unique {each}" for each in unique} | {f"key {key}"}) + [
        *sorted(f"foreign key {each}" for each in foreign),
        *sorted(f"check {each}" for each in checks),
    ]


def faults(known: dict[str, list[str]], before: Tables, now: Tables) -> list[str]:
    """Why the release before, which knows these columns, does not work with the tables as they are now."""
    found = []
    for table, columns in known.items():
        if table not in now:
            found.append(f"{table} is gone")
            continue
        was, there = before[table], now[table]
        for column in columns:
            if column not in there["columns"]:
                found.append(f"{table}.{column} is gone")
            elif was["columns"][column]["type"] != there["columns"][column]["type"]:
                found.append(f"{table}.{column} has another type")
        needed = [name for name, column in there["columns"].items() if column["needed"]]
        allowed = [name for name in columns if was["columns"][name]["needed"]]
        found += [f"{table}.{name} must be given" for name in needed if name not in allowed]
        found += [f"{table} has another rule: {rule}" for rule in there["rules"] if rule not in was["rules"]]
    return found
