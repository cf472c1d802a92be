"""A rate limit by the token bucket algorithm, and its HTTP headers. [pure]

Moments are seconds of any clock that does not go back.

Source: draft-ietf-httpapi-ratelimit-headers-10; RFC 9110 §10.2.3 (Retry-After).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

RETRY_AFTER, POLICY, LEFT = "Retry-After", "RateLimit-Policy", "RateLimit"


@dataclass(slots=True)
class TokenBucket:
    """Holds up to `burst` requests, and gains `per_second` each second."""

    per_second: float
    burst: int
    level: float = math.inf
    at: float = -math.inf

    def take(self, now: float) -> float:
        """Takes one request and returns 0; or takes none and returns the seconds until there is one."""
        gained = (now - self.at) * self.per_second if self.level < self.burst else 0.0
        self.level, self.at = min(float(self.burst), self.level + max(0.0, gained)), now
        if self.level < 1:
            return (1 - self.level) / self.per_second
        self.level -= 1
        return 0.0

    def headers(self, wait: float = 0.0) -> Mapping[str, str]:
        """To be sent after a `take` that returned `wait`."""
        full = math.ceil((self.burst - self.level) / self.per_second)
        window = math.ceil(self.burst / self.per_second)
        sent = {POLICY: f'"token";q={self.burst};w={window}', LEFT: f'"token";r={int(self.level)};t={full}'}
        return sent | {RETRY_AFTER: str(max(1, math.ceil(wait)))} if wait else sent
