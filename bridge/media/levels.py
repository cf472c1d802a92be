"""How loud both sides of a call are. [pure]

The level is that of the loudest frame since it was last read, in dB below full scale. One frame in `EVERY` is measured,
and only while somebody watches. Owns also when the caller was last heard.
"""

import math

import numpy as np

EVERY = 5
"""100 ms: what lasts less long is no word."""
FULL_SCALE = 32768.0
SOUND_DBFS = -50.0
"""Speech on a telephone is louder, the noise of a line is not."""
_SOUND = FULL_SCALE**2 * 10 ** (SOUND_DBFS / 10)


class Levels:
    """Takes 20 ms frames of s16le; None is silence."""

    __slots__ = ("_agent", "_agent_frames", "_caller", "_caller_frames")

    def __init__(self) -> None:
        self._caller = self._agent = 0.0
        self._caller_frames = self._agent_frames = 0

    def caller(self, pcm: bytes) -> None:
        self._caller_frames += 1
        if self._caller_frames % EVERY == 0:
            self._caller = max(self._caller, power(pcm))

    def agent(self, frame: bytes | None) -> None:
        self._agent_frames += 1
        if frame is not None and self._agent_frames % EVERY == 0:
            self._agent = max(self._agent, power(frame))

    def read(self) -> tuple[float | None, float | None]:
        """Levels of caller and agent since the last time, in dBFS; None: silence."""
        told = dbfs(self._caller), dbfs(self._agent)
        self._caller = self._agent = 0.0
        return told


class CallerSound:
    """When the caller was last heard, by the level of their audio. Measured only while it is `wanted`."""

    __slots__ = ("_frames", "last_at", "wanted")

    def __init__(self) -> None:
        self.wanted = False
        self.last_at = -math.inf
        """The moment of the last frame that was not quiet."""
        self._frames = 0

    def heard(self, pcm: bytes, now: float) -> None:
        """A frame of the caller, whether the server gets it or silence in its place."""
        self._frames += 1
        if self._frames % EVERY == 0 and power(pcm) >= _SOUND:
            self.last_at = now


def power(pcm: bytes) -> float:
    """The mean square of the samples."""
    samples = np.frombuffer(pcm, "<i2", len(pcm) // 2).astype(np.float32)
    return float(np.dot(samples, samples)) / len(samples) if len(samples) else 0.0


def dbfs(mean_square: float) -> float | None:
    return round(10 * math.log10(mean_square / FULL_SCALE**2), 1) if mean_square > 0 else None
