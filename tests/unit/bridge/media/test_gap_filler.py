"""The caller's time line: never more than real time, never a hole, and no burst of silence."""

import random
from dataclasses import dataclass, field

import pytest
from hypothesis import example, given, settings, strategies as st

from bridge.audiosocket.ticker import CATCH_UP
from bridge.media.gap_filler import AHEAD_S, AT_ONCE, FRAME_S, LAG_S, LONGEST_S, GapFiller

HOUR = 3600.0
BEHIND_S = LAG_S + 2 * FRAME_S
"""The line is never further behind than this after a tick."""


@dataclass
class Line:
    """A caller's frames and a worker's ticks on one clock; the worker may stand still and read late."""

    uplink: GapFiller = field(default_factory=GapFiller)
    now: float = 100.0
    heard: list[bool] = field(default_factory=list)
    """What the server was sent: True for sound of the caller, False for silence."""
    dropped: int = 0
    burst: int = 0
    """The most silence at one tick."""
    leads: list[float] = field(default_factory=list)
    """How far the line was ahead of the clock after each tick."""

    def __post_init__(self) -> None:
        self.uplink.start(self.now)

    def run(self, arrivals: list[float], seconds: float, stalls: tuple[tuple[float, float], ...] = ()) -> None:
        """Frames arrive at these moments; the worker stands still from..to. Counted from now."""
        begin, due, waiting = self.now, 0.0, sorted(arrivals)
        read = 0
        while due < seconds:
            due += FRAME_S
            awake = next((end for start, end in stalls if start <= due < end), due)
            while read < len(waiting) and (awake > due or waiting[read] <= due):
                if waiting[read] > awake:
                    break
                self._read(begin + (awake if awake > due else waiting[read]))
                read += 1
            missed = round((awake - due) / FRAME_S)
            due = awake
            self._tick(begin + due, 1 + min(missed, CATCH_UP))
        self.now = begin + due

    def _read(self, now: float) -> None:
        if self.uplink.accept(FRAME_S, now):
            self.heard.append(True)
        else:
            self.dropped += 1

    def _tick(self, now: float, times: int) -> None:
        silence = sum(self.uplink.missing(now + number * 1e-4) for number in range(times))
        self.heard += [False] * silence
        self.burst = max(self.burst, silence)
        self.leads.append(100.0 + len(self.heard) * FRAME_S - now)

    @property
    def silence_s(self) -> float:
        return self.heard.count(False) * FRAME_S

    def longest_silence(self) -> int:
        longest = run = 0
        for sound in self.heard:
            run = 0 if sound else run + 1
            longest = max(longest, run)
        return longest


def regular(seconds: float, *, skew: float = 0.0, phase: float = 0.007, begin: float = 0.0) -> list[float]:
    """Arrivals of a caller whose clock is wrong by that share."""
    return [begin + phase + number * FRAME_S * (1 + skew) for number in range(int(seconds / FRAME_S))]


@pytest.mark.parametrize("phase", [0.0, 0.005, 0.01, 0.019])
def test_frames_at_real_time_are_all_sent(phase: float) -> None:
    line = Line()
    line.run(regular(100, phase=phase), 100)
    assert line.dropped == line.silence_s == 0


@pytest.mark.parametrize("skew", [-100e-6, 100e-6])
def test_an_hour_with_a_caller_whose_clock_is_a_little_off_stays_on_the_clock(skew: float) -> None:
    line = Line()
    line.run(regular(HOUR, skew=skew), HOUR - 1)
    assert -BEHIND_S <= min(line.leads) <= max(line.leads) <= AHEAD_S
    assert line.silence_s + line.dropped * FRAME_S <= abs(skew) * HOUR + FRAME_S
    assert line.longest_silence() <= 1


def test_jitter_is_filled_once_and_costs_no_sound() -> None:
    shaken, late = random.Random(1), 0.0
    arrivals = []
    for at in regular(600):
        late = max(late - FRAME_S, shaken.random() * 0.06)
        arrivals.append(at + late)
    line = Line()
    line.run(arrivals, 600)
    assert line.dropped == 0
    assert line.silence_s <= 0.06


@pytest.mark.parametrize("loss", [0.005, 0.01, 0.03, 0.2])
@pytest.mark.parametrize("pause_s", [0.06, 0.15, 0.3])
def test_what_was_lost_long_ago_is_not_filled_at_the_next_pause(loss: float, pause_s: float) -> None:
    lossy = random.Random(2)
    before = [at for at in regular(120) if lossy.random() >= loss]
    line = Line()
    line.run(before, 120)
    lost_s = 120 - len(before) * FRAME_S
    assert abs(line.silence_s - lost_s) <= BEHIND_S
    filled_before = line.silence_s
    line.run(regular(2, begin=pause_s), 2)
    assert line.silence_s - filled_before <= pause_s + FRAME_S
    assert line.burst <= AT_ONCE


