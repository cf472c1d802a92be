"""controller.events.shared_events: an event comes out of the stream of all nodes as it was put in."""

from dataclasses import replace

import pytest

from controller.cluster.event_log import Entry, Offset, Place
from controller.events.shared_events import event_of, fields_of, size_of
from tests.unit.controller.events.outgoing import outgoing_events

PLACE = Place("6618539e04729edaea2", Offset(7, 0))


@pytest.mark.parametrize("number", [0, 1], ids=["started", "said"])
@pytest.mark.parametrize("whose", [("reception", "main"), (None, None)])
def test_it_comes_out_as_it_was_put_in(number: int, whose: tuple[str | None, str | None]) -> None:
    sent = replace(outgoing_events(2)[number].for_streams, agent=whose[0], trunk=whose[1])
    fields = fields_of(sent)
    assert bool(fields["wordless"]) is (number == 1)
    assert size_of(sent) == len(fields["json"]) + len(fields["wordless"])
    found = event_of(Entry(PLACE, "e", sent.order, fields))
    assert found == replace(sent, id=str(PLACE))


@pytest.mark.parametrize("fields", [None, {}, {"type": b"call.said"}, {"type": b"\xff"}])
def test_what_can_not_be_read_is_no_event(fields: dict[str, bytes] | None) -> None:
    assert event_of(Entry(PLACE, "e", 1, fields)) is None
