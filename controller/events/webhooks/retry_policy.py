"""What becomes of a webhook after an attempt: delivered, tried again, or given up. [pure]

Owns the waits between attempts, and when there are no more. Time and chance are arguments.
"""

from dataclasses import dataclass

from bridge.common.request_failure import Reason

WAITS: tuple[float, ...] = (1.0, 5.0, 15.0, 30.0, 60.0, 120.0, 300.0, 600.0, 900.0)
"""Seconds after each attempt that failed; the last one from then on."""
JITTER = 0.2
"""The share by which each wait is longer or shorter: when a receiver is back, not all requests come at once."""
LONGEST_WAIT = 3600.0
"""Seconds; the most that a receiver may ask for by Retry-After."""
GONE = 410


@dataclass(frozen=True, slots=True)
class Attempt:
    """One request and what came of it. `status`: of the answer; None: there was none. `reason`: for the log and the
    dead letter; nothing of the request or the answer is in it. `retry_after`: seconds."""

    status: int | None
    reason: str = ""
    retry_after: float | None = None
    failed: Reason | None = None
    """Why it failed; None: it was delivered."""

    @property
    def delivered(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


@dataclass(frozen=True, slots=True)
class Retry:
    """To be sent again in so many seconds."""

    seconds: float


@dataclass(frozen=True, slots=True)
class GiveUp:
    """To be kept as a dead letter."""

    reason: str


@dataclass(frozen=True, slots=True)
class Delivered:
    """To be deleted."""


Verdict = Delivered | Retry | GiveUp


def verdict(attempt: Attempt, attempts: int, age: float, give_up_after: float, chance: float) -> Verdict:
    """`attempts`: this one included; `age`: seconds since the event was accepted; `chance`: 0 to 1.

    Status 410 (Gone): the receiver wants no more. Every other failure can be repaired, a wrong path or a wrong secret
    too, and so is tried again.
    """
    if attempt.delivered:
        return Delivered()
    if attempt.status == GONE:
        return GiveUp(attempt.reason)
    wait = WAITS[min(attempts, len(WAITS)) - 1] * (1 + JITTER * (2 * chance - 1))
    if attempt.retry_after is not None:
        wait = max(wait, min(attempt.retry_after, LONGEST_WAIT))
    if age + wait > give_up_after:
        return GiveUp(attempt.reason)
    return Retry(wait)
