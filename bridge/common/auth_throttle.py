"""A limit on wrong tokens per network address. [pure]

Owns a bounded table of addresses. Each address may try wrong tokens at a limited rate. Beyond it no token from there is
accepted but those that were right from there before: behind a proxy all users have one address, and one who guesses
must not lock out the others. Moments are seconds of any clock that does not go back.
"""

import ipaddress
from collections import OrderedDict
from dataclasses import dataclass, field

from bridge.common.token_bucket import TokenBucket

GUESSES_PER_SECOND = 0.5
GUESSES_AT_ONCE = 20
MOST_ADDRESSES = 4096
"""Beyond it the address that was seen the longest ago is forgotten."""
MOST_KNOWN = 100


@dataclass(slots=True)
class _Address:
    bucket: TokenBucket
    known: set[str] = field(default_factory=set)
    """The names of the tokens that were right from there."""


class AuthThrottle:
    def __init__(self, per_second: float = GUESSES_PER_SECOND, at_once: int = GUESSES_AT_ONCE) -> None:
        self._pace = per_second, at_once
        self._by_address: OrderedDict[str, _Address] = OrderedDict()

    def __len__(self) -> int:
        return len(self._by_address)

    def wait(self, address: str | None, user: str | None, now: float) -> float:
        """Seconds until a token from `address` is looked at; 0: now. `user`: the name of the token that it shows; None:
        a wrong token, which counts as a guess. A right token is known from then on.
        """
        entry = self._of(address)
        if user is not None and user in entry.known:
            return 0.0
        wait = entry.bucket.take(now)
        if user is not None and not wait:
            entry.bucket.level += 1  # it was no guess
            if len(entry.known) < MOST_KNOWN:
                entry.known.add(user)
        return wait

    def _of(self, address: str | None) -> _Address:
        network = network_of(address or "")
        entry = self._by_address.setdefault(network, _Address(TokenBucket(*self._pace)))
        self._by_address.move_to_end(network)
        if len(self._by_address) > MOST_ADDRESSES:
            self._by_address.popitem(last=False)
        return entry


def network_of(address: str) -> str:
    """The address; of IPv6 its /64 network, as one machine can have all addresses of it."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:64]
    if found.version == 6:
        if found.ipv4_mapped:
            return str(found.ipv4_mapped)
        return str(ipaddress.ip_network((found, 64), strict=False))
    return str(found)
