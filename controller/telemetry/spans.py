"""A call as spans of OpenTelemetry: the call, and in it set-up, session, turns, tools, transfers, lost connections.
[pure]

Owns which events of `lifecycle` become a span. Nothing personal is in a span: no telephone number, no words, no
arguments. `otel` sends them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from bridge import contract
from controller.calls.reporting import lifecycle

MOST = 1000
"""Spans of one call; later ones are left out."""

Value = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Span:
    """`facts`: its attributes. `ok` None: it neither failed nor is it known to have succeeded."""

    name: str
    begin: datetime
    end: datetime
    facts: Mapping[str, Value] = field(default_factory=dict)
    ok: bool | None = None


@dataclass(slots=True)
class _Call:
    begin: datetime
    facts: dict[str, Value]
    inner: list[Span] = field(default_factory=list)
    transfers: dict[int, datetime] = field(default_factory=dict)

    def note(self, name: str, begin: datetime, end: datetime, ok: bool | None = None, **facts: Value | None) -> None:
        if len(self.inner) < MOST:
            known = {key: value for key, value in facts.items() if value is not None}
            self.inner.append(Span(name, max(begin, self.begin), end, known, ok))


class Spans:
    """`observe` returns the spans of a call when it is over, the call's own first; else nothing."""

    def __init__(self) -> None:
        self._live: dict[str, _Call] = {}

    def observe(self, what: lifecycle.LifecycleEvent, at: datetime) -> tuple[str, list[Span]] | None:
        match what:
            case lifecycle.CallBegan(call=view) | lifecycle.CallAdopted(call=view):
                facts: dict[str, Value] = {"direction": view.direction, "agent": view.agent, "attempt": what.attempt}
                facts |= {"trunk": view.trunk} if view.trunk else {}
                facts |= {"adopted": True} if isinstance(what, lifecycle.CallAdopted) else {}
                self._live[view.id] = _Call(at, facts)
            case lifecycle.CallOver(call=view):
                if (over := self._live.pop(view.id, None)) is not None:
                    return view.id, [_root(over, what, at), *over.inner]
            case _:
                call = self._live.get(getattr(what, "call", ""))
                if call is not None:
                    _inner(call, what, at)
        return None


def _root(call: _Call, over: lifecycle.CallOver, at: datetime) -> Span:
    view = over.call
    ends: dict[str, Value | None] = {
        "outcome": over.outcome,
        "ended_by": view.ended_by,
        "cause": view.cause,
        "sip_status": view.sip_status,
        "talked_s": round(over.talked_s, 3),
        "cost": round(view.cost, 6),
    }
    facts = call.facts | {key: value for key, value in ends.items() if value is not None}
    return Span("call", call.begin, at, facts, ok=over.outcome != "failed")


def _inner(call: _Call, what: lifecycle.LifecycleEvent, at: datetime) -> None:
    match what:
        case contract.Ready():
            call.note("session", at - timedelta(milliseconds=what.took_ms), at, ok=True, model=what.model)
        case contract.Failed():
            call.note("session", at, at, ok=False, kind=what.kind)
        case lifecycle.CallAnswered():
            call.note("setup", call.begin, at)
        case contract.TurnMeasured():
            # reported when the answer's first frame is played; it began when the caller fell silent
            waited = (what.endpointing_ms or 0.0) + (what.first_frame_ms or 0.0)
            facts = what.model_dump(include={"turn", "endpointing_ms", "first_delta_ms", "first_frame_ms"})
            call.note("turn", at - timedelta(milliseconds=waited), at, **facts)
        case contract.BargedIn():
            call.note("barge-in", at - timedelta(milliseconds=what.latency_ms), at, heard_ms=what.heard_ms)
        case lifecycle.ToolTimed():
            call.note("tool", at - timedelta(seconds=what.seconds), at, ok=what.ok, tool=what.tool)
        case lifecycle.TransferMoved():
            began = call.transfers.setdefault(what.attempt, at)
            if what.outcome is not None:
                call.note("transfer", began, at, attempt=what.attempt, outcome=what.outcome, state=what.state)
        case contract.Reconnected():
            gap = timedelta(milliseconds=what.gap_ms)
            call.note("reconnect", at - gap, at, provider=what.provider, attempts=what.attempts, planned=what.planned)
        case lifecycle.CallFailedOver():
            call.note("rehome", at - timedelta(seconds=what.gap_s), at)
