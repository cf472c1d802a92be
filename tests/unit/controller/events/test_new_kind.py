"""A new kind of event: what happened (`reporting.lifecycle`) and one class (`events.schemas`) are all that it takes."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from controller.calls.reporting import lifecycle
from controller.calls.runtime.snapshot_store import SnapshotStore
from controller.events import schemas
from controller.events.envelope import Data, personal
from controller.events.factory import EventFactory
from controller.events.records.mapping import rows
from controller.telemetry.call_trace import Traces
from controller.telemetry.metrics import Metrics
from tests.unit.controller.views import CALL, STARTED, call_view


@dataclass(frozen=True, slots=True)
class Parked:
    """What happened."""

    call: str
    kind: str
    to: str = field(repr=False)
    seconds: float


class ParkedData(Data, type="call.parked", facts=(Parked,)):
    """The call was parked."""

    kind: str
    to: str | None = personal("Where.")
    seconds: float

    @classmethod
    def of(cls, fact: Parked, at: datetime) -> dict[str, Any]:
        return cls.same_in(fact) | {"seconds": round(fact.seconds, 1)}


PARKED: Any = Parked(CALL, "slot", "+49555", 1.26)
BEGAN = lifecycle.CallBegan("inbound", call_view())


def test_it_is_told_listed_and_traced(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(schemas.OF_FACT, Parked, ParkedData)
    factory, traces, metrics = EventFactory("e"), Traces(), Metrics(CollectorRegistry())
    made = None
    for fact in (BEGAN, PARKED):
        made = factory.make(fact, STARTED)
        traces.observe(fact, STARTED)
        metrics.observe(fact)
    assert made is not None
    data = {"call": CALL, "attempt": 1, "number": 2, "kind": "slot", "to": "+49555", "seconds": 1.3}
    assert (made.type, made.event.data.model_dump()) == ("call.parked", data)
    assert "+49555" not in made.without_personal.decode()
    (row,) = rows(made.event)
    assert (row.table, row.once["data"]) == ("call_events", {"kind": "slot", "seconds": 1.3})
    trace = traces.of(CALL)
    assert trace is not None
    assert [(step.what, dict(step.facts)) for step in trace][-1] == ("Parked", {"kind": "slot", "seconds": 1.26})


def test_the_call_is_written_down_again() -> None:
    store: Any = None
    snapshots = SnapshotStore(store, lambda _: None)
    snapshots.observe(PARKED)
    assert len(snapshots._queue) == 1
