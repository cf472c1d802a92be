"""bridge.audiosocket.ticker, on a clock of its own: no time passes in these tests."""

import heapq
from collections.abc import Callable
from itertools import count, pairwise

import pytest
from hypothesis import given, strategies as st

from bridge.audiosocket.ticker import CATCH_UP, PERIOD, PHASES, SLOT, Ticker, TickHandle, Timer

START = 1000.0
NEAREST_S = 0.008
"""Between two frames of a leg, when the second is expedited."""


class FakeTimer:
    def __init__(self) -> None:
        self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class FakeLoop:
    """Time jumps from timer to timer; `stall` lets it pass without serving any."""

    def __init__(self) -> None:
        self.now = START
        self._timers: list[tuple[float, int, FakeTimer, Callable[[], None]]] = []
        self._order = count()
        self.wake_ups = 0

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[[], None], /) -> Timer:
        timer = FakeTimer()
        heapq.heappush(self._timers, (when, next(self._order), timer, callback))
        return timer

    def stall(self, seconds: float) -> None:
        self.now += seconds

    def run(self, seconds: float, late: float = 0.0) -> None:
        until = self.now + seconds
        while self._timers and max(self._timers[0][0] + late, self.now) <= until:
            when, _, timer, callback = heapq.heappop(self._timers)
            if not timer.cancelled:
                self.now = max(self.now, when + late)
                self.wake_ups += 1
                callback()
        self.now = max(self.now, until)

    @property
    def armed(self) -> int:
        return sum(not timer.cancelled for _, _, timer, _ in self._timers)


class Leg:
    """Writes down when it was called."""

    def __init__(self, loop: FakeLoop, ticker: Ticker) -> None:
        self.loop = loop
        self.times: list[float] = []
        self.sounds = False
        self.fault: Exception | None = None
        self.cadence: TickHandle = ticker.add(self.tick, self.failed)

    def tick(self) -> bool:
        self.times.append(self.loop.now)
        return self.sounds

    def failed(self, fault: Exception) -> None:
        self.fault = fault

    @property
    def gaps_ms(self) -> list[float]:
        return [round((b - a) * 1000, 6) for a, b in pairwise(self.times)]


@pytest.fixture
def loop() -> FakeLoop:
    return FakeLoop()


@pytest.fixture
def ticker(loop: FakeLoop) -> Ticker:
    return Ticker(loop)


def test_fifty_a_second_for_an_hour_without_drift(loop: FakeLoop, ticker: Ticker) -> None:
    leg = Leg(loop, ticker)
    loop.run(3600, late=0.0013)
    assert len(leg.times) in (179_999, 180_000)
    assert leg.times[-1] - leg.times[0] == pytest.approx((len(leg.times) - 1) * PERIOD, abs=1e-6)
    assert 0.008 <= leg.times[0] - START <= 0.0214


def test_a_slot_without_legs_costs_no_wake_up(loop: FakeLoop, ticker: Ticker) -> None:
    Leg(loop, ticker)
    loop.run(10)
    assert loop.wake_ups == 500


def test_legs_are_spread_over_the_phases(loop: FakeLoop, ticker: Ticker) -> None:
    for _ in range(100):
        Leg(loop, ticker)
    assert max(len(phase) for phase in ticker._wheel) == 17  # all at once: only the phases 8 to 20 ms from now
    for _ in range(100):
        loop.run(0.004)
        Leg(loop, ticker)
    assert max(len(phase) for phase in ticker._wheel) <= 21


def test_a_short_stall_is_caught_up_in_full(loop: FakeLoop, ticker: Ticker) -> None:
    leg = Leg(loop, ticker)
    loop.run(1)
    loop.stall(0.050)
    loop.run(0.950)
    assert len(leg.times) in (99, 100)
    assert leg.cadence.skipped == 0


@pytest.mark.parametrize("stall", [0.2, 1.0, 7.77])
def test_after_a_long_stall_the_missed_frames_are_dropped(loop: FakeLoop, ticker: Ticker, stall: float) -> None:
    legs = []
    for _ in range(7):
        legs.append(Leg(loop, ticker))
        loop.run(0.003)
    loop.run(1)
    for leg in legs:
        leg.times.clear()
    loop.stall(stall)
    stalled_until = loop.now
    loop.run(1)
    for leg in legs:
        assert sum(time == stalled_until for time in leg.times) == CATCH_UP + 1
        later = [time for time in leg.times if time > stalled_until]
        assert len(later) in (49, 50, 51)
        assert later[0] - stalled_until <= PERIOD + 1e-9
        total = len(leg.times) + leg.cadence.skipped
        assert total == pytest.approx((stall + 1) / PERIOD, abs=1.01)


def test_it_is_never_ahead(loop: FakeLoop, ticker: Ticker) -> None:
    leg = Leg(loop, ticker)
    loop.run(0.5)
    loop.stall(0.3)
    loop.run(2)
    for n, time in enumerate(leg.times):
        assert (n + 1) * PERIOD <= time - START + PERIOD + 1e-9


def test_a_callback_that_raises_ends_alone(loop: FakeLoop, ticker: Ticker) -> None:
    def broken() -> bool:
        raise ValueError("of this leg only")

    told: list[Exception] = []
    before, after = Leg(loop, ticker), Leg(loop, ticker)
    ticker.add(broken, told.append)
    loop.run(1)
    assert [str(fault) for fault in told] == ["of this leg only"]
    assert len(ticker) == 2
    assert len(before.times) >= 49
    assert len(after.times) >= 49


