"""controller.events.replay_buffer: reading on from any place gives what came after it, or says that it can't."""

import pytest
from hypothesis import given, strategies as st

from controller.config.models.event_filters import types_of
from controller.events.replay_buffer import ReplayBuffer
from controller.events.schemas import TYPES
from controller.events.stream import EventFilter
from tests.unit.controller.events.outgoing import EPOCH, sent_events

EVENTS = sent_events(60, calls=3)


@given(count=st.integers(0, 60), most=st.integers(1, 30), place=st.integers(0, 70))
def test_reading_on(count: int, most: int, place: int) -> None:
    ring = ReplayBuffer(EPOCH, most)
    for sent in EVENTS[:count]:
        ring.add(sent)
    kept = ring.after(f"{EPOCH}-{place}")
    held = EVENTS[max(0, count - most) : count]
    if place > count:
        assert kept.gap
        assert list(kept.events) == held
        return
    wanted = EVENTS[place:count]
    assert kept.gap is (len(wanted) > most)
    assert list(kept.events) == (held if kept.gap else wanted)


@given(count=st.integers(0, 60), most=st.integers(1, 30), place=st.integers(0, 70))
def test_reading_on_in_one_call_is_a_part_of_reading_on_in_all(count: int, most: int, place: int) -> None:
    ring = ReplayBuffer(EPOCH, most)
    for sent in EVENTS[:count]:
        ring.add(sent)
    of_all = ring.after(f"{EPOCH}-{place}")
    for call in ("call0", "call1", "call2", "nobody"):
        of_one = ring.after(f"{EPOCH}-{place}", call)
        assert of_one.gap == of_all.gap
        assert list(of_one.events) == [each for each in of_all.events if each.call == call]
        assert list(ring.of_call(call)) == [each for each in ring if each.call == call]
    assert set(ring._by_call) == {each.call for each in ring}


@pytest.mark.parametrize(
    "asked", ["", "e", "e-", "-1", "other-3", "e-x", "e--3", "e-+3", "e-3.0", "e-\u0663", "3", "e-" + "9" * 5000]
)
def test_an_id_that_is_none_of_ours_is_a_gap(asked: str) -> None:
    ring = ReplayBuffer(EPOCH)
    for sent in EVENTS[:5]:
        ring.add(sent)
    assert ring.after(asked).gap
    assert len(ring.after(asked).events) == 5


def test_it_is_bounded_by_size_too() -> None:
    size = len(EVENTS[0].full)
    ring = ReplayBuffer(EPOCH, most_bytes=4 * size)
    for sent in EVENTS:
        ring.add(sent)
    kept = list(ring)
    assert 0 < len(kept) <= 8
    assert sum(len(each.full) for each in kept) <= 4 * size
    assert kept == EVENTS[-len(kept) :]
    assert ring.after("e-1").gap
    assert f"{len(kept)} events" in repr(ring)


@pytest.mark.parametrize(
    ("patterns", "types"),
    [
        ([], set(TYPES)),
        (["*"], set(TYPES)),
        (["call.*"], set(TYPES)),
        (["call.ended", "call.sta*"], {"call.ended", "call.started", "call.state"}),
    ],
)
def test_patterns(patterns: list[str], types: set[str]) -> None:
    assert types_of(patterns) == types


@pytest.mark.parametrize("pattern", ["", "call", "ended", "call.end", "CALL.*", "call.*.*", "x*"])
def test_a_pattern_that_names_nothing_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="call.started, call.adopted"):
        types_of(["call.ended", pattern])


def test_what_is_wanted() -> None:
    assert [each in EventFilter() for each in EVENTS[:4]] == [True] * 4
    assert [each in EventFilter(call="call1") for each in EVENTS[:4]] == [False, True, False, False]
    assert [each in EventFilter(frozenset({"call.said"}), "call0") for each in EVENTS[:4]] == [
        False,
        False,
        False,
        True,
    ]
