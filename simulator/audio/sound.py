"""What a telephone's sound holds: loudness, tones, stretches of speech and the gaps within. [pure]

Owns the measures that the demo prints and the tests rely on, over 8 kHz frames and their times. Refuses to know
where the frames came from. Times are seconds of the wall clock; samples are 16 bit, mono.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

T = TypeVar("T")
Samples = npt.NDArray[np.int16]

RATE = 8000
FRAME_SAMPLES = 160
FRAME_SECONDS = 0.02
LOUD_DBFS = -45.0
"""A frame above it is sound; G.711's idle noise is far below, the quietest vowels are above."""


@dataclass(frozen=True, slots=True)
class Frame:
    """20 ms as they came. `at`: when it arrived (or was sent); `stamp`: its place in the stream, in samples."""

    at: float
    stamp: int
    samples: Samples

    @property
    def loud(self) -> bool:
        return level(self.samples) > LOUD_DBFS


@dataclass(frozen=True, slots=True)
class Stretch:
    """Sound without a pause longer than was asked for. `frames` holds the quiet ones within, too."""

    frames: tuple[Frame, ...]

    @property
    def start(self) -> float:
        return self.frames[0].at

    @property
    def end(self) -> float:
        """When the last loud frame was over."""
        return self.frames[-1].at + FRAME_SECONDS

    @property
    def seconds(self) -> float:
        """Its length by the stream's own count: what a listener with a jitter buffer hears."""
        return (self.frames[-1].stamp - self.frames[0].stamp) / RATE + FRAME_SECONDS

    def until(self, moment: float) -> "Stretch":
        """The part that was over by then, up to its last loud frame."""
        kept = [frame for frame in self.frames if frame.at + FRAME_SECONDS <= moment]
        while kept and not kept[-1].loud:
            kept.pop()
        return Stretch(tuple(kept))

    @property
    def samples(self) -> Samples:
        return np.concatenate([frame.samples for frame in self.frames])

    @property
    def longest_silence(self) -> float:
        """Seconds between two loud frames, counted in the stream: silence put in, or packets left out."""
        stamps = [frame.stamp for frame in self.frames if frame.loud]
        return max((after - before - FRAME_SAMPLES for before, after in _pairs(stamps)), default=0) / RATE

    @property
    def longest_wait(self) -> float:
        """Seconds by which a packet came later than 20 ms after the one before it."""
        waits = (after.at - before.at for before, after in _pairs(self.frames))
        return max(waits, default=FRAME_SECONDS) - FRAME_SECONDS


def level(samples: Samples) -> float:
    """RMS in dB below full scale; -120 for digital silence."""
    if not len(samples):
        return -120.0
    mean = float(np.mean(np.square(samples.astype(np.float64))))
    return 10 * float(np.log10(max(mean / 32768.0**2, 1e-12)))


def purity(samples: Samples, hz: float) -> float:
    """The share of the energy that is a sine of this frequency, 0..1 (Goertzel's measure, by projection)."""
    wave = samples.astype(np.float64)
    energy = float(np.dot(wave, wave))
    if energy == 0:
        return 0.0
    turns = np.exp(-2j * np.pi * hz / RATE * np.arange(len(wave)))
    return float(2 * abs(np.dot(wave, turns)) ** 2 / (len(wave) * energy))


def is_tone(samples: Samples, hz: float) -> bool:
    """Loud, and hardly anything but this frequency: G.711's own noise leaves more than 0.95 of the energy."""
    return level(samples) > LOUD_DBFS and purity(samples, hz) > 0.9


def has_tone(samples: Samples, hz: float, share: float = 0.1) -> bool:
    """This frequency is heard, perhaps among others."""
    return level(samples) > LOUD_DBFS and purity(samples, hz) > share


def tone(seconds: float, hz: float, amplitude: float = 0.3) -> Samples:
    """A sine at 8 kHz."""
    angles = 2 * np.pi * hz * np.arange(round(seconds * RATE)) / RATE
    return (amplitude * 32767 * np.sin(angles)).astype(np.int16)


