"""What a caller missed of an agent who does not stop talking. [pure]

Owns the measure: holes in a tone. A packet that came a little late but holds the next piece of the tone is none (a
telephone's jitter buffer hides it): up to `HIDDEN` the stream's own count decides. Times are seconds of the wall clock.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from simulator.audio.sound import FRAME_SECONDS, LOUD_DBFS, RATE, Frame

AUDIBLE = 0.06
"""Seconds. A shorter hole is not noticed in speech."""
HIDDEN = 0.5
"""Seconds. Generous: with one core too few the telephones of the tests stand still themselves."""
_PURE = 0.9
_STAMPS = 1 << 32


@dataclass(frozen=True, slots=True)
class Hole:
    """From `since` on the agent was not heard for `seconds`."""

    since: float
    seconds: float

    @property
    def until(self) -> float:
        return self.since + self.seconds


@dataclass(frozen=True, slots=True)
class Heard:
    """Of one telephone: the agent's first and last sound (0: none), the holes in between, and the latest packet."""

    first: float
    last: float
    holes: tuple[Hole, ...]
    longest_wait: float
    """Seconds between two packets, whatever was in them."""


def heard(frames: Sequence[Frame], hz: float, least: float = AUDIBLE) -> Heard:
    """Holes of more than `least` seconds in a tone of `hz`."""
    agent = [frame for frame, yes in zip(frames, tonal(frames, hz), strict=True) if yes]
    pairs = list(zip(agent, agent[1:], strict=False))
    holes = (Hole(sooner.at + FRAME_SECONDS, _missing(sooner, later)) for sooner, later in pairs)
    waits = (later.at - sooner.at for sooner, later in zip(frames, frames[1:], strict=False))
    return Heard(
        agent[0].at if agent else 0.0,
        agent[-1].at if agent else 0.0,
        tuple(hole for hole in holes if hole.seconds > least),
        max(waits, default=0.0),
    )


def _missing(sooner: Frame, later: Frame) -> float:
    by_clock = later.at - sooner.at
    by_count = (later.stamp - sooner.stamp) % _STAMPS / RATE
    return (min(by_clock, by_count) if by_clock < HIDDEN else by_clock) - FRAME_SECONDS


def tonal(frames: Sequence[Frame], hz: float) -> npt.NDArray[np.bool_]:
    """Which frames hold that tone, and hardly anything else (as `simulator.audio.sound.is_tone`, for many at once)."""
    if not frames:
        return np.zeros(0, np.bool_)
    waves = np.stack([frame.samples for frame in frames]).astype(np.float64)
    energy = np.square(waves).sum(axis=1)
    turns = np.exp(-2j * np.pi * hz / RATE * np.arange(waves.shape[1]))
    share = 2 * np.abs(waves @ turns) ** 2 / (waves.shape[1] * np.maximum(energy, 1e-9))
    loud = energy / waves.shape[1] > 10 ** (LOUD_DBFS / 10) * 32768.0**2
    return np.asarray(loud & (share > _PURE))
