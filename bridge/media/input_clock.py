"""Converts the server's positions in the caller's audio into moments of our clock. [pure]

A server gives moments of the caller's speech in milliseconds of audio appended on its connection (`audio_end_ms`). That
count begins at zero with each connection and stands still while nothing is sent: before the greeting, without a
connection, and for frames that were dropped. Each appended millisecond belongs to the moment at which its frame came
from Asterisk; silence that was filled in, to the moment at which the frame should have come.

Audio that comes evenly is one entry. The number of entries is bounded; the oldest are dropped first.
"""

from collections import deque

EVEN_MS = 10.0
"""A deviation by less does not begin another entry."""
REMEMBERED = 1024
"""Entries. The worst jitter needs one for each frame, which is 20 s; a server reports within one."""


class InputClock:
    """Of one call. Moments in seconds of a monotonic clock; positions in milliseconds on the present connection."""

    def __init__(self) -> None:
        self.position_ms = 0.0
        """Appended so far."""
        self._runs: deque[tuple[float, float]] = deque(maxlen=REMEMBERED)
        """Position at which an even run begins, and how far the clock is ahead of the position, in milliseconds."""

    def restart(self) -> None:
        """Another connection: it has heard nothing yet."""
        self.position_ms = 0.0
        self._runs.clear()

    def add(self, milliseconds: float, at: float) -> None:
        """`milliseconds` of audio were appended; their end was heard at `at`."""
        ahead = at * 1000 - (self.position_ms + milliseconds)
        if not self._runs or abs(self._runs[-1][1] - ahead) > EVEN_MS:
            self._runs.append((self.position_ms, ahead))
        self.position_ms += milliseconds

    def heard_at(self, position_ms: float) -> float | None:
        """When the sound up to this position was heard; None: never appended, or too long ago."""
        if not 0 < position_ms <= self.position_ms:
            return None
        for begin, ahead in reversed(self._runs):
            if begin < position_ms:
                return (position_ms + ahead) / 1000
        return None