def test_the_clock_stops_with_its_last_leg(loop: FakeLoop, ticker: Ticker) -> None:
    first, second = Leg(loop, ticker), Leg(loop, ticker)
    loop.run(0.1)
    first.cadence.remove()
    first.cadence.remove()
    assert loop.armed == 1
    second.cadence.remove()
    assert loop.armed == 0
    loop.run(3600)
    ticker.read_lateness()
    third = Leg(loop, ticker)
    loop.run(1)
    assert len(third.times) >= 49
    assert third.cadence.skipped == 0
    assert ticker.read_lateness().max_ms < 0.01


def test_a_leg_removed_by_another_in_the_same_slot_is_not_called(loop: FakeLoop, ticker: Ticker) -> None:
    legs: list[Leg] = []

    def remove_all() -> bool:
        for leg in legs:
            leg.cadence.remove()
        return False

    killer = ticker.add(remove_all, lambda fault: None)
    for _ in range(10):
        legs.append(Leg(loop, ticker))
    same_phase = [leg for leg in legs if leg.cadence.due == killer.due]
    assert same_phase
    loop.run(1)
    assert all(not leg.times for leg in same_phase)
    assert len(ticker) == 1


def test_lateness_is_of_the_time_since_the_last_reading(loop: FakeLoop, ticker: Ticker) -> None:
    assert ticker.read_lateness().wake_ups == 0
    Leg(loop, ticker)
    loop.run(1, late=0.002)
    first = ticker.read_lateness()
    assert first.wake_ups in (49, 50)
    assert first.p99_ms == pytest.approx(2, abs=0.01)
    loop.stall(0.5)
    loop.run(1)
    second = ticker.read_lateness()
    assert 480 <= second.max_ms <= 500
    assert 460 <= second.p99_ms < 500, "what it slept through was late as well"
    assert second.wake_ups in range(73, 77)
    loop.run(1)
    assert ticker.read_lateness().max_ms < 0.01


def test_a_timer_called_early_by_the_clocks_resolution_is_served(loop: FakeLoop, ticker: Ticker) -> None:
    leg = Leg(loop, ticker)
    loop.run(1, late=-1e-6)
    assert len(leg.times) >= 49
    assert loop.wake_ups == len(leg.times)


# ---------------------------------------------------------------- sooner after silence


@pytest.mark.parametrize("after", [0.0005, 0.0041, 0.009, 0.0125, 0.0199])
def test_sound_after_silence_waits_no_longer_than_8_ms(loop: FakeLoop, ticker: Ticker, after: float) -> None:
    leg = Leg(loop, ticker)
    loop.run(1)
    loop.run(leg.times[-1] + PERIOD - loop.now)
    last = leg.times[-1]
    loop.run(after)
    leg.sounds = True
    leg.cadence.expedite()
    loop.run(0.5)
    sounded = next(time for time in leg.times if time > last)
    assert sounded - last >= NEAREST_S - 1e-9
    assert sounded - (last + after) <= max(SLOT, NEAREST_S - after) + 1e-9
    assert set(leg.gaps_ms[leg.times.index(sounded) :]) == {20.0}


def test_the_lead_is_bounded_and_given_back_in_silence(loop: FakeLoop, ticker: Ticker) -> None:
    leg = Leg(loop, ticker)
    loop.run(1)
    for _ in range(20):
        leg.sounds = True
        leg.cadence.expedite()
        loop.run(0.2)
    assert len(leg.times) <= round((loop.now - START) / PERIOD) + 1
    leg.sounds = False
    loop.run(2)
    assert set(leg.gaps_ms[-100:]) == {20.0, 22.0}
    assert leg.gaps_ms[-100:].count(22.0) <= PHASES
    assert leg.cadence._lead == 0
    loop.run(1)
    assert set(leg.gaps_ms[-50:]) == {20.0}


def test_expediting_a_removed_leg_does_nothing(loop: FakeLoop, ticker: Ticker) -> None:
    leg = Leg(loop, ticker)
    leg.cadence.remove()
    leg.cadence.expedite()
    loop.run(1)
    assert leg.times == []


@given(
    st.lists(
        st.tuples(st.floats(0, 0.3), st.sampled_from(["run", "stall", "hasten", "sound", "silence", "add", "remove"])),
        max_size=60,
    )
)
def test_any_life_keeps_to_real_time(life: list[tuple[float, str]]) -> None:
    loop = FakeLoop()
    ticker = Ticker(loop)
    leg = Leg(loop, ticker)
    others: list[Leg] = []
    for seconds, what in life:
        match what:
            case "stall":
                loop.stall(seconds)
            case "hasten":
                leg.cadence.expedite()
            case "sound" | "silence":
                leg.sounds = what == "sound"
            case "add":
                others.append(Leg(loop, ticker))
            case "remove" if others:
                others.pop().cadence.remove()
            case _:
                loop.run(seconds)
    loop.run(0.05)
    passed = loop.now - START
    # Sent and skipped together are the time that passed: one frame ahead at most, one not yet due.
    assert passed / PERIOD - 2 <= len(leg.times) + leg.cadence.skipped <= passed / PERIOD + 1 + 1e-6
    for time in set(leg.times):
        assert leg.times.count(time) <= CATCH_UP + 1
    assert leg.times == sorted(leg.times)
