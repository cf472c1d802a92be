"""bridge.recording.mixer: each sample at its time, whatever way the pieces came. Positions in ms; a piece is 20 ms."""

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, strategies as st

from bridge.recording.mixer import BLOCK_S, HORIZON_S, LAG_S, RATE, StereoMixer
from simulator.phone.impairment import Impairment

START = 1000.0
FRAME = RATE // 50


def piece(value: int) -> bytes:
    return np.full(FRAME, value, "<i2").tobytes()


class Bench:
    """A time line, and the clock of a call: `take` is asked every 20 ms as a worker does."""

    def __init__(self) -> None:
        self.line = StereoMixer(START)
        self.out = b""
        self.now = 0.0

    def until(self, ms: float) -> "Bench":
        while self.now + 20 <= ms:
            self.now += 20
            self.out += self.line.take(START + self.now / 1000) or b""
        return self

    def caller(self, value: int, at: float) -> None:
        self.until(at).line.caller(piece(value), START + at / 1000)

    def agent(self, value: int, at: float) -> None:
        self.until(at).line.agent(piece(value), START + at / 1000)

    def finish(self, at: float) -> npt.NDArray[np.int16]:
        self.until(at)
        self.out += self.line.finish(START + at / 1000)
        return np.frombuffer(self.out, "<i2").reshape(-1, 2)


def spans(side: npt.NDArray[np.int16]) -> list[tuple[int, float, float]]:
    """(value, from ms, to ms) of each stretch of one value that is not silence."""
    edges = [0, *(np.flatnonzero(np.diff(side)) + 1), len(side)]
    ms = 1000 / RATE
    return [
        (int(side[a]), round(a * ms, 3), round(b * ms, 3))
        for a, b in zip(edges, edges[1:], strict=False)
        if a < b and side[a]
    ]


def test_the_caller_was_heard_until_now_and_the_agent_is_heard_from_now() -> None:
    bench = Bench()
    bench.caller(1, at=500)
    bench.agent(2, at=500)
    stereo = bench.finish(1000)
    assert len(stereo) == RATE
    assert spans(stereo[:, 0]) == [(1, 480, 500)]
    assert spans(stereo[:, 1]) == [(2, 500, 520)]


def wrong_silences(loss: float, jitter_ms: float) -> tuple[int, int, list[float]]:
    """Packets that were lost, and how far silence between two that came is from the length of those lost between; the
    places of all, in ms behind the best that they could have."""
    bench, network, sent, lost = Bench(), Impairment(seed=7, loss=loss, jitter_ms=jitter_ms), {}, 0
    for n in range(750):
        arrivals = network.arrivals(0.1 + 0.02 * n)
        lost += not arrivals
        for at in arrivals:
            sent[n + 1] = 20 * n + 80
            bench.caller(n + 1, at * 1000)
    found = spans(bench.finish(20_000)[:, 0])
    assert [value for value, _, _ in found] == list(sent), "all of it, once, in order"
    assert {round(end - since, 1) for _, since, end in found} == {20.0}, "nothing is torn"
    late = [float(since - sent[value]) for value, since, _ in found]
    return lost, sum(abs(after - before) > 1 for before, after in pairwise(late)), late


@pytest.mark.parametrize("jitter_ms", [0, 5, 10])
@pytest.mark.parametrize("loss", [0.02, 0.1])
def test_a_lost_packet_is_silence_of_its_length_in_its_place(loss: float, jitter_ms: float) -> None:
    """Not left out, so that all behind it moves, nor made good at the next one."""
    lost, wrong, late = wrong_silences(loss, jitter_ms)
    assert lost > 10
    assert wrong <= lost / 20
    assert -0.1 <= min(late) <= max(late) <= jitter_ms + 1


@pytest.mark.parametrize("jitter_ms", [20, 40, 80])
def test_with_jitter_longer_than_a_packet_sound_stays_near_its_place(jitter_ms: float) -> None:
    """Which one is missing, nobody can tell."""
    _, _, late = wrong_silences(0.02, jitter_ms)
    assert -20.1 <= min(late) <= max(late) <= jitter_ms + 20


def test_even_frames_are_joined_without_a_seam() -> None:
    bench = Bench()
    for n in range(100):
        bench.caller(5, at=100 + 20 * n + (n * 7 % 13))  # up to 12 ms of jitter
    assert spans(bench.finish(3000)[:, 0]) == [(5, 80, 2080)]


def test_a_gap_is_silence_and_what_follows_is_at_its_time() -> None:
    """Hold, DTMF: Asterisk sends nothing."""
    bench = Bench()
    for at in (100, 120, 140, 2140, 2160):
        bench.caller(5, at)
    assert spans(bench.finish(3000)[:, 0]) == [(5, 80, 140), (5, 2120, 2160)]


