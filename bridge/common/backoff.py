"""How long to wait between tries of the same thing: growing delays, the last one for ever.

Owns the place in the row of delays; when a series of failures is over is for the caller to say (`reset`).
"""

import random
from collections.abc import Sequence


class Backoff:
    """`steps`: the delays in seconds, at least one. `jitter`: the share by which each may be longer or shorter, so that
    many who failed at the same moment do not come back at the same moment."""

    def __init__(self, steps: Sequence[float], *, jitter: float = 0.0) -> None:
        self._steps = tuple(steps)
        self._jitter = jitter
        self.failures = 0
        """Delays that were given since the last `reset`."""

    @property
    def longest(self) -> float:
        """Seconds, without jitter."""
        return self._steps[-1]

    def next_delay(self) -> float:
        """Seconds to wait after one more failure."""
        step = self._steps[min(self.failures, len(self._steps) - 1)]
        self.failures += 1
        return step * random.uniform(1 - self._jitter, 1 + self._jitter)

    def reset(self) -> None:
        """It went well: the next failure waits for the first delay again."""
        self.failures = 0
