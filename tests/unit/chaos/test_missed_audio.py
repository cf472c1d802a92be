"""tests.chaos.missed_audio: a hole is found, and a late packet is none."""

import numpy as np
import pytest

from simulator.audio.sound import FRAME_SAMPLES, Frame, tone
from tests.chaos.missed_audio import heard, tonal

HZ, OTHER = 880, 523
SECONDS = 2.0


def stream(hz: float = HZ) -> list[Frame]:
    samples = tone(SECONDS, hz)
    pieces = np.split(samples, len(samples) // FRAME_SAMPLES)
    return [Frame(100 + n * 0.02, 7000 + n * FRAME_SAMPLES, piece) for n, piece in enumerate(pieces)]


def test_nothing_is_missing() -> None:
    found = heard(stream(), HZ)
    assert (found.holes, found.first, round(found.last, 2)) == ((), 100.0, 101.98)


def test_no_agent() -> None:
    assert heard([], HZ).first == heard(stream(OTHER), HZ).first == 0.0


@pytest.mark.parametrize("quiet", ["silence", "another tone", "no packets"])
def test_a_hole_is_found(quiet: str) -> None:
    frames = stream()
    if quiet == "no packets":
        del frames[20:30]
    else:
        instead = np.zeros(FRAME_SAMPLES, np.int16) if quiet == "silence" else tone(0.02, OTHER)
        frames[20:30] = [Frame(each.at, each.stamp, instead) for each in frames[20:30]]
    (hole,) = heard(frames, HZ).holes
    assert (round(hole.since, 2), round(hole.seconds, 2)) == (100.4, 0.2)


def test_sixty_milliseconds_are_not_noticed() -> None:
    frames = stream()
    del frames[20:23]
    assert heard(frames, HZ).holes == ()


def test_a_late_packet_is_no_hole() -> None:
    """The machine stood still; the telephone plays what it has."""
    frames = stream()
    frames[20:30] = [Frame(100.6, each.stamp, each.samples) for each in frames[20:30]]
    found = heard(frames, HZ)
    assert found.holes == ()
    assert round(found.longest_wait, 2) == 0.22


@pytest.mark.parametrize("leap", [0, 3_000_000_000], ids=["its count goes on", "its count begins anew"])
def test_what_comes_much_too_late_is_a_hole(leap: int) -> None:
    frames = stream()
    late = [Frame(each.at + 1.0, each.stamp + leap, each.samples) for each in frames[50:]]
    (hole,) = heard(frames[:50] + late, HZ).holes
    assert round(hole.seconds, 2) == 1.0


def test_the_measure_of_many_is_that_of_one() -> None:
    assert tonal(stream() + stream(OTHER), HZ).tolist() == [True] * 100 + [False] * 100
