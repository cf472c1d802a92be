"""An event waits for the link: its age when it is sent."""

from dataclasses import replace

import pytest

from bridge import contract
from bridge.worker.event_frame import EventFrame

SAID = contract.Said(call="c", who="caller", text="Hello.", item="i", ago_ms=400, took_ms=900)
PREVIOUS = contract.VERSION - 1


def waited(event: contract.CallEvent, seconds: float) -> EventFrame:
    frame = EventFrame.of(7, event)
    return replace(frame, since=frame.since - seconds)


def sent(frame: EventFrame, version: int = contract.VERSION) -> tuple[int, contract.Event]:
    return contract.decode_numbered(frame.at(version))


@pytest.mark.parametrize("version", [contract.VERSION, PREVIOUS])
def test_an_utterance_is_as_old_as_it_is_when_it_is_sent(version: int) -> None:
    number, said = sent(waited(SAID, 30), version)
    assert isinstance(said, contract.Said)
    assert number == 7
    assert 30_400 <= said.ago_ms < 31_400
    assert said.took_ms == (900 if version == contract.VERSION else None)


def test_other_events_are_sent_as_they_were() -> None:
    gone = contract.MediaGone(call="c", reason="the peer does not read")
    assert sent(waited(gone, 30)) == (7, gone)


def test_what_an_earlier_release_does_not_know_is_left_out() -> None:
    failed = contract.Failed(call="c", kind="config", message="m", refused=True)
    assert sent(waited(failed, 0)) == (7, failed)
    assert '"refused"' not in waited(failed, 0).at(PREVIOUS)


def test_an_utterance_that_may_not_grow_is_sent_as_it_was() -> None:
    largest = SAID.model_copy(update={"ago_ms": 0, "text": ""})
    room = contract.MAX_EVENT_BYTES - 32 - len(largest.model_dump_json())
    frame = waited(largest.model_copy(update={"text": "x" * room}), 30)
    assert frame.at(contract.VERSION) == frame.frame
