"""What the records say of the versions of one agent, to compare them. Owns the SQL. Raises StoreError."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, and_, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from controller.store.tables.records import call_events, call_legs, calls


@dataclass(slots=True)
class VersionTotals:
    """Sums over the ended calls of one version. `version` None: not known. `measured`: calls with a response time."""

    version: int | None
    calls: int = 0
    answered: int = 0
    outcomes: dict[str, int] = field(default_factory=dict)
    talked_s: float = 0.0
    turns: int = 0
    interruptions: int = 0
    transfers: int = 0
    measured: int = 0
    first_frame_ms: float = 0.0
    cost: float = 0.0


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
    transfers = _parts(call_legs, call_legs.c.kind == "transfer", those)
    interruptions = _parts(call_events, call_events.c.type == "call.barge_in", those)
    for row in (await connection.execute(transfers)).all():
        found[row.agent_version].transfers = row.parts
    for row in (await connection.execute(interruptions)).all():
        found[row.agent_version].interruptions = row.parts
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
        )
        .where(*those)
        .group_by(*by)
    )


def _parts(table: Table, kind: ColumnElement[bool], those: Sequence[ColumnElement[bool]]) -> Select[Any]:
    same = and_(table.c.call == calls.c.call, table.c.attempt == calls.c.attempt, kind)
    counted = select(calls.c.agent_version, func.count().label("parts")).join(table, same)
    return counted.where(*those).group_by(calls.c.agent_version)
