"""Rows of the queue, and what they are read as. A row that can't be read is logged and left out."""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import ColumnElement, Row

from controller.calls import metadata
from controller.calls.outbound.entry import Attempt, CallOrder, QueuedCall, QueueFilter, Status
from controller.store.tables.outbound import outbound_calls as calls

log = structlog.get_logger()

LONGEST_DETAIL = 200


def written(attempt: Attempt) -> dict[str, str | int | None]:
    told = attempt.detail[:LONGEST_DETAIL] if attempt.detail else None
    written: dict[str, str | int | None] = {"at": attempt.at.isoformat(), "result": attempt.result, "detail": told}
    by_network = {"cause": attempt.cause, "sip_status": attempt.sip_status}
    return written | {"trunk": attempt.trunk, "passed_to": attempt.passed_to} | by_network


def fitting(wanted: QueueFilter) -> list[ColumnElement[bool]]:
    """The conditions of a filter."""
    same = {name: getattr(wanted, name) for name in ("trunk", "agent", "asked_by")}
    found = [calls.c[name] == value for name, value in same.items() if value is not None]
    found += [calls.c.metadata[key].as_string() == value for key, value in wanted.metadata]
    if wanted.statuses is not None:
        found.append(calls.c.status.in_(wanted.statuses))
    return found if wanted.calls is None else [*found, calls.c.id.in_(wanted.calls)]


def list_in(found: Any) -> list[Any]:
    return found if isinstance(found, list) else []


def _read(attempts: list[dict[str, Any]]) -> tuple[Attempt, ...]:
    return tuple(
        Attempt(
            datetime.fromisoformat(each["at"]),
            each["result"],
            each["detail"],
            each.get("trunk"),
            each.get("passed_to"),
            each.get("cause"),
            each.get("sip_status"),
        )
        for each in attempts
    )


def entries_of(rows: Iterable[Row[Any]]) -> list[QueuedCall]:
    return [entry for row in rows if (entry := entry_of(row)) is not None]


def entry_of(row: Row[Any]) -> QueuedCall | None:
    """None: it can't be read."""
    try:
        return _made(row)
    except (TypeError, ValueError, KeyError, AttributeError):
        log.error("a call of the queue can't be read in the store; it is left out", call=str(row.id), row=row.number)
        return None


def _made(row: Row[Any]) -> QueuedCall:
    """Raises TypeError, ValueError, KeyError and AttributeError."""
    asked = {name: getattr(row, name) for name in CallOrder.__dataclass_fields__}
    asked["metadata"] = metadata.fitting(row.metadata)
    texts = (row.id, row.callee, row.trunk, row.agent, row.asked_by)
    if not isinstance(row.variables, Mapping) or not all(isinstance(each, str) for each in texts):
        raise TypeError("not of the form that was written")
    if None in (row.created_at, row.due_at, row.expires_at) or not isinstance(row.timeout, float | int | None):
        raise TypeError("no moment, or no number")
    if not isinstance(row.priority, int):
        raise TypeError("no priority")
    return QueuedCall(
        number=row.number,
        id=row.id,
        status=Status(row.status),
        order=CallOrder(**asked),
        created_at=row.created_at,
        due_at=row.due_at,
        expires_at=row.expires_at,
        attempts=_read(row.attempts),
        dialled_at=row.dialled_at,
        ended_at=row.ended_at,
        result=row.result,
        detail=row.detail,
    )
