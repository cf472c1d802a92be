"""Who has shown wrong tokens, and how long they are not listened to. [pure]

Owns a bounded table of addresses. Each may guess at a pace; beyond it nothing that it shows is looked at, but tokens
that were right from there before: behind a proxy all have one address, and those who are at work must not be kept out
by one who guesses. Moments are seconds of any clock that does not go back.
"""

import ipaddress
from collections import OrderedDict
from dataclasses import dataclass, field

from bridge.common.token_bucket import TokenBucket

GUESSES_PER_SECOND = 0.5
GUESSES_AT_ONCE = 20
MOST_ADDRESSES = 4096
"""Beyond it those that were not heard of the longest are forgotten."""
MOST_KNOWN = 100


@dataclass(slots=True)
class _Stranger:
    bucket: TokenBucket
    known: set[str] = field(default_factory=set)
    """Whose tokens were right from there."""


class AuthThrottle:
    def __init__(self, per_second: float = GUESSES_PER_SECOND, at_once: int = GUESSES_AT_ONCE) -> None:
        self._pace = per_second, at_once
        self._by_address: OrderedDict[str, _Stranger] = OrderedDict()

    def __len__(self) -> int:
        return len(self._by_address)

    def wait(self, address: str | None, user: str | None, now: float) -> float:
        """Seconds until `address` is listened to; 0: now. `user`: whose token it is that it shows, None: nobody's.

        A token of nobody's counts as a guess; one that is let in is known from then on.
        """
        stranger = self._of(address)
        if user is not None and user in stranger.known:
            return 0.0
        wait = stranger.bucket.take(now)
        if user is not None and not wait:
            stranger.bucket.level += 1  # it was no guess
            if len(stranger.known) < MOST_KNOWN:
                stranger.known.add(user)
        return wait

    def _of(self, address: str | None) -> _Stranger:
        network = network_of(address or "")
        stranger = self._by_address.setdefault(network, _Stranger(TokenBucket(*self._pace)))
        self._by_address.move_to_end(network)
        if len(self._by_address) > MOST_ADDRESSES:
            self._by_address.popitem(last=False)
        return stranger


def network_of(address: str) -> str:
    """Of IPv6 the /64, all of which one machine may have."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if found.version == 6:
        if found.ipv4_mapped:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)