def stretches(frames: Iterable[Frame], pause: float = 0.4) -> list[Stretch]:
    """The stretches of sound, parted where it was quiet for longer than `pause` seconds."""
    found: list[list[Frame]] = []
    current: list[Frame] = []
    last_loud = 0
    for frame in frames:
        if not frame.loud:
            if current:
                current.append(frame)
            continue
        if current and frame.stamp - current[last_loud].stamp > (pause + FRAME_SECONDS) * RATE:
            found.append(current[: last_loud + 1])
            current = []
        current.append(frame)
        last_loud = len(current) - 1
    if current:
        found.append(current[: last_loud + 1])
    return [Stretch(tuple(each)) for each in found]


def timeline(frames: Sequence[Frame], start: float, end: float) -> Samples:
    """The sound between two times, each frame at its place.

    The stream's own count decides, as in a telephone's jitter buffer, as long as it agrees with the clock to 0.2 s.
    """
    track = np.zeros(max(0, round((end - start) * RATE)), np.int16)
    base: tuple[float, int] | None = None
    for frame in frames:
        if base is None or abs(base[0] + (frame.stamp - base[1]) / RATE - frame.at) > 0.2:
            base = frame.at, frame.stamp
        first = round((base[0] - start) * RATE) + frame.stamp - base[1]
        if first >= 0:
            room = track[first : first + len(frame.samples)]
            room[:] = frame.samples[: len(room)]
    return track


def _pairs(items: Sequence[T]) -> Iterable[tuple[T, T]]:
    return zip(items, items[1:], strict=False)


def likeness(heard: Samples, reference: Samples) -> tuple[int, float]:
    """Where `reference` begins in `heard` (samples), and how alike the two are there, 0..1.

    The normalised cross-correlation at its best place: 1 is the same sound, whatever its loudness.
    """
    if len(heard) < len(reference) or not len(reference):
        return 0, 0.0
    wave, model = heard.astype(np.float64), reference.astype(np.float64)
    size = 1 << (len(wave) + len(model) - 1).bit_length()
    spectrum = np.fft.rfft(wave, size) * np.conj(np.fft.rfft(model, size))
    products = np.fft.irfft(spectrum, size)[: len(wave) - len(model) + 1]
    sums = np.concatenate([[0.0], np.cumsum(wave**2)])
    energies = sums[len(model) :] - sums[: -len(model)]
    alike = products / np.sqrt(np.maximum(energies * np.dot(model, model), 1.0))
    best = int(np.argmax(alike))
    return best, float(alike[best])


def compare(heard: Samples, reference: Samples, piece: float = 0.3) -> "Comparison":
    """Is this the sound that was meant? Piece by piece, so that silence put in between shows as a shift.

    A reply that was cut off is compared as far as it goes.
    """
    length, margin = round(piece * RATE), round(0.5 * RATE)
    reference = _trimmed(reference)
    shifts: list[int] = []
    alike: list[float] = []
    expected = 0
    for start in range(0, len(reference) - length + 1, length):
        part = reference[start : start + length]
        if level(part) < LOUD_DBFS + 10:
            continue
        window_start = max(0, start + expected - margin)
        window = heard[window_start : start + expected + margin + length]
        if start + expected + length > len(heard):
            break
        place, like = likeness(window, part)
        if like > 0.5:
            expected = window_start + place - start
            shifts.append(expected)
        alike.append(like)
    if not alike:
        return Comparison(0.0, 0.0)
    widest = max((after - before for before, after in _pairs(shifts)), default=0)
    return Comparison(float(np.median(alike)), widest / RATE)


@dataclass(frozen=True, slots=True)
class Comparison:
    """`alike`: of the median piece, 0..1. `gap`: seconds by which one piece came later than the one before it says."""

    alike: float
    gap: float


def _trimmed(samples: Samples) -> Samples:
    """Without the silence before the first loud frame."""
    for start in range(0, len(samples), FRAME_SAMPLES):
        if level(samples[start : start + FRAME_SAMPLES]) > LOUD_DBFS:
            return samples[start:]
    return samples[:0]
