"""That the backend answers and refuses, why, and when it is asked again. [pure] Moments are monotonic, in seconds."""

from bridge.common.backoff import Backoff

WAITS_S = (5.0, 15.0, 60.0)
FORGOTTEN_S = 300.0
"""Seconds after its latest refusal for which the next one is one more of the same series."""


class Refusal:
    """A beat that is refused is tried again with the next beat. Where beats are taken and something else is refused,
    the node stays away for a while: or it would come and go each second."""

    def __init__(self) -> None:
        self.reason: str | None = None
        """Until it is over."""
        self._of_beat = False
        self._backoff = Backoff(WAITS_S)
        self._until, self._latest = 0.0, float("-inf")

    def refused(self, reason: str, now: float, *, beat: bool) -> None:
        if not beat:
            if now - self._latest > FORGOTTEN_S:
                self._backoff.reset()
            self._until, self._latest = now + self._backoff.next_delay(), now
        self.reason, self._of_beat = reason, beat

    def waits(self, now: float) -> bool:
        return now < self._until

    def beat_taken(self) -> None:
        if self._of_beat:
            self.over()

    def over(self) -> None:
        self.reason = None
