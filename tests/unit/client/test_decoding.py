"""What the client makes of an answer, also of an earlier or a later version."""

from datetime import UTC, datetime

import pytest

from voiceai_client.decoding import decode
from voiceai_client.errors import UnexpectedAnswerError
from voiceai_client.models import CallAnswer, CallDetailAnswer, CallPage, TurnAnswer, WorkerAnswer

TURN = {"at": "2026-11-22T09:30:00.005Z", "turn": 1, "endpointing_ms": 341, "first_delta_ms": None}


def test_values_have_their_types() -> None:
    turn = decode(TurnAnswer, TURN | {"first_frame_ms": 1.5})
    assert turn.at == datetime(2026, 11, 22, 9, 30, 0, 5000, UTC)
    assert (turn.endpointing_ms, turn.first_frame_ms) == (341.0, 1.5)
    assert isinstance(turn.endpointing_ms, float)


def test_what_a_later_version_adds_is_kept_and_what_an_earlier_one_lacks_is_none() -> None:
    turn = decode(TurnAnswer, TURN | {"news": [1]})
    assert turn.first_frame_ms is None
    assert turn.extra == {"news": [1]}
    assert decode(CallPage, {"calls": []}) == CallPage(calls=(), next=None)
    assert decode(TurnAnswer, {"at": TURN["at"]}).turn is None  # whatever its type


@pytest.mark.parametrize(
    ("answer", "where"),
    [
        ([], "the answer is no object"),
        (TURN | {"turn": True}, "turn is no whole number"),
        (TURN | {"at": "yesterday"}, "at is no moment"),
        ({"news": 1}, "it has none of its fields"),
        (TURN | {"first_delta_ms": "soon"}, "first_delta_ms is no null"),
    ],
)
def test_another_form_is_an_error_that_says_where(answer: object, where: str) -> None:
    with pytest.raises(UnexpectedAnswerError, match=where):
        decode(TurnAnswer, answer)


def test_the_place_of_a_fault_is_a_path() -> None:
    with pytest.raises(UnexpectedAnswerError, match=r"calls\.1 is no object"):
        decode(CallPage, {"calls": [CALL, 7]})


CALL = {
    "id": "c1", "url": "/v1/calls/c1", "direction": "sideways", "state": "talking", "agent": "reception",
    "started_at": "2026-11-22T09:30:00Z", "turns": 0, "latency": {}, "cost": 0, "caller": "+49301234567",
    "caller_hold": False, "recording": "off",
}  # fmt: skip


def test_a_value_that_is_new_is_text_and_a_detail_is_a_call() -> None:
    call = decode(CallDetailAnswer, CALL)
    assert isinstance(call, CallAnswer)
    assert call.direction == "sideways"
    assert (call.transcript, call.barge_ins, call.muted) == (None, (), ())


def test_no_number_and_no_secret_is_in_a_repr() -> None:
    assert repr(decode(CallAnswer, CALL)) == "CallAnswer(id='c1', state='talking')"
    assert "reception" not in repr(decode(CallPage, {"calls": [CALL]}))


def test_a_default_of_the_document_stands_for_what_is_not_sent() -> None:
    worker = {"name": "w", "pid": 1, "media": "m", "state": "ready", "calls": 0, "capacity": 1, "late_ms": 0, "busy": 0}
    assert decode(WorkerAnswer, worker).users == ()
