"""The caller's sound as the server counts it, against our clock. [pure]

A server tells moments of the caller's speech in milliseconds of sound appended on its connection (`audio_end_ms`). That
count begins anew with each connection and stands still while nothing is sent: before the greeting, without a line, and
for what the network does not take. Owns which moment of our clock each appended millisecond belongs to: the one at
which its frame came from Asterisk, or would have come, if silence was filled in.

Sound that comes evenly is one entry, so a call needs few of them; bounded, the oldest goes first.
"""

from collections import deque

EVEN_MS = 10.0
"""Frames that deviate by less from their even course do not begin another entry."""
REMEMBERED = 1024
"""Entries. The worst jitter needs one for each frame: 20 s, a server tells what happened within one."""


class InputClock:
    """See the module. Seconds of any monotonic clock; positions in milliseconds of the present connection."""

    def __init__(self) -> None:
        self.position_ms = 0.0
        """Appended so far."""
        self._runs: deque[tuple[float, float]] = deque(maxlen=REMEMBERED)
        """Where an even run begins, and how far its clock is ahead of the position, in milliseconds."""

    def restart(self) -> None:
        """Another connection: it has heard nothing yet."""
        self.position_ms = 0.0
        self._runs.clear()

    def add(self, milliseconds: float, at: float) -> None:
        """So much was appended; its end was heard at `at`."""
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
