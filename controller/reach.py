"""Which addresses a request may be sent to: public ones, and private ones only where the config names the host.

Owns the look-up of a host's name. Whoever asks connects to the addresses given here, not to the name, so that no second
look-up can lead elsewhere.
"""

import asyncio
import ipaddress
import socket


class PrivateAddress(Exception):
    """The host has private addresses only, and the config does not list it."""


async def addresses(host: str, port: int, *, listed: bool) -> list[str]:
    """Those that may be connected to, in the resolver's order. Raises PrivateAddress, and OSError for unknown names."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    known = [str(entry[4][0]) for entry in found]
    allowed = [address for address in known if listed or public(address)]
    if known and not allowed:
        raise PrivateAddress
    return list(dict.fromkeys(allowed))


def public(address: str) -> bool:
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if inner is not None:
            return inner.is_global
    return ip.is_global and not ip.is_multicast
