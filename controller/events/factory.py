"""What happens in calls becomes events: milestones and workers' events in, numbered events out. [pure]

Owns the ids of events, the numbers within each call, and which call wants its events at a webhook of its own. Of calls
that it never saw begin, or saw end, it tells nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from bridge import contract
from controller.calls.reporting import lifecycle
from controller.calls.reporting.call_log import who_said
from controller.calls.reporting.view import CallView
from controller.events import schemas

_Made = tuple[type[schemas.Event], dict[str, Any]] | None


@dataclass(frozen=True)
class OutgoingEvent:
    """An event on its way. `order`: its place among all events of this process, from 1."""

    order: int
    event: schemas.Event = field(repr=False)
    webhook: str | None = field(default=None, repr=False)

    @property
    def final(self) -> bool:
        """Nothing comes of this call after it: a call from the queue is tried again, perhaps."""
        data = self.event.data
        return isinstance(data, schemas.Settled) or (isinstance(data, schemas.Ended) and data.direction == "inbound")

    @property
    def type(self) -> str:
        return self.event.type

    @property
    def call(self) -> str:
        return self.event.data.call

    @cached_property
    def full(self) -> bytes:
        """JSON, with what is personal."""
        return self.event.model_dump_json().encode()

    @cached_property
    def wordless(self) -> bytes:
        """JSON, with what is personal, but without what was said."""
        return self.event.wordless().model_dump_json().encode()

    @cached_property
    def bare(self) -> bytes:
        """JSON, without what is personal."""
        return self.event.bare().model_dump_json().encode()


@dataclass(slots=True)
class _Told:
    """Of one live call."""

    webhook: str | None
    attempt: int
    count: int = 0
    rang: bool = False


class EventFactory:
    """`epoch` is this process's: ids are `<epoch>-<order>`, and those of another process are told from ours. `cost`: US
    dollars."""

    def __init__(self, epoch: str, cost: Callable[[contract.Used], float] = lambda _: 0.0) -> None:
        self.epoch = epoch
        self._cost = cost
        self._order = 0
        self._calls: dict[str, _Told] = {}

    def __repr__(self) -> str:
        return f"<Maker {self.epoch}: {self._order} events, {len(self._calls)} live calls>"

    def make(self, what: lifecycle.LifecycleEvent, at: datetime) -> OutgoingEvent | None:
        """None: not worth telling."""
        match what:
            case lifecycle.CallerRefused(call=CallView() as refused):
                end = _ended(lifecycle.CallOver("inbound", refused.outcome or "failed", 0.0, refused))
                data = {"call": refused.id, "attempt": 1, "number": 1, **end}
                return self._notice(schemas.CallEnded, data, None, at)
            case lifecycle.CallQueued():
                fields = {"due_at": what.due_at, "expires_at": what.expires_at}
                return self._between(schemas.CallQueued, what, what.attempt, fields, at)
            case lifecycle.CallSettled():
                fields = _picked(what.call, "outcome", "detail", "cause", "sip_status")
                return self._between(schemas.CallSettled, what, what.attempts, fields, at)
            case lifecycle.CallBegan() | lifecycle.CallAdopted():
                self._calls.setdefault(what.call.id, _Told(what.webhook, what.attempt))
        call = _call_of(what)
        told = self._calls.get(call)
        made = self._event(what, told, at) if told is not None else None
        if told is None or made is None:
            return None
        kind, fields = made
        told.count += 1
        if isinstance(what, lifecycle.CallOver):
            del self._calls[call]
        return self._notice(
            kind, {"call": call, "attempt": told.attempt, "number": told.count, **fields}, told.webhook, at
        )

    def _between(
        self,
        kind: type[schemas.Event],
        what: lifecycle.CallQueued | lifecycle.CallSettled,
        attempt: int,
        fields: dict[str, Any],
        at: datetime,
    ) -> OutgoingEvent:
        """Of a call that is not live."""
        whose = _picked(what.call, "agent", "trunk", "caller", "callee")
        data = {"call": what.call.id, "attempt": attempt, "number": 0, **whose, **fields}
        return self._notice(kind, data, what.webhook, at)

    def _notice(
        self, kind: type[schemas.Event], data: dict[str, Any], webhook: str | None, at: datetime
    ) -> OutgoingEvent:
        event = kind.model_validate({"id": f"{self.epoch}-{self._order + 1}", "timestamp": at, "data": data})
        self._order += 1
        return OutgoingEvent(self._order, event, webhook)

    def _event(
        self, what: lifecycle.LifecycleEvent, told: _Told, at: datetime
    ) -> tuple[type[schemas.Event], dict[str, Any]] | None:
        match what:
            case lifecycle.CallBegan():
                return schemas.CallStarted, _parties(what.call)
            case lifecycle.CallAdopted():
                return schemas.CallAdopted, {"state": what.call.state}
            case lifecycle.CallRang():
                rang, told.rang = told.rang, True
                return None if rang else (schemas.CallRinging, {})
            case lifecycle.CallAnswered():
                return schemas.CallAnswered, {"after_s": round(what.after_s, 3)}
            case lifecycle.StateChanged():
                over = what.state == "ended"  # call.ended says it, with all that belongs to it
                return None if over else (schemas.CallState, _picked(what, "state", "before"))
            case lifecycle.TransferMoved():
                return schemas.CallTransfer, {"transfer": what.attempt, **_picked(what, "state", "to", "by", "outcome")}
            case lifecycle.ParticipantMoved():
                return schemas.CallParticipant, _picked(what, "leg", "state", "to", "by", "outcome")
            case lifecycle.ControlChanged():
                return schemas.CallControl, _picked(what, "agent", "held_by", "caller_hold", "muted", "recording")
            case lifecycle.ToolTimed():
                fields = {"tool": what.tool, "seconds": round(what.seconds, 3), "ok": what.ok}
                return schemas.CallTool, {"state": "answered", **fields, "reason": what.reason}
            case lifecycle.ToolAsked():
                return schemas.CallTool, {"state": "called", "tool": what.tool}
            case lifecycle.CallOver():
                return schemas.CallEnded, _ended(what)
            case contract.Used():
                fields = _picked(what, "provider", "model", "kind", "seconds")
                return schemas.CallUsed, {**fields, "tokens": what.usage, "cost": round(self._cost(what), 6)}
        return _reported(what, at)


def _call_of(what: lifecycle.LifecycleEvent) -> str:
    call = getattr(what, "call", "")
    return call.id if isinstance(call, CallView) else str(call)


def _reported(what: lifecycle.LifecycleEvent, at: datetime) -> _Made:
    """What a worker tells. Most of it is not for the outside."""
    match what:
        case contract.Said():
            more = _picked(what, "item", "text", "interrupted", "heard_ms", "consultation")
            spoken_at = at - timedelta(milliseconds=what.ago_ms)
            return schemas.CallSaid, {"who": who_said(what), "spoken_at": spoken_at, **more}
        case contract.TurnMeasured():
            return schemas.CallTurn, _picked(what, "turn", "stopped_to_told_ms", "first_delta_ms", "first_frame_ms")
        case contract.BargedIn():
            return schemas.CallBargeIn, _picked(what, "heard_ms", "cut_ms")
        case contract.Reconnected():
            return schemas.CallReconnected, _picked(what, "provider", "gap_ms", "planned")
        case contract.AiWarning():
            return schemas.CallAiWarning, _picked(what, "kind", "code", "times")
        case contract.Recorded():
            return schemas.CallRecorded, _picked(what, "path", "seconds")
    return None


def _parties(call: CallView) -> dict[str, Any]:
    return _picked(call, "direction", "agent", "trunk", "caller", "callee")


def _picked(what: object, *names: str) -> dict[str, Any]:
    return {name: getattr(what, name) for name in names}


def _ended(over: lifecycle.CallOver) -> dict[str, Any]:
    call, spread = over.call, over.call.first_frame_ms
    end = call.ended_at or call.started_at
    answer = (call.answered_at - call.started_at).total_seconds() if call.answered_at else None
    return _parties(call) | {
        "outcome": over.outcome,
        "ended_by": call.ended_by,
        "cause": call.cause,
        "sip_status": call.sip_status,
        "detail": call.detail,
        "durations": {
            "total": round((end - call.started_at).total_seconds(), 3),
            "until_answer": None if answer is None else round(answer, 3),
            "talked": round(over.talked_s, 3),
        },
        "turns": call.turns,
        "first_frame": spread and {"p50": round(spread.p50), "max": round(spread.max)},
        "cost": round(call.cost, 6),
    }
