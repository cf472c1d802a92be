"""Sound that is known to the sample, and what became of it on its way. [pure]

Owns the sound (noise in the band of a telephone, without a pause, another one for each key) and the comparison, piece
by piece: where in what was heard each tenth of a second stands. Does not judge. Samples are 8 kHz.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import soxr

from simulator.audio.sound import FRAME_SAMPLES, RATE, Samples, likeness

BAND = 300, 3200
LOUDNESS = 2500
"""RMS: -22 dBFS. Its peaks are at about four times of it."""
PIECE = RATE // 10
NEAR = RATE // 4
"""So far from where the piece before it says a piece is looked for."""
ALIKE = 0.55
AGAIN = 0.5
"""How alike a second place may be to a piece."""
SAME = PIECE // 50
"""Samples around the best place at which noise is like itself."""
QUIET = 60
"""RMS of 5 ms: -55 dBFS."""
STEP = RATE // 200
FULL_SCALE = 32_000


@lru_cache(256)
def noise(key: str, seconds: float) -> Samples:
    """The sound of this key."""
    count = round(seconds * RATE)
    spectrum = np.fft.rfft(np.random.default_rng(zlib.crc32(key.encode())).standard_normal(count))
    pitches = np.fft.rfftfreq(count, 1 / RATE)
    wave = np.fft.irfft(np.where((pitches > BAND[0]) & (pitches < BAND[1]), spectrum, 0), count)
    wave *= LOUDNESS / np.sqrt(np.mean(wave**2))
    return np.clip(wave, -5 * LOUDNESS, 5 * LOUDNESS).astype(np.int16)


def wide(samples: Samples) -> bytes:
    """As 24 kHz s16le."""
    return bytes(soxr.resample(samples, RATE, 24_000).astype("<i2").tobytes())


def narrow(pcm: bytes | bytearray | Samples) -> Samples:
    """Of 24 kHz s16le."""
    given = pcm if isinstance(pcm, np.ndarray) else np.frombuffer(pcm, "<i2")
    return np.asarray(soxr.resample(given, 24_000, RATE), np.int16)


@dataclass(frozen=True, slots=True)
class Piece:
    """A tenth of a second of a sound, from `at` on. `place`: where it was heard, None: nowhere; `twice`: at two places
    near each other, and not half of it here and half of it there."""

    at: int
    place: int | None
    twice: bool = False

    @property
    def shift(self) -> int:
        assert self.place is not None
        return self.place - self.at


def pieces(heard: Samples, reference: Samples) -> list[Piece]:
    """Where each piece of `reference` was heard; an empty list: nothing of it was."""
    shift = _first_shift(heard, reference)
    found: list[Piece] = []
    if shift is None:
        return found
    for at in range(0, len(reference) - PIECE + 1, PIECE):
        start = max(0, at + shift - NEAR)
        window = heard[start : max(0, at + shift + PIECE + NEAR)]
        alike = _alike(window, reference[at : at + PIECE])
        best = int(np.argmax(alike)) if len(alike) else 0
        if not len(alike) or alike[best] < ALIKE:
            found.append(Piece(at, None))
            continue
        twice = _again(alike) > AGAIN and _twice(window, reference[at : at + PIECE])
        found.append(Piece(at, start + best, twice))
        shift = found[-1].shift
    return found


def absent(heard: Samples, reference: Samples, found: Sequence[Piece]) -> list[int]:
    """Which packets of 20 ms of `reference` were not heard anywhere near their place. `found`: its `pieces`."""
    shift, missing = next((each.shift for each in found if each.place is not None), 0), []
    for number in range(len(reference) // FRAME_SAMPLES):
        at = number * FRAME_SAMPLES
        piece = found[min(at // PIECE, len(found) - 1)]
        shift = piece.shift if piece.place is not None else shift
        window = heard[max(0, at + shift - NEAR // 2) : max(0, at + shift + FRAME_SAMPLES + NEAR // 2)]
        if _alike(window, reference[at : at + FRAME_SAMPLES]).max(initial=0.0) < ALIKE:
            missing.append(number)
    return missing


def _again(alike: npt.NDArray[np.float64]) -> float:
    """How alike the second best place is."""
    best = int(np.argmax(alike))
    return float(np.concatenate([alike[: max(0, best - SAME)], alike[best + SAME :]]).max(initial=0.0))


def _twice(window: Samples, piece: Samples) -> bool:
    """Most parts of it are: where a piece is torn apart, each part still has one place."""
    parts = [piece[at : at + PIECE // 4] for at in range(0, PIECE, PIECE // 4)]
    return sum(_again(_alike(window, part)) > AGAIN for part in parts) >= 3


def _first_shift(heard: Samples, reference: Samples) -> int | None:
    length = 3 * PIECE
    for at in range(0, max(1, len(reference) - length + 1), length):
        place, alike = likeness(heard, reference[at : at + length])
        if alike > ALIKE:
            return place - at
    return None


def _alike(window: Samples, piece: Samples) -> npt.NDArray[np.float64]:
    """How alike `piece` is at each place of `window`, -1..1."""
    if len(window) < len(piece):
        return np.zeros(0)
    wave, model = window.astype(np.float64), piece.astype(np.float64)
    products = np.correlate(wave, model, "valid")
    sums = np.concatenate([[0.0], np.cumsum(wave**2)])
    energies = sums[len(model) :] - sums[: -len(model)]
    return np.asarray(products / np.sqrt(np.maximum(energies * np.dot(model, model), 1.0)))


@dataclass(frozen=True, slots=True)
class Jump:
    """`seconds` were put in (or, negative, left out) at about `at` seconds of the sound."""

    at: float
    seconds: float


def jumps(found: Sequence[Piece], least: float) -> list[Jump]:
    """Places at which the sound does not go on as it should."""
    placed = [each for each in found if each.place is not None]
    pairs = zip(placed, placed[1:], strict=False)
    return [
        Jump(later.at / RATE, (later.shift - sooner.shift) / RATE)
        for sooner, later in pairs
        if abs(later.shift - sooner.shift) > least * RATE
    ]


def silences(heard: Samples, least: float) -> list[tuple[float, float]]:
    """Between its first and its last sound: from when on it was silent, and for how long, in seconds."""
    loud = _loud(heard)
    gaps = np.diff(loud) - 1
    return [
        (float(loud[each] + 1) * STEP / RATE, float(gaps[each]) * STEP / RATE)
        for each in np.flatnonzero(gaps * STEP >= least * RATE)
    ]


def extent(heard: Samples) -> float:
    """Seconds from the first sound to the end of the last."""
    loud = _loud(heard)
    return float(loud[-1] - loud[0] + 1) * STEP / RATE if len(loud) else 0.0


def _loud(heard: Samples) -> npt.NDArray[np.int64]:
    """Which pieces of `STEP` are."""
    blocks = heard[: len(heard) // STEP * STEP].reshape(-1, STEP).astype(np.float64)
    return np.flatnonzero(np.sqrt(np.mean(blocks**2, axis=1)) > QUIET) if len(blocks) else np.zeros(0, np.int64)


def clipped(heard: Samples) -> int:
    """Samples at full scale."""
    return int(np.count_nonzero(np.abs(heard.astype(np.int32)) >= FULL_SCALE))
