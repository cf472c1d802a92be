"""The caller's time line: never more than real time, never a hole."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bridge.uplink import AHEAD_S, FRAME_S, GAP_S, LAG_S, LUMP, Uplink


def started() -> Uplink:
    uplink = Uplink()
    uplink.start(100.0)
    return uplink


def test_frames_at_real_time_are_all_sent() -> None:
    uplink = started()
    now = 100.0
    for _ in range(5000):
        now += FRAME_S
        assert uplink.accept(FRAME_S, now)
        assert uplink.missing(now) == 0
    assert uplink.late_frames == uplink.filled_frames == 0


@pytest.mark.parametrize("drift", [0.9999, 1.0001])
def test_a_sender_whose_clock_is_a_little_off_loses_next_to_nothing(drift: float) -> None:
    uplink = started()
    now = 100.0
    for _ in range(50 * 600):
        now += FRAME_S * drift
        uplink.accept(FRAME_S, now)
        assert uplink.missing(now) == 0
    assert uplink.late_frames <= 3


def test_jitter_is_no_gap() -> None:
    uplink = started()
    assert uplink.missing(100.0 + GAP_S - 0.001) == 0


def test_a_gap_is_filled_at_real_time() -> None:
    uplink = started()
    frames = sum(uplink.missing(100.0 + tick * FRAME_S) for tick in range(1, 101))
    assert frames == pytest.approx((2.0 - LAG_S) / FRAME_S, abs=1)
    assert uplink.accept(FRAME_S, 102.02)
    assert uplink.missing(102.02) == 0


def test_a_process_that_stood_still_for_an_hour_does_not_send_an_hour_of_silence() -> None:
    uplink = started()
    assert uplink.missing(3700.0) == LUMP
    assert uplink.missing(3700.02) <= 1


def test_what_comes_late_in_a_lump_is_dropped() -> None:
    uplink = started()
    for tick in range(1, 51):
        uplink.missing(100.0 + tick * FRAME_S)
    taken = [uplink.accept(FRAME_S, 101.0) for _ in range(50)]
    assert sum(taken) <= (AHEAD_S + LAG_S) / FRAME_S + 1
    assert uplink.late_frames == 50 - sum(taken)
    assert uplink.accept(FRAME_S, 101.0 + AHEAD_S)  # and what comes in time afterwards is not


def test_before_the_start_nothing_is_missing() -> None:
    assert Uplink().missing(1e9) == 0


@given(st.lists(st.tuples(st.floats(0, 0.5), st.integers(0, 40)), max_size=60))
def test_never_more_than_real_time_and_never_a_long_hole(script: list[tuple[float, int]]) -> None:
    """Any sequence of pauses and lumps, a tick after each."""
    uplink = started()
    now, sent = 100.0, 0
    for pause, lump in script:
        now += pause
        sent += uplink.missing(now)
        sent += sum(uplink.accept(FRAME_S, now) for _ in range(lump))
        assert sent * FRAME_S <= now - 100.0 + AHEAD_S + 1e-6
    now += GAP_S + 0.01
    sent += uplink.missing(now)
    assert sent * FRAME_S >= now - 100.0 - LAG_S - FRAME_S - 1e-6
