"""controller.api.resources.call_pages: each call in one place, whatever becomes of it between two pages."""

from datetime import timedelta

import pytest
from hypothesis import given, strategies as st

from controller.api.models.calls import LONGEST_CURSOR
from controller.api.resources.call_pages import NotACursor, Part, merged, page_of, part_of, read_part, written
from controller.calls.reporting.view import CallView
from tests.unit.controller.views import STARTED, call_view, later

SPAN = 50.0


def made(number: int, started: int, length: int | None) -> CallView:
    """`length` None: it lives. Several begin in the same moment."""
    ended = None if length is None else later(min(SPAN, started + length))
    return call_view(id=f"{number:036}", started_at=later(started), ended_at=ended)


CALLS = st.lists(st.tuples(st.integers(0, 49), st.none() | st.integers(1, 30)), max_size=30)


@given(CALLS, st.integers(1, 7), st.data())
def test_each_call_of_the_walk_is_shown_once_whatever_happens_between_its_pages(
    given_calls: list[tuple[int, int | None]], limit: int, data: st.DataObject
) -> None:
    calls = {f"{at:036}": made(at, *each) for at, each in enumerate(given_calls)}
    there = set(calls)
    live = {call.id for call in calls.values() if call.ended_at is None}
    seen: list[str] = []
    before, now = None, SPAN
    while True:
        page = page_of(calls.values(), limit=limit, before=before, now=later(now))
        seen += [call.id for call in page.calls]
        assert all(call == calls[call.id] for call in page.calls), "shown as they are now"
        if page.next is None:
            break
        assert len(page.calls) == limit
        assert len(page.next) <= LONGEST_CURSOR
        before, now = page.next, now + 1
        for call in data.draw(st.sets(st.sampled_from(sorted(calls)))):  # also the one that the cursor names
            if calls[call].ended_at is None:
                calls[call] = call_view(id=call, started_at=calls[call].started_at, ended_at=later(now))
        fresh = f"{len(calls):036}"
        calls[fresh] = call_view(id=fresh, started_at=later(now))
    assert sorted(seen) == sorted(there)
    assert set(seen[: len(live)]) == live, "live ones first"


@given(CALLS)
def test_live_ones_first_and_then_the_newest(given_calls: list[tuple[int, int | None]]) -> None:
    calls = [made(at, *each) for at, each in enumerate(given_calls)]
    page = page_of(calls, limit=1000, before=None, now=later(SPAN))
    keys = [(call.ended_at is None, call.ended_at or call.started_at) for call in page.calls]
    assert keys == sorted(keys, reverse=True)
    assert (len(page.calls), page.next) == (len(calls), None)


def test_a_clock_that_was_set_back_hides_no_call() -> None:
    calls = [made(1, 10, None), made(2, 20, 5)]
    assert len(page_of(calls, limit=10, before=None, now=STARTED - timedelta(hours=1)).calls) == 2


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        f"{1:036}",
        "1-2-3-4",
        "1-1-3-",
        "1-1-g-a",
        "1-1-1-a b",
        "0x1-1-1-a",
        "１-1-1-a",
        "1-1-" + "f" * 16 + "-a",
    ],
)
def test_what_is_no_cursor(cursor: str) -> None:
    with pytest.raises(NotACursor):
        page_of([], limit=1, before=cursor, now=STARTED)


@given(CALLS, st.integers(1, 4), st.integers(1, 7), st.data())
def test_pages_of_several_nodes_are_those_of_one_that_has_all_calls(
    given_calls: list[tuple[int, int | None]], nodes: int, limit: int, data: st.DataObject
) -> None:
    calls = [made(at, *each) for at, each in enumerate(given_calls)]
    homes = [data.draw(st.integers(0, nodes - 1)) for _ in calls]
    of_nodes = [[call for call, home in zip(calls, homes, strict=True) if home == each] for each in range(nodes)]
    before = together = None
    while True:
        parts = [
            part_of(each, limit=limit, before=together, now=later(SPAN + skew)) for skew, each in enumerate(of_nodes)
        ]
        told = [
            Part(each.start, [(key, b'{"%s"}' % call.id.encode()) for key, call in each.calls], each.more)
            for each in parts
        ]
        page = merged([read_part(written(each)) for each in told], limit)
        alone = page_of(calls, limit=limit, before=before, now=later(SPAN))
        assert [each[2:-2].decode() for each in page.calls] == [call.id for call in alone.calls]
        assert (page.next is None) == (alone.next is None)
        if alone.next is None:
            return
        before, together = alone.next, page.next


def test_a_call_that_two_nodes_have_is_shown_once_and_live() -> None:
    ended, live = made(1, 1, 3), made(1, 10, None)
    parts = [part_of([each], limit=5, before=None, now=later(SPAN)) for each in (ended, live)]
    assert merged(parts, 5).calls == [live]


@pytest.mark.parametrize(
    "told", [b"", b"x 0", b"1f 0\n", b"1f 0\n1f-1-2-a", b"1f 0\n1f-1-2-a [1]", b"1f 0\nno {}", b"1f 0\n\xff {}"]
)
def test_what_no_node_has_written_is_refused(told: bytes) -> None:
    with pytest.raises(ValueError, match="."):
        read_part(told)
