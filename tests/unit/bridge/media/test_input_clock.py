"""Which moment of our clock a position in the appended sound belongs to."""

import pytest
from hypothesis import given, strategies as st

from bridge.media.input_clock import EVEN_MS, REMEMBERED, InputClock


def appended(*pieces: tuple[float, float]) -> InputClock:
    made = InputClock()
    for milliseconds, at in pieces:
        made.add(milliseconds, at)
    return made


EVEN = tuple((20.0, 10.02 + number / 50) for number in range(100))


@pytest.mark.parametrize(
    ("position_ms", "heard_at"),
    [(20, 10.02), (10, 10.01), (990, 10.99), (2000, 12.0), (0, None), (-5, None), (2001, None)],
)
def test_even_sound(position_ms: float, heard_at: float | None) -> None:
    assert appended(*EVEN).heard_at(position_ms) == (heard_at and pytest.approx(heard_at))


def test_what_was_not_sent_takes_no_time_on_the_servers_clock() -> None:
    made = appended((20, 10.02), (20, 10.04), (20, 15.06), (20, 15.08))
    assert [made.heard_at(each) for each in (40, 41, 60, 80)] == pytest.approx([10.04, 15.041, 15.06, 15.08])


def test_each_connection_counts_from_its_own_beginning() -> None:
    made = appended(*EVEN)
    made.restart()
    assert made.heard_at(20) is None
    made.add(20, 50.0)
    assert made.heard_at(20) == pytest.approx(50.0)


def test_a_call_of_any_length_is_remembered_in_little() -> None:
    made = InputClock()
    for number in range(3 * REMEMBERED):
        made.add(20, number * 1.0)
    assert made.heard_at(100) is None
    assert made.heard_at(made.position_ms) == pytest.approx(3 * REMEMBERED - 1)


@given(st.lists(st.tuples(st.sampled_from([10.0, 20.0, 60.0]), st.floats(0, 0.5)), min_size=1, max_size=60))
def test_each_pieces_end_is_told_to_within_a_frame(pieces: list[tuple[float, float]]) -> None:
    made, now, ends = InputClock(), 100.0, []
    for milliseconds, pause in pieces:
        now += milliseconds / 1000 + pause
        made.add(milliseconds, now)
        ends.append((made.position_ms, now))
    for position, at in ends:
        told = made.heard_at(position)
        assert told is not None
        assert abs(told - at) * 1000 <= EVEN_MS + 1e-6
