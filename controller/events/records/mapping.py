"""From events to rows: what is kept of a call, in which table. [pure]

Owns the redaction, which comes before anything is written, and the mapping. A row may be written twice without harm:
its key is the id of its event, of its call, or of its leg. A type of event without a table of its own is a row of
`call_events`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from controller.config.models.records import Records
from controller.config.number_redaction import written
from controller.events import schemas
from controller.events.envelope import Data, Event

_NOT_LISTED = ("call.said", "call.turn", "call.used", "call.recorded")
"""Types with a table of their own that has everything: they are no rows of `call_events`."""
_OF_THE_CALL = {"call", "attempt", "number", "metadata"}
"""Fields that the row of the call has."""

OPERATOR = "operator"
"""In the place of who speaks: what an operator told the agent."""


@dataclass(frozen=True, slots=True)
class RowWrite:
    """One row to be written. If there is one with this `key`, `values` replace its values, and `once` is left out."""

    table: str
    key: Mapping[str, Any]
    values: Mapping[str, Any] = field(default_factory=dict, repr=False)
    once: Mapping[str, Any] = field(default_factory=dict, repr=False)


def redacted(event: Event, settings: Records) -> Event:
    """The event as it may be stored."""
    hidden: dict[str, Any] = {}
    for name in event.data.personal():
        if name == "text":
            hidden |= {} if settings.transcripts else {name: None}
        elif settings.numbers != "full":
            value = getattr(event.data, name)
            hidden[name] = written(value, settings) if value is not None else None
    if not hidden:
        return event
    return event.model_copy(update={"data": event.data.model_copy(update=hidden)})


def rows(event: Event) -> list[RowWrite]:
    """In the order in which they are to be written."""
    listed = [] if event.type in _NOT_LISTED else [_event_row(event)]
    return [*_rows(event), *listed]


def _rows(event: Event) -> list[RowWrite]:
    at, data = event.timestamp, event.data
    match data:
        case schemas.Started():
            return [_call(data, _parties(data), at)]
        case schemas.Answered():
            return [_call(data, {"answered_at": at}, at - timedelta(seconds=data.after_s))]
        case schemas.Ended():
            return [_call(data, _parties(data) | _end(data, at), at - timedelta(seconds=data.durations.total))]
        case schemas.Settled():
            return [_settled(data, at)]
        case schemas.MetadataChange():
            return [_call(data, {"metadata": data.metadata}, at)]
        case schemas.Said(text=None):
            return []
        case schemas.Said():
            said = "who", "text", "interrupted", "heard_ms", "consultation", "started_at"
            return [_of(event, "call_words", *said, at=data.spoken_at)]
        case schemas.Instructed():
            told = {"who": OPERATOR, "text": data.text or "", "interrupted": False, "consultation": False}
            row = _of(event, "call_words", "by", "action", "agent")
            return [replace(row, once={**row.once, **told, "started_at": at})]
        case schemas.Turn():
            return [_of(event, "call_turns", "turn", "endpointing_ms", "first_delta_ms", "first_frame_ms")]
        case schemas.Tool(state="answered"):
            return [_of(event, "call_tools", "tool", "seconds", "ok", at=at - timedelta(seconds=data.seconds or 0))]
        case schemas.Used():
            return [_of(event, "call_usage", "provider", "model", "kind", "tokens", "seconds", "cost")]
        case schemas.Recorded():
            return [_of(event, "call_recordings", "path", "seconds")]
        case schemas.Transfer():
            return [_leg(data, f"transfer-{data.transfer}", "transfer", at, data.kind)]
        case schemas.Supervision():
            return [_leg(data, f"supervision-{data.supervision}", "supervision", at, data.mode)]
        case schemas.Participant():
            return [_leg(data, data.leg, "participant", at)]
    return []


def _parties(data: schemas.Started | schemas.Ended) -> dict[str, Any]:
    names = ("direction", "agent", "agent_version", "trunk", "caller", "callee", "metadata")
    return {name: getattr(data, name) for name in names}


def _end(data: schemas.Ended, at: datetime) -> dict[str, Any]:
    took, spread = data.durations, data.first_frame
    same = {
        name: getattr(data, name) for name in ("outcome", "ended_by", "cause", "sip_status", "detail", "turns", "cost")
    }
    return same | {
        "ended_at": at,
        "total_s": took.total,
        "until_answer_s": took.until_answer,
        "talked_s": took.talked,
        "first_frame_p50_ms": spread and spread.p50,
        "first_frame_max_ms": spread and spread.max,
    }


def _call(data: Data, values: Mapping[str, Any], started_at: datetime) -> RowWrite:
    return RowWrite("calls", {"call": data.call, "attempt": data.attempt}, values, {"started_at": started_at})


def _settled(data: schemas.Settled, at: datetime) -> RowWrite:
    """Of a call that was dialled this repeats how the last attempt ended, unless no controller saw that end."""
    same = {name: getattr(data, name) for name in ("agent", "trunk", "caller", "callee", "metadata")}
    once = same | {"direction": "outbound", "started_at": at, "ended_at": at}
    values = {"outcome": data.outcome, "detail": data.detail}
    return RowWrite("calls", {"call": data.call, "attempt": data.attempt}, values, once)


def _of(event: Event, table: str, *names: str, at: datetime | None = None) -> RowWrite:
    whose = {"call": event.data.call, "attempt": event.data.attempt, "at": at or event.timestamp}
    return RowWrite(table, {"event": event.id}, once=whose | {name: getattr(event.data, name) for name in names})


_Leg = schemas.Transfer | schemas.Participant | schemas.Supervision


def _leg(data: _Leg, leg: str, kind: str, at: datetime, mode: str | None = None) -> RowWrite:
    key = {"call": data.call, "attempt": data.attempt, "leg": leg}
    same = {"by": data.by, "state": data.state, "outcome": data.outcome}
    values = same | {"kind": kind, "party": data.to, "at": at, "mode": mode}
    return RowWrite("call_legs", key, values, {"began_at": at})


def _event_row(event: Event) -> RowWrite:
    data = event.data.without_personal()
    shown = data.model_dump(mode="json", exclude=_OF_THE_CALL, exclude_none=True)
    whose = {"call": event.data.call, "attempt": event.data.attempt, "at": event.timestamp}
    return RowWrite("call_events", {"event": event.id}, once=whose | {"type": event.type, "data": shown})
