"""What the caller hears while the AI is away: two soft, short notes every two seconds. [pure]

It is heard from `COMFORT_AFTER_S` of silence on, while there is no connection to the AI, or while the AI has asked us
to wait (a rate limit), so that the caller does not think that the call is dead.
"""

import math
from array import array
from functools import cache

from bridge.media.playout import FRAME_BYTES, SAMPLE_RATE

COMFORT_AFTER_S = 0.6
PERIOD_FRAMES = 100
NOTE_FRAMES = 8
NOTES = ((0, 523.25), (10, 659.26))
"""Frame within the period, and pitch in Hz."""
LEVEL = 650
"""Peak of 32767: -34 dB."""


class ComfortTone:
    """The tone of one call. `now`: seconds of a monotonic clock."""

    def __init__(self) -> None:
        self._waiting_since: float | None = None
        self._since: float | None = None
        self._silent_frames = 0

    def frame(self, now: float, *, down_since: float | None, waiting: bool) -> bytes | None:
        """The 20 ms for a tick at which nothing else is to be heard; None: silence. `down_since`: when the connection
        was lost, None if there is one. `waiting`: there is one, and the AI has asked us to wait."""
        if not waiting:
            self._waiting_since = None
        elif self._waiting_since is None:
            self._waiting_since = now
        since = self._waiting_since if down_since is None else down_since
        if since != self._since:
            self._since, self._silent_frames = since, 0
        if since is None or now - since < COMFORT_AFTER_S:
            return None
        self._silent_frames += 1
        return _melody()[(self._silent_frames - 1) % PERIOD_FRAMES]


@cache
def _melody() -> tuple[bytes | None, ...]:
    """One period; None: silence."""
    frames: list[bytes | None] = [None] * PERIOD_FRAMES
    for start, pitch in NOTES:
        note = _note(pitch)
        for number in range(NOTE_FRAMES):
            frames[start + number] = note[number * FRAME_BYTES : (number + 1) * FRAME_BYTES]
    return tuple(frames)


def _note(pitch: float) -> bytes:
    """One note, which swells and fades so that it has no clicks."""
    count = NOTE_FRAMES * FRAME_BYTES // 2
    wave = (math.sin(2 * math.pi * pitch * place / SAMPLE_RATE) for place in range(count))
    swell = (math.sin(math.pi * place / count) ** 2 for place in range(count))
    return array("h", [round(LEVEL * tone * loud) for tone, loud in zip(wave, swell, strict=True)]).tobytes()
