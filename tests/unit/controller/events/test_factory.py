"""controller.events.factory: what is told of a call, under which number, and to whom what is hidden."""

import json
from datetime import timedelta
from typing import Any

import pytest

from bridge import contract
from controller.calls.machine.types import Direction
from controller.calls.reporting import lifecycle
from controller.calls.reporting.call_log import Spread
from controller.events import schemas
from controller.events.factory import EventFactory, OutgoingEvent
from controller.events.records import writer
from tests.unit.controller.views import CALL, STARTED, call_view, later

SECRETS = ("+4930123", "5001", "my card is 1234", "+49555")
HOOK = "https://crm.example/hook"


def begun(direction: Direction = "inbound") -> lifecycle.CallBegan:
    return lifecycle.CallBegan(direction, call_view(direction=direction), HOOK)


def over(**changes: Any) -> lifecycle.CallOver:
    view = call_view(
        answered_at=later(2),
        ended_at=later(62.5),
        outcome="answered",
        ended_by="caller",
        cause=16,
        turns=3,
        first_frame_ms=Spread(412.4, 900.6),
        cost=0.0123456789,
    )
    return lifecycle.CallOver("inbound", "answered", 60.5, view if not changes else call_view(**changes))


USED = contract.Used(call=CALL, provider="openai", model="m", kind="response", usage={"input_tokens": 7})
STORY: list[lifecycle.LifecycleEvent] = [
    begun(),
    lifecycle.CallRang(CALL),
    lifecycle.CallRang(CALL),
    lifecycle.CallAnswered(CALL, "inbound", 2.00049),
    lifecycle.StateChanged(CALL, "talking", "connecting"),
    contract.Said(call=CALL, who="caller", text="my card is 1234", item="i"),
    contract.TurnMeasured(call=CALL, turn=1, first_delta_ms=250.0, first_frame_ms=None),
    contract.BargedIn(call=CALL, item="i", heard_ms=400, latency_ms=3.2),
    lifecycle.ToolAsked(CALL, "transfer"),
    lifecycle.TransferMoved(CALL, 1, "ringing", "+49555", "agent", None),
    lifecycle.TransferMoved(CALL, 1, "failed", "+49555", "agent", "busy"),
    lifecycle.ToolTimed("transfer", 4.25, False, CALL),
    lifecycle.ParticipantMoved(CALL, "call-x-party-1", "failed", "+49777", "ops", "busy"),
    lifecycle.ControlChanged(CALL, "reception", "ops", ("caller",), "paused"),
    contract.Reconnected(call=CALL, provider="openai", attempts=1, gap_ms=700, reason="gone"),
    contract.AiWarning(call=CALL, kind="rate_limited", code="tokens", detail="try again"),
    lifecycle.UsageReported(CALL, USED, 0.5),
    contract.Recorded(call=CALL, path="/srv/calls/x.wav", seconds=61.0),
    lifecycle.StateChanged(CALL, "ended", "ending"),
    over(),
]
OPERATED: list[lifecycle.LifecycleEvent] = [
    lifecycle.SupervisionMoved(CALL, "on", "whisper", 1, "+49888", "ops", "answered"),
    lifecycle.AgentInstructed(CALL, "ops", "say", "your pin is 99", "reception"),
]
"""What operators do besides."""


def told(story: list[lifecycle.LifecycleEvent]) -> list[OutgoingEvent]:
    factory = EventFactory("e")
    made = [factory.make(what, STARTED + timedelta(seconds=at)) for at, what in enumerate(story)]
    return [each for each in made if each is not None]


def test_a_whole_call() -> None:
    outgoing_events = told(STORY)
    types = "started ringing answered state said turn barge_in tool transfer "
    types += "transfer tool participant control reconnected ai_warning used recorded ended"
    assert [each.type for each in outgoing_events] == [f"call.{name}" for name in types.split()]
    assert set(schemas.TYPES) == {
        "call.queued",
        "call.settled",
        "call.adopted",
        "call.metadata",
        *(each.type for each in outgoing_events),
        *(each.type for each in told([begun(), *OPERATED])),
    }
    assert [each.final for each in outgoing_events] == [False] * 17 + [True]
    assert [each.event.data.number for each in outgoing_events] == list(range(1, len(outgoing_events) + 1))
    assert [each.event.id for each in outgoing_events] == [f"e-{each.order}" for each in outgoing_events]
    assert {(each.call, each.webhook) for each in outgoing_events} == {(CALL, HOOK)}


def test_the_end_says_all_that_a_bill_needs() -> None:
    ended = told(STORY)[-1].event.data.model_dump()
    assert ended == {
        "call": CALL,
        "attempt": 1,
        "number": 18,
        "direction": "inbound",
        "agent": "reception",
        "agent_version": None,
        "trunk": "main",
        "caller": "+4930123",
        "callee": "5001",
        "outcome": "answered",
        "ended_by": "caller",
        "cause": 16,
        "sip_status": None,
        "detail": None,
        "durations": {"total": 62.5, "until_answer": 2.0, "talked": 60.5},
        "turns": 3,
        "first_frame": {"p50": 412.0, "max": 901.0},
        "cost": 0.012346,
    }


