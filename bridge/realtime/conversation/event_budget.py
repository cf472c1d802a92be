"""Limits the events for the controller and the log lines that a Realtime server can cause. [pure]

No normal call reaches the limit. A server that repeats turns, transcripts, usage or errors without end would take the
controller's time from all other calls.
"""

BURST = 300
PER_SECOND = 20.0


class EventBudget:
    """Of one call, over all its connections. `now`: seconds of a monotonic clock."""

    def __init__(self) -> None:
        self._left = float(BURST)
        self._at: float | None = None

    def spend(self, told: int, now: float) -> bool:
        """Counts `told` events and log lines. Returns False if the budget is spent."""
        since = 0.0 if self._at is None else now - self._at
        self._at = now
        self._left = min(BURST, self._left + since * PER_SECOND) - told
        if self._left >= 0:
            return True
        self._left = 0.0
        return False
