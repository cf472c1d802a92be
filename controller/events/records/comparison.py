"""What the records say of the versions of one agent, to compare them. Owns the SQL. Raises StoreError."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, and_, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from controller.store.tables.records import call_events, call_legs, calls

_SQUARED = {
    "talked_s": calls.c.talked_s,
    "turns": calls.c.turns,
    "first_frame_ms": calls.c.first_frame_p50_ms,
    "cost": calls.c.cost,
}


@dataclass(slots=True)
class VersionTotals:
    """Sums over the ended calls of one version. `version` None: not known. `measured`: calls with a response time.
    `transferred`: calls with a transfer. `squares`: the sums of the squares, by the name of what is summed."""

    version: int | None
    calls: int = 0
    answered: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)
    talked_s: float = 0.0
    turns: int = 0
    interruptions: int = 0
    transfers: int = 0
    transferred: int = 0
    measured: int = 0
    first_frame_ms: float = 0.0
    cost: float = 0.0
    squares: dict[str, float] = field(default_factory=dict)

    def add_squares(self, name: str, square: float | None) -> None:
        self.squares[name] = self.squares.get(name, 0.0) + float(square or 0.0)


async def totals(
    connection: AsyncConnection, agent: str, since: datetime | None, until: datetime | None
) -> list[VersionTotals]:
    """Newest version first."""
    those = [calls.c.agent == agent, calls.c.ended_at.is_not(None)]
    those += [calls.c.started_at >= since] if since is not None else []
    those += [calls.c.started_at < until] if until is not None else []
    found: dict[int | None, VersionTotals] = {}
    for row in (await connection.execute(_ended(those))).all():
        total = found.setdefault(row.agent_version, VersionTotals(row.agent_version))
        total.calls += row.calls
        total.outcomes[row.outcome or "failed"] = total.outcomes.get(row.outcome or "failed", 0) + row.calls
        total.answered += row.answered
        total.talked_s += row.talked_s or 0.0
        total.turns += row.turns or 0
        total.measured += row.measured
        total.first_frame_ms += row.first_frame_ms or 0.0
        total.cost += row.cost or 0.0
        for name in _SQUARED:
            total.add_squares(name, getattr(row, f"{name}_squared"))
    transfers = _parts(call_legs, call_legs.c.kind == "transfer", those)
    interruptions = _parts(call_events, call_events.c.type == "call.barge_in", those)
    for row in (await connection.execute(transfers)).all():
        found[row.agent_version].transfers = int(row.parts)
        found[row.agent_version].transferred = row.calls
    for row in (await connection.execute(interruptions)).all():
        found[row.agent_version].interruptions = int(row.parts)
        found[row.agent_version].add_squares("interruptions", row.squared)
    return sorted(found.values(), key=lambda each: each.version or 0, reverse=True)


def _ended(those: Sequence[ColumnElement[bool]]) -> Select[Any]:
    by = (calls.c.agent_version, calls.c.outcome)
    return (
        select(
            *by,
            func.count().label("calls"),
            func.count(calls.c.answered_at).label("answered"),
            func.sum(calls.c.talked_s).label("talked_s"),
            func.sum(calls.c.turns).label("turns"),
            func.count(calls.c.first_frame_p50_ms).label("measured"),
            func.sum(calls.c.first_frame_p50_ms).label("first_frame_ms"),
            func.sum(calls.c.cost).label("cost"),
            *(func.sum(each * each).label(f"{name}_squared") for name, each in _SQUARED.items()),
        )
        .where(*those)
        .group_by(*by)
    )


def _parts(table: Table, kind: ColumnElement[bool], those: Sequence[ColumnElement[bool]]) -> Select[Any]:
    """Of each version: all `parts`, the `calls` that have any, and the sum of the squares of their numbers."""
    same = and_(table.c.call == calls.c.call, table.c.attempt == calls.c.attempt, kind)
    by = (calls.c.agent_version, calls.c.call, calls.c.attempt)
    each = select(*by, func.count().label("parts")).join(table, same).where(*those).group_by(*by).subquery()
    parts = each.c.parts
    sums = func.sum(parts).label("parts"), func.count().label("calls"), func.sum(parts * parts).label("squared")
    return select(each.c.agent_version, *sums).group_by(each.c.agent_version)