def test_a_lost_packet_is_filled_where_it_was_lost() -> None:
    line = Line()
    line.run([at for number, at in enumerate(regular(4)) if number % 20 != 10], 4)
    holes = [number for number, sound in enumerate(line.heard) if not sound]
    assert holes  # the first one or two are within what the line may be behind
    assert all(8 <= number % 20 <= 12 for number in holes)


def test_a_gap_is_filled_as_it_passes() -> None:
    line = Line()
    line.run([], 2)
    assert line.silence_s == pytest.approx(2.0 - LAG_S, abs=FRAME_S + 1e-6)
    assert line.burst <= AT_ONCE
    assert line.dropped == 0


@pytest.mark.parametrize("stall_s", [0.1, 0.25, 0.5, 1.0, 3.0])
def test_sound_that_waited_while_the_worker_stood_still_is_all_sent(stall_s: float) -> None:
    line = Line()
    line.run(regular(10), 10, ((3.0, 3.0 + stall_s),))
    assert line.dropped == line.silence_s == 0


@pytest.mark.parametrize("stall_s", [0.25, 0.5, 1.0])
def test_silence_after_a_stall_is_caught_up_and_not_in_a_burst(stall_s: float) -> None:
    line = Line()
    arrivals = [at for at in regular(6) if not 3.0 <= at < 3.0 + stall_s]  # on hold just then
    line.run(arrivals, 6, ((3.0, 3.0 + stall_s),))
    assert line.burst <= AT_ONCE
    assert line.silence_s == pytest.approx(stall_s, abs=BEHIND_S)


def test_a_worker_that_is_always_late_fills_only_what_is_missing() -> None:
    """Its loop turns every 100 ms: what came meanwhile is read at each turn."""
    stalls = tuple((turn * 0.1, turn * 0.1 + 0.099) for turn in range(30))
    line = Line()
    line.run(regular(3), 3, stalls)
    assert line.dropped == line.silence_s == 0
    line.run([], 3, stalls)
    assert line.silence_s == pytest.approx(3.0, abs=0.3)


def test_a_process_that_stood_still_for_an_hour_does_not_send_an_hour_of_silence() -> None:
    line = Line()
    line.run([], HOUR + 5, ((1.0, HOUR),))
    assert line.silence_s <= 1.0 + LONGEST_S + 5.0
    assert line.burst <= AT_ONCE


@pytest.mark.parametrize("stall_s", [0.3, 1.0])
def test_sound_that_comes_late_in_a_lump_is_not_doubled(stall_s: float) -> None:
    """Asterisk or the network stood still, and the worker did not."""
    line = Line()
    arrivals = [3.0 + stall_s if 3.0 <= at < 3.0 + stall_s else at for at in regular(8)]
    line.run(arrivals, 8)
    assert max(line.leads) <= AHEAD_S + 1e-6
    assert line.dropped >= (stall_s - AHEAD_S - BEHIND_S) / FRAME_S
    assert len(line.heard) * FRAME_S <= 8 + AHEAD_S


def test_before_the_start_nothing_is_missing() -> None:
    assert GapFiller().missing(1e9) == 0


@given(
    seed=st.integers(0, 2**32),
    loss=st.floats(0, 0.3),
    jitter_s=st.floats(0, 0.15),
    reorder=st.booleans(),
    pauses=st.lists(st.tuples(st.floats(0, 20), st.floats(0.02, 3)), max_size=4),
    stalls=st.lists(st.tuples(st.integers(1, 900), st.integers(1, 60)), max_size=3),
    skew=st.floats(-200e-6, 200e-6),
    phase=st.floats(0, 0.02),
)
@example(seed=0, loss=0.0, jitter_s=0.0, reorder=False, pauses=[(0, 2)], stalls=[(1, 60)], skew=0.0, phase=0.0)
@example(seed=1, loss=0.01, jitter_s=0.0, reorder=False, pauses=[(15, 0.15)], stalls=[], skew=0.0, phase=0.0)
@settings(max_examples=60)
def test_whatever_the_network_does_the_line_stays_on_the_clock(
    seed: int,
    loss: float,
    jitter_s: float,
    reorder: bool,
    pauses: list[tuple[float, float]],
    stalls: list[tuple[int, int]],
    skew: float,
    phase: float,
) -> None:
    chance = random.Random(seed)
    arrivals, late = [], 0.0
    for at in regular(20, skew=skew, phase=phase):
        late = max(0.0 if reorder else late - FRAME_S, chance.random() * jitter_s)
        if chance.random() >= loss and not any(begin <= at < begin + length for begin, length in pauses):
            arrivals.append(at + late)
    still = tuple((begin * FRAME_S, (begin + length) * FRAME_S) for begin, length in stalls)
    line = Line()
    line.run(arrivals, 20, still)
    assert line.burst <= AT_ONCE
    assert max(line.leads) <= AHEAD_S + 1e-6
    missing_s = 20 - (len(line.heard) - line.heard.count(False)) * FRAME_S
    assert line.silence_s <= missing_s + AHEAD_S + 1e-6
    line.run([], 2.5)
    assert abs(line.leads[-1] + line.uplink.left_out_s + LAG_S) <= FRAME_S + 1e-6
