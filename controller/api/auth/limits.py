"""What a key may reach besides its scopes: agents, trunks, source addresses, and until when. [pure]

Owns the comparison of two keys: nobody makes a key that reaches more than their own.
"""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Limits:
    """None: no limit."""

    agents: frozenset[str] | None = None
    trunks: frozenset[str] | None = None
    sources: tuple[Network, ...] | None = None
    expires_at: datetime | None = None

    @property
    def of_calls(self) -> bool:
        """Only some calls are seen and placed."""
        return self.agents is not None or self.trunks is not None

    def reaches(self, agent: str | None, trunk: str | None) -> bool:
        """A call of this agent over this trunk."""
        return (self.agents is None or agent in self.agents) and (self.trunks is None or trunk in self.trunks)

    def admits(self, address: str | None) -> bool:
        """A request from this address. An address that can't be read is in no network."""
        if self.sources is None:
            return True
        try:
            found = ip_address((address or "").partition("%")[0])
        except ValueError:
            return False
        if isinstance(found, IPv6Address) and found.ipv4_mapped:
            found = found.ipv4_mapped
        return any(found in each for each in self.sources if each.version == found.version)

    def expired(self, now: datetime) -> bool:
        return self.expires_at is not None and now >= self.expires_at

    def beyond(self, own: "Limits") -> list[str]:
        """The names of the limits by which this reaches more than `own`."""
        found = [name for name in ("agents", "trunks") if not _is_part(getattr(self, name), getattr(own, name))]
        if own.sources is not None and not _inside(self.sources, own.sources):
            found.append("sources")
        if own.expires_at is not None and (self.expires_at is None or self.expires_at > own.expires_at):
            found.append("expires_at")
        return found


def network(text: str) -> Network:
    """An address, or a network such as 10.0.0.0/8. Raises ValueError, whose words are for whoever wrote it."""
    try:
        return ip_network(text.strip())
    except ValueError:
        try:
            meant = ip_network(text.strip(), strict=False)
        except ValueError:
            raise ValueError("must be an address or a network such as 10.1.0.0/16 or 2001:db8::/32") from None
        raise ValueError(f"has bits beyond its prefix: write {meant}") from None


def _is_part(mine: Collection[str] | None, own: Collection[str] | None) -> bool:
    return own is None or (mine is not None and set(mine) <= set(own))


def _inside(mine: Collection[Network] | None, own: Collection[Network]) -> bool:
    return mine is not None and all(any(_covers(wide, each) for wide in own) for each in mine)


def _covers(wide: Network, narrow: Network) -> bool:
    if isinstance(wide, IPv4Network) and isinstance(narrow, IPv4Network):
        return narrow.subnet_of(wide)
    return isinstance(wide, IPv6Network) and isinstance(narrow, IPv6Network) and narrow.subnet_of(wide)
