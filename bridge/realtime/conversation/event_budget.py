"""How much a Realtime server may make us tell: events for the controller and lines for the log. [pure]

Owns the bound, which no phone call reaches. A server that repeats turns, transcripts, bills or errors without end would
keep the controller, whose time all calls share, from everything else.
"""

BURST = 300
PER_SECOND = 20.0


class EventBudget:
    """Of one call, over all its connections. `now`: seconds of a monotonic clock."""

    def __init__(self) -> None:
        self._left = float(BURST)
        self._at: float | None = None

    def spend(self, told: int, now: float) -> bool:
        """So many things are told. False: they are too many."""
        since = 0.0 if self._at is None else now - self._at
        self._at = now
        self._left = min(BURST, self._left + since * PER_SECOND) - told
        if self._left >= 0:
            return True
        self._left = 0.0
        return False
