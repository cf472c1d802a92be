"""Bytes of a stream become events, in whatever pieces they arrive."""

import pytest
from hypothesis import given, strategies as st

from voiceai_client.errors import UnexpectedAnswerError
from voiceai_client.server_sent_events import LONGEST_LINE, SseParser, StreamEvent

STREAM = (
    'retry: 2000\n\nid: a-1\nevent: call.said\ndata: {"text": "one\u2028two \u00e9"}\n\n'
    ": still here\n\n: still here\r\nid: a-7\r\n\r\n"
    'event: gap\rdata: {"asked": "x",\rdata:"oldest": null}\r\rdata: 5\nid\n\nid: a-9\nevent: lost\ndata: 1\n'
).encode()
EVENTS = [
    StreamEvent("call.said", {"text": "one\u2028two \u00e9"}),
    StreamEvent("gap", {"asked": "x", "oldest": None}),
    StreamEvent("message", 5),
]


@given(st.lists(st.integers(0, len(STREAM)), max_size=20))
def test_any_pieces_give_the_same_events(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(STREAM)]
    parser = SseParser("before")
    found = [event for at, to in zip(edges, edges[1:], strict=False) for event in parser.feed(STREAM[at:to])]
    assert found == EVENTS


def test_the_place_moves_with_whole_events_and_with_comments() -> None:
    parser = SseParser("before")
    places = [(event.type, parser.last_event_id) for event in parser.feed(STREAM.partition(b"data: 5")[0])]
    assert places == [("call.said", "a-1"), ("gap", "a-7")]
    assert list(parser.feed(b"id: a-8\nevent: x\ndata: 1\n")) == []
    assert parser.last_event_id == "a-7"


@pytest.mark.parametrize("sent", [b"data: {\n\n", b"x" * (LONGEST_LINE + 1)])
def test_what_is_no_stream_of_ours_is_refused(sent: bytes) -> None:
    with pytest.raises(UnexpectedAnswerError):
        list(SseParser().feed(sent))
