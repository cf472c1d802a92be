"""The one 20 ms clock of a worker process: it says when each media leg's next frame is due.

Owns one timer and a wheel of phases (10 slots of 2 ms): legs are spread over the phases, so that a wake-up serves some
of them and not all in a lump. Deadlines are absolute, counted from the clock's start: lateness never adds up.

After a stall a leg is called for the due frame and at most `CATCH_UP` missed ones; what was missed before those is
skipped for good, because Asterisk does not pace what it is given. A leg is never called ahead of its time, with one
bounded exception: when sound follows silence, `TickHandle.expedite` moves the leg to a sooner phase (one frame ahead of
real time at most, never closer than 8 ms to the frame before), and the lead is given back, 2 ms at a time, in silence.

A callback returns whether what it sent was audible. One that raises is removed, and its owner is told; the others do
not notice.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from math import floor
from typing import Protocol

PERIOD = 0.020
"""Seconds between two calls of one callback."""
PHASES = 10
SLOT = PERIOD / PHASES
CATCH_UP = 2
"""Frames sent at once after a stall besides the one that is due."""

_NEAREST = 4
"""Slots that stay between two frames when the second is expedited."""
_LEAD = PHASES
"""Slots a leg may be ahead of real time: one frame."""
_CALM = 3
"""Silent frames for each slot of the lead that is given back."""
_WAKE_UPS = 8192
"""Lateness samples kept between two readings: 16 s of them, should nobody read."""


class Timer(Protocol):
    """What `call_at` gives back."""

    def cancel(self) -> None: ...


class TimeSource(Protocol):
    """The part of asyncio's event loop that a clock needs; tests bring their own."""

    def time(self) -> float: ...
    def call_at(self, when: float, callback: Callable[[], None], /) -> Timer: ...


@dataclass(frozen=True, slots=True)
class Lateness:
    """How late the clock woke up since the last reading, in milliseconds; each 20 ms that it slept through count as one
    more wake-up, late by what was left of it."""

    wake_ups: int = 0
    p99_ms: float = 0.0
    max_ms: float = 0.0


class TickHandle:
    """One callback's place on the clock."""

    __slots__ = ("_calm", "_clock", "_failed", "_lead", "_tick", "due", "skipped")

    def __init__(
        self, clock: "Ticker", due: int, tick: Callable[[], bool], failed: Callable[[Exception], None]
    ) -> None:
        self._clock = clock
        self._tick = tick
        self._failed = failed
        self._lead = 0
        self._calm = 0
        self.due = due
        """The slot, counted from the clock's start, in which the next frame is due."""
        self.skipped = 0
        """Frames that were never sent because the process had stalled for longer than is caught up."""

    def expedite(self) -> None:
        """Sound has come after silence: call as soon as the rules allow instead of up to 20 ms later."""
        self._clock._expedite(self)

    def remove(self) -> None:
        """No further call, not even in the slot that is being served. Harmless when done twice."""
        self._clock._remove(self)


