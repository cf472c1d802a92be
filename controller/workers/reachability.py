"""Whether Asterisk reaches a worker's AudioSocket port, and when that is to be checked next. [pure]

A worker counts as reached until something says otherwise: a call whose media leg did not come up, or a check
(`media_checks`). From then on it gets no calls where there is another worker, and none at all after two checks in a row
have failed, until a check has succeeded. Checks are repeated with back-off. Moments are seconds of any clock that does
not go back.
"""

from dataclasses import dataclass

FIRST_DELAY, LAST_DELAY = 1.0, 30.0  # seconds between two checks of a worker that is not reached
CERTAIN = 2
"""Checks in a row. One alone may have failed because Asterisk or the worker stood still for a moment."""


@dataclass(slots=True)
class Reachability:
    check_due: float | None = None
    """When it is to be checked; None: not before a call has failed."""
    reason: str | None = None
    """Why it counts as not reached; None: it is reached."""
    _failures: int = 0
    """Checks in a row that failed."""

    @property
    def reached(self) -> bool:
        return self.reason is None

    @property
    def hopeless(self) -> bool:
        """A call that is given to it would be answered, and hear nothing."""
        return self._failures >= CERTAIN

    def call_failed(self, reason: str, now: float) -> bool:
        """A media leg did not come up. It may be a fault of this one call, so the worker is checked at once. True:
        until now it counted as reached."""
        news, self.reason = self.reached, self.reason or reason
        if news:
            self.check_due = now
        return news

    def check_failed(self, reason: str, now: float) -> bool:
        """True: it is the first check in a row that failed."""
        self._failures += 1
        self.reason, first = reason, self._failures == 1
        self.check_due = now + min(LAST_DELAY, FIRST_DELAY * 2 ** min(self._failures - 1, 10))
        return first

    def check_impossible(self, now: float) -> None:
        """Asterisk or the worker could not be asked: the check is repeated."""
        self.check_due = now + FIRST_DELAY

    def check_succeeded(self) -> bool:
        """True: until now it counted as not reached."""
        news, self.reason, self._failures, self.check_due = not self.reached, None, 0, None
        return news
