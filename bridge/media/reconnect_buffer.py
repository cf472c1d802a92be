"""The last two seconds of the caller's audio, for the next connection to the AI. [pure]

After a gap the next server gets what was said meanwhile, and what the last one has not reported as over: it may have
stood still, or not have noticed yet that somebody speaks. Audio of a sentence whose end was reported is left out. The
same is kept for a connection that replaces one that works.
"""

import math
from collections import deque

from bridge.media.playout import BYTES_PER_MS

KEPT_S = 2.0
_KEPT_BYTES = KEPT_S * 1000 * BYTES_PER_MS


class ReconnectBuffer:
    """The buffer of one call. `now`: seconds of a monotonic clock."""

    def __init__(self) -> None:
        self._kept: deque[tuple[float, bytes]] = deque()
        self._kept_bytes = 0
        self._turn_over_at = -math.inf

    def keep(self, pcm: bytes, now: float) -> None:
        """Audio of the caller, 24 kHz s16le, whether it could be sent or not."""
        self._kept.append((now, pcm))
        self._kept_bytes += len(pcm)
        while self._kept_bytes > _KEPT_BYTES:
            self._kept_bytes -= len(self._kept.popleft()[1])

    def turn_over(self, now: float) -> None:
        """The server says that the caller has stopped speaking: it has heard all up to here."""
        self._turn_over_at = now

    def missed(self) -> list[tuple[float, bytes]]:
        """The caller's audio for another connection, and when each piece came, oldest first."""
        return [each for each in self._kept if each[0] >= self._turn_over_at]