class Ticker:
    """The clock. `add` starts it, the last `remove` stops it; it belongs to one event loop."""

    def __init__(self, loop: TimeSource | None = None) -> None:
        self._loop: TimeSource = loop if loop is not None else asyncio.get_running_loop()
        self._origin = self._loop.time()
        self._next = 1
        """The first slot that is not served yet."""
        self._wheel: list[dict[TickHandle, None]] = [{} for _ in range(PHASES)]
        self._timer: Timer | None = None
        self._armed = 0
        self._late: list[float] = []

    def __len__(self) -> int:
        return sum(map(len, self._wheel))

    def __repr__(self) -> str:
        return f"<Ticker [{'/'.join(str(len(phase)) for phase in self._wheel)}]>"

    def add(self, tick: Callable[[], bool], failed: Callable[[Exception], None]) -> TickHandle:
        """Call `tick` every 20 ms, first 8 to 20 ms from now, in the phase with the fewest legs.

        `tick` returns whether it sent sound (True) or silence (False). If it raises, it is not called again and
        `failed` gets the exception.
        """
        soonest = max(self._slot(self._loop.time()) + 1, self._next)
        if not any(self._wheel):
            self._next = soonest  # in the slots of the time without legs nothing was due
        # The owner sends its first frame itself; the latest of the emptiest phases is nearest to 20 ms after it.
        due = min(
            range(soonest + PHASES - 1, soonest + _NEAREST - 1, -1), key=lambda slot: len(self._wheel[slot % PHASES])
        )
        handle = TickHandle(self, due, tick, failed)
        self._wheel[due % PHASES][handle] = None
        self._arm()
        return handle

    def read_lateness(self) -> Lateness:
        """What the clock's wake-ups were like since the last reading."""
        late, self._late = sorted(self._late), []
        if not late:
            return Lateness()
        return Lateness(len(late), late[(len(late) - 1) * 99 // 100] * 1000, late[-1] * 1000)

    # ------------------------------------------------------------ for TickHandle

    def _remove(self, handle: TickHandle) -> None:
        self._wheel[handle.due % PHASES].pop(handle, None)
        if self._timer is not None and not any(self._wheel):
            self._timer.cancel()
            self._timer = None

    def _expedite(self, handle: TickHandle) -> None:
        upcoming = self._slot(self._loop.time()) + 1
        decent = handle.due - PHASES + _NEAREST
        affordable = handle.due - _LEAD + handle._lead
        soonest = max(upcoming, self._next, decent, affordable)
        if soonest < handle.due and handle in self._wheel[handle.due % PHASES]:
            handle._lead += handle.due - soonest
            handle._calm = 0
            self._move(handle, soonest)
            self._arm()

    # ------------------------------------------------------------ inside

    def _slot(self, time: float) -> int:
        """The last slot that is due at this time, forgiving the rounding of floats at its very beginning."""
        return floor((time - self._origin) / SLOT + 1e-6)

    def _move(self, handle: TickHandle, due: int) -> None:
        del self._wheel[handle.due % PHASES][handle]
        handle.due = due
        self._wheel[due % PHASES][handle] = None

    def _arm(self) -> None:
        """Set the timer to the next slot that has a leg in its phase."""
        slot = next((s for s in range(self._next, self._next + PHASES) if self._wheel[s % PHASES]), None)
        if slot is None or (self._timer is not None and slot == self._armed):
            return
        if self._timer is not None:
            self._timer.cancel()
        self._armed = slot
        self._timer = self._loop.call_at(self._origin + slot * SLOT, self._wake)

    def _wake(self) -> None:
        self._timer = None
        now = self._loop.time()
        # The loop may call a timer early by its clock's resolution; the armed slot is due nevertheless.
        last = max(self._slot(now), self._armed)
        self._note(max(0.0, now - (self._origin + self._armed * SLOT)))
        first = max(self._armed, last - (CATCH_UP + 1) * PHASES + 1)
        self._next = last + 1
        for slot in range(first, last + 1):
            self._serve(slot)
        self._arm()

    def _note(self, late: float) -> None:
        """Once for each period: else a clock that sleeps most of the time would be late once, and punctual often."""
        while late >= 0 and len(self._late) < _WAKE_UPS:
            self._late.append(late)
            late -= PERIOD

    def _serve(self, slot: int) -> None:
        for handle in tuple(self._wheel[slot % PHASES]):
            if handle.due > slot or handle not in self._wheel[slot % PHASES]:
                continue  # added or moved for a later round, or removed by a callback before it
            handle.skipped += (slot - handle.due) // PHASES
            handle.due = slot + PHASES
            try:
                sounded = handle._tick()
            except Exception as fault:  # the top of this leg: it ends, the clock goes on
                self._remove(handle)
                handle._failed(fault)
            else:
                if handle._lead:
                    self._give_back(handle, sounded)

    def _give_back(self, handle: TickHandle, sounded: bool) -> None:
        """Every few silent frames the next one comes a slot later, until real time is reached again."""
        handle._calm = 0 if sounded else handle._calm + 1
        if handle._calm >= _CALM and handle in self._wheel[handle.due % PHASES]:
            handle._calm = 0
            handle._lead -= 1
            self._move(handle, handle.due + 1)
