"""controller.cluster.event_log: what a place in the stream of all nodes means, whatever it is asked with."""

import pytest
from hypothesis import given, strategies as st

from controller.cluster.event_log import Offset, Opened, Place

OFFSETS = st.builds(Offset, st.integers(0, 10**15 - 1), st.integers(0, 10**15 - 1))
STREAM, FORMER = "6618539e04729edaea2", "6618539e04729edaea1"


@given(OFFSETS)
def test_a_place_is_read_as_it_was_written(offset: Offset) -> None:
    assert Place.parse(str(Place(STREAM, offset))) == Place(STREAM, offset)
    assert Offset.parse(str(offset)) == offset


@given(st.text() | st.from_regex(r"[0-9a-f-]{1,60}"))
def test_what_nobody_has_written_is_no_place(text: str) -> None:
    place = Place.parse(text)
    assert place is None or Place.parse(str(place)) == place


@given(st.lists(OFFSETS, min_size=2, max_size=2, unique=True))
def test_places_are_in_the_order_of_the_server(two: list[Offset]) -> None:
    earlier, later = sorted(two)
    assert (earlier.ms, earlier.number) < (later.ms, later.number)


@pytest.mark.parametrize(
    ("place", "kept"),
    [
        (Place(STREAM, Offset(20, 0)), True),  # the entry with which it began
        (Place(STREAM, Offset(25, 3)), True),
        (Place(STREAM, Offset(30, 1)), True),  # the last one
        (Place(STREAM, Offset(30, 2)), False),  # there never was
        (Place(STREAM, Offset(19, 9)), False),  # of this name, and before it began
        (Place(FORMER, Offset(25, 3)), False),
        (Place(FORMER, Offset(15, 0)), False),  # kept, but what came after it may be lost
    ],
)
def test_what_is_kept_after_a_place(place: Place, kept: bool) -> None:
    assert Opened(STREAM, began=Offset(20, 0), first=Offset(10, 0), last=Offset(30, 1)).keeps(place) is kept


def test_what_was_pushed_out_is_not_kept() -> None:
    opened = Opened(STREAM, began=Offset(20, 0), first=Offset(25, 0), last=Offset(30, 1))
    assert not opened.keeps(Place(STREAM, Offset(24, 9)))
    assert opened.keeps(Place(STREAM, Offset(25, 0)))
