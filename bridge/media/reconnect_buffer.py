"""Sound while the line to the AI is down: what the caller said meanwhile, and what the caller hears. [pure]

Owns the last two seconds of the caller's sound. After a gap they are sent to the next server: what was said meanwhile,
and what the last server has not told to be over: it may have stood still, or not have noticed yet that somebody speaks.
Sound of a sentence whose end was told is left out. The same goes along when a connection is renewed.

Owns the comfort tone: two soft, short notes every two seconds, from 0.6 s of silence on, so that the caller does not
take the line for dead. It is also heard while a rate limit of the AI is waited for.
"""

import math
from array import array
from collections import deque
from functools import cache

from bridge.media.playout import BYTES_PER_MS, FRAME_BYTES, SAMPLE_RATE

KEPT_S = 2.0
_KEPT_BYTES = KEPT_S * 1000 * BYTES_PER_MS
COMFORT_AFTER_S = 0.6
PERIOD_FRAMES = 100
NOTE_FRAMES = 8
NOTES = ((0, 523.25), (10, 659.26))
"""Frame within the period, and pitch in Hz."""
LEVEL = 650
"""Peak of 32767: -34 dB."""


class ReconnectBuffer:
    """See the module. `now`: seconds of a monotonic clock."""

    def __init__(self) -> None:
        self._kept: deque[tuple[float, bytes]] = deque()
        self._kept_bytes = 0
        self._since: float | None = None
        self._waiting_since: float | None = None
        self._turn_over_at = -math.inf
        self._silent_frames = 0

    @property
    def open(self) -> bool:
        """The line is down."""
        return self._since is not None

    def keep(self, pcm: bytes, now: float) -> None:
        """Sound of the caller, 24 kHz s16le, whether it could be sent or not."""
        self._kept.append((now, pcm))
        self._kept_bytes += len(pcm)
        while self._kept_bytes > _KEPT_BYTES:
            self._kept_bytes -= len(self._kept.popleft()[1])

    def turn_over(self, now: float) -> None:
        """The server says that the caller has stopped speaking: it has heard all up to here."""
        self._turn_over_at = now

    def begin(self, now: float) -> None:
        """The line is down."""
        if self._since is None:
            self._since = now
        self._silent_frames = 0

    def end(self) -> list[tuple[float, bytes]]:
        """There is another line. Returns the caller's sound for it and when it came, oldest first."""
        self._since = None
        return [each for each in self._kept if each[0] >= self._turn_over_at]

    def await_ai(self, waiting: bool, now: float) -> None:
        """The line is up, and the AI has asked us to wait, or not (any more). To be told before `comfort`."""
        if waiting and self._waiting_since is None:
            self._waiting_since, self._silent_frames = now, 0
        elif not waiting:
            self._waiting_since = None

    def comfort(self, now: float) -> bytes | None:
        """The frame for a tick at which nothing else is to be heard."""
        began = self._waiting_since if self._since is None else self._since
        if began is None or now - began < COMFORT_AFTER_S:
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
    """Swelling and fading, so that it begins and ends without a click."""
    count = NOTE_FRAMES * FRAME_BYTES // 2
    wave = (math.sin(2 * math.pi * pitch * place / SAMPLE_RATE) for place in range(count))
    swell = (math.sin(math.pi * place / count) ** 2 for place in range(count))
    return array("h", [round(LEVEL * tone * loud) for tone, loud in zip(wave, swell, strict=True)]).tobytes()