def test_a_lump_is_laid_back_into_the_gap_that_it_left() -> None:
    """The process stalled for 200 ms: Asterisk went on speaking."""
    bench = Bench()
    for at in (100, 120, *[320] * 10, 340):
        bench.caller(5, at)
    assert spans(bench.finish(1000)[:, 0]) == [(5, 80, 340)]
    assert bench.line.late_ms == 0


def test_a_lump_later_than_the_horizon_loses_its_beginning_and_keeps_its_time() -> None:
    bench = Bench()
    for at in (100, *[1100] * 50, 1120):
        bench.caller(5, at)
    (first, second) = spans(bench.finish(2000)[:, 0])
    assert first == (5, 80, 100)
    assert second[2] == pytest.approx(1120, abs=LAG_S * 1000)
    assert second[1] == pytest.approx(1100 - HORIZON_S * 1000, abs=120)
    assert bench.line.late_ms > 0


def test_what_came_while_this_process_stood_still_is_not_lost() -> None:
    """After the stall the tick comes first, and three times, as the ticker catches up; then the reader."""
    bench = Bench()
    for n in range(20):
        bench.caller(5, at=100 + 20 * n)
    bench.now = 1500
    for late in (0, 1, 2):
        assert bench.line.take(START + (bench.now + late) / 1000) is None
    for n in range(20, 70):
        bench.caller(5, at=1503 if n < 69 else 1504)
    for n in range(70, 100):
        bench.caller(5, at=100 + 20 * n)
    assert spans(bench.finish(3000)[:, 0]) == [(5, 80, 2080)]
    assert bench.line.late_ms == 0


@pytest.mark.parametrize("ppm", [-2000, 2000], ids=["slow", "fast"])
def test_a_peer_with_another_clock_does_not_drift_away(ppm: int) -> None:
    bench = Bench()
    step = 20 * (1 - ppm / 1e6)
    count = 2000
    for n in range(count):
        bench.caller(1 + n % 2, at=100 + step * n)
    last = spans(bench.finish(count * 20 + 1000)[:, 0])[-1]
    assert last[2] == pytest.approx(100 + step * (count - 1), abs=LAG_S * 1000 + 1)


def test_nothing_is_given_out_before_it_is_settled() -> None:
    bench = Bench().until((HORIZON_S + BLOCK_S) * 1000 - 20)
    assert bench.out == b""
    assert len(bench.until((HORIZON_S + BLOCK_S) * 1000).out) == round(BLOCK_S * RATE) * 4
    line = bench.line
    assert line.seconds == pytest.approx(BLOCK_S)
    assert line.finish(START + 0.1) == b"", "the clock did not go on: nothing is taken back"


@given(st.lists(st.tuples(st.sampled_from(["caller", "agent"]), st.integers(0, 500), st.integers(0, 600)), max_size=30))
def test_whatever_comes_the_length_is_that_of_the_clock_and_no_sound_is_invented(
    arrivals: list[tuple[str, int, int]],
) -> None:
    bench = Bench()
    at = 0.0
    given_samples = {"caller": 0, "agent": 0}
    for side, samples, gap in arrivals:
        at += gap
        bench.until(at)
        pcm = np.full(samples, 7, "<i2").tobytes()
        getattr(bench.line, side)(pcm, START + at / 1000)
        given_samples[side] += samples
    stereo = bench.finish(at + 100)
    assert len(stereo) == round((at + 100) / 1000 * RATE)
    for column, side in enumerate(("caller", "agent")):
        assert int((stereo[:, column] == 7).sum()) <= given_samples[side]
        assert set(np.unique(stereo[:, column])) <= {0, 7}


def test_a_delay_that_comes_to_an_end_costs_nothing_while_it_is_short() -> None:
    bench = Bench()
    for n in range(100):
        bench.caller(5, at=100 + 20 * n + (35 if n < 50 else 0))
    ((_, start, end),) = spans(bench.finish(3000)[:, 0])
    assert (start, end) == (115, 2115), "joined without a seam, 35 ms behind"
    assert bench.line.late_ms == 0


@given(st.lists(st.integers(0, 250), min_size=5, max_size=90))
def test_frames_of_a_steady_speaker_are_all_kept_wherever_the_reader_stalled(stalls: list[int]) -> None:
    """Frames are spoken every 20 ms and read when the process is awake, at most 250 ms later, in order. In any 300 ms
    it is awake once: a delay that lasts longer can't be told from frames that were spoken later."""
    bench = Bench()
    read = 0.0
    for n, stall in enumerate(stalls):
        read = max(read, 100 + 20 * n + (stall if n % 15 == 0 else 0))
        bench.caller(9, at=min(read, 100 + 20 * n + 250))
    stereo = bench.finish(100 + 20 * len(stalls) + 600)
    assert int((stereo[:, 0] == 9).sum()) == len(stalls) * FRAME
    assert bench.line.late_ms == 0