def test_a_call_from_the_queue_that_is_tried_twice() -> None:
    shown = call_view(direction="outbound", outcome="busy")
    story: list[lifecycle.LifecycleEvent] = [
        lifecycle.CallQueued(shown, HOOK, 1, STARTED, later(60)),
        lifecycle.CallBegan("outbound", shown, HOOK, 1),
        lifecycle.CallOver("outbound", "busy", 0.0, shown),
        lifecycle.CallQueued(shown, HOOK, 2, STARTED, later(60)),
        lifecycle.CallBegan("outbound", shown, HOOK, 2),
        lifecycle.CallOver("outbound", "busy", 0.0, shown),
        lifecycle.CallSettled(shown, HOOK, 2),
    ]
    outgoing_events = told(story)
    assert [(each.type, each.event.data.attempt, each.event.data.number) for each in outgoing_events] == [
        ("call.queued", 1, 0),
        ("call.started", 1, 1),
        ("call.ended", 1, 2),
        ("call.queued", 2, 0),
        ("call.started", 2, 1),
        ("call.ended", 2, 2),
        ("call.settled", 2, 0),
    ]
    assert [each.final for each in outgoing_events] == [False] * 6 + [True]
    assert {each.webhook for each in outgoing_events} == {HOOK}
    settled = json.loads(outgoing_events[-1].full)["data"]
    assert (settled["outcome"], settled["callee"]) == ("busy", "5001")
    for each in outgoing_events:
        assert schemas.adapter.validate_json(each.full) == each.event
        assert not any(secret in each.without_personal.decode() for secret in SECRETS)


def test_a_call_that_never_was_answered() -> None:
    factory = EventFactory("e")
    factory.make(begun("outbound"), STARTED)
    end = factory.make(lifecycle.CallOver("outbound", "busy", 0.0, call_view(ended_at=later(9))), later(9))
    assert end is not None
    assert json.loads(end.full)["data"]["durations"] == {"total": 9.0, "until_answer": None, "talked": 0.0}


@pytest.mark.parametrize(
    "outgoing", told([*STORY[:-1], *OPERATED, STORY[-1]]), ids=lambda outgoing: f"{outgoing.order} {outgoing.type}"
)
def test_json_both_ways_and_nothing_personal_in_the_bare_one(outgoing: OutgoingEvent) -> None:
    assert schemas.adapter.validate_json(outgoing.full) == outgoing.event
    bare = schemas.adapter.validate_json(outgoing.without_personal)
    assert (bare.id, bare.type, bare.data.number) == (outgoing.event.id, outgoing.type, outgoing.event.data.number)
    assert not any(secret in outgoing.without_personal.decode() for secret in SECRETS)
    assert not any(secret in f"{outgoing!r} {outgoing.event!r}" for secret in SECRETS)
    assert json.loads(outgoing.full)["timestamp"].endswith("Z")


def test_events_of_an_earlier_release_are_read() -> None:
    """In the file of what the store did not take, by the names that two fields had before."""
    kinds = {"call.turn": ("endpointing_ms", "stopped_to_told_ms"), "call.barge_in": ("latency_ms", "cut_ms")}
    found = [each.event for each in told(STORY) if each.type in kinds]
    assert len(found) == 2
    for event in found:
        new, old = kinds[event.type]
        text = event.model_dump_json()
        assert new in text
        assert schemas.adapter.validate_json(text.replace(new, old)) == event


def test_every_field_that_could_be_personal_is_marked() -> None:
    """By name: a new field called so without the mark would reach everybody."""
    suspicious = {"caller", "callee", "to", "text", "number_called", "digits", "digit", "arguments", "variables"}
    for kind in schemas.KINDS:
        assert suspicious & kind.model_fields.keys() == kind.personal()


def test_of_calls_that_are_over_or_never_began_nothing_is_told() -> None:
    factory = EventFactory("e")
    assert factory.make(lifecycle.CallRang(CALL), STARTED) is None
    assert factory.make(lifecycle.CallerRefused("busy"), STARTED) is None
    assert factory.make(lifecycle.CallGreeted("inbound", 1.0), STARTED) is None
    assert [factory.make(each, STARTED) is not None for each in (begun(), over(), over())] == [True, True, False]
    assert factory.make(contract.Recorded(call=CALL, path="x", seconds=1), STARTED) is None
    assert "0 live calls" in repr(factory)


@pytest.mark.parametrize(
    "outgoing", told([*STORY[:-1], *OPERATED, STORY[-1]]), ids=lambda outgoing: f"{outgoing.order} {outgoing.type}"
)
def test_events_of_a_later_release_are_read(outgoing: OutgoingEvent) -> None:
    """In that file, after somebody went back to this release: what is not known is left out."""
    written = json.loads(outgoing.full)
    line = json.dumps(written | {"later": 1, "data": written["data"] | {"later": {"x": 1}}}).encode()
    assert writer._event(line) == outgoing.event
