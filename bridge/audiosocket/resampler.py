"""The fallback for a media leg that is not 24 kHz: both directions resampled, streaming.

Owns the state of two resamplers and two low-pass filters of one leg. The right set-up never comes here: at 24 kHz
nothing is resampled anywhere.

Why soxr's quickest setting with a filter of our own: soxr's better ones work in blocks and give 20 ms frames out as
0, 0, 900, 900, 0 … samples, up to 40 ms late and more (measured); "QQ" answers every frame at once, but it is plain
cubic interpolation and lets through what lies above the lower rate. A short linear-phase low-pass on the side with
the higher rate removes that, for 1 ms of delay. From 8 kHz, 3 kHz comes 4 dB weaker: speech does not suffer.
"""

import numpy as np
import soxr
from numpy.typing import NDArray

from bridge.audiosocket import wire

OUR_RATE = 24_000
_SILENCE = bytes(wire.frame_bytes(OUR_RATE))
_TAPS = 47
_PASS = 0.43
"""Of the lower rate: 3.4 kHz at 8 kHz, the edge of telephone speech."""
_LATE_SAMPLES = 8
"""The most that "QQ" holds back at its start; a frame must be whole from the first one on."""


class Resampler:
    """Between one leg's rate and 24 kHz. `rate` in Hz; sound is s16le mono."""

    def __init__(self, rate: int) -> None:
        self.rate = rate
        self.answer_rate = rate if rate < OUR_RATE else OUR_RATE
        """What is sent back: the leg's own rate, but never a frame longer than 24 kHz needs (one TCP segment)."""
        self._answer_bytes = wire.frame_bytes(self.answer_rate)
        # float32 inside: soxr dithers int16, and then silence is not silent.
        self._in = soxr.ResampleStream(rate, OUR_RATE, 1, dtype="float32", quality="QQ")
        self._in_filter = _LowPass(rate)
        self._heard = bytes(_LATE_SAMPLES * 2)
        self._out = soxr.ResampleStream(OUR_RATE, rate, 1, dtype="float32", quality="QQ")
        self._out_filter = _LowPass(rate)
        self._ready = bytes(_LATE_SAMPLES * 2)

    def to_ours(self, pcm: bytes) -> bytes:
        """Sound of the caller at 24 kHz, of exactly the same duration: 20 ms for 20 ms."""
        samples = _from_pcm(pcm)
        if self.rate > OUR_RATE:
            samples = self._in.resample_chunk(self._in_filter.run(samples))
        else:
            samples = self._in_filter.run(self._in.resample_chunk(samples))
        self._heard += _to_pcm(samples)
        length = len(pcm) // 2 * OUR_RATE // self.rate * 2
        sound, self._heard = self._heard[:length], self._heard[length:]
        return sound

    def to_theirs(self, pcm: bytes | None) -> bytes:
        """One whole 20 ms frame at `answer_rate` for one of ours (960 bytes, or None for silence)."""
        pcm = _SILENCE if pcm is None else pcm
        if self.answer_rate == OUR_RATE:
            return pcm
        self._ready += _to_pcm(self._out.resample_chunk(self._out_filter.run(_from_pcm(pcm))))
        frame, self._ready = self._ready[: self._answer_bytes], self._ready[self._answer_bytes :]
        return frame


class _LowPass:
    """A windowed sinc at the higher of the two rates, carried on from chunk to chunk."""

    def __init__(self, rate: int) -> None:
        low, high = sorted((rate, OUR_RATE))
        at = np.arange(_TAPS) - (_TAPS - 1) / 2
        taps = np.sinc(2 * _PASS * low / high * at) * np.hamming(_TAPS)
        self._taps = (taps / taps.sum()).astype(np.float32)
        self._past = np.zeros(_TAPS - 1, dtype=np.float32)

    def run(self, samples: NDArray[np.float32]) -> NDArray[np.float32]:
        line = np.concatenate((self._past, samples))
        self._past = line[len(line) - _TAPS + 1 :]
        return np.convolve(line, self._taps, mode="valid").astype(np.float32)


def _from_pcm(pcm: bytes) -> NDArray[np.float32]:
    return np.frombuffer(pcm, dtype="<i2").astype(np.float32) / np.float32(32768)


def _to_pcm(samples: NDArray[np.float32]) -> bytes:
    return np.clip(np.rint(samples * 32768), -32768, 32767).astype("<i2").tobytes()
