"""Which addresses a request may be sent to: public ones, and private ones only if the config lists the host.

Owns the look-up of a host's name. The caller connects to the addresses that are returned, not to the name: a second
look-up could give other addresses (DNS rebinding).
"""

import asyncio
import ipaddress
import socket


class PrivateAddress(Exception):
    """The host has private addresses only, and the config does not list it."""


async def allowed_addresses(host: str, port: int, *, listed: bool) -> list[str]:
    """The addresses that may be connected to, in the resolver's order. `listed`: the config lists the host. Raises
    PrivateAddress, and OSError for a name that has no address."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    known = [str(entry[4][0]) for entry in found]
    allowed = [address for address in known if listed or is_public(address)]
    if known and not allowed:
        raise PrivateAddress
    return list(dict.fromkeys(allowed))


def is_public(address: str) -> bool:
    """Whether it is an address of the internet, and not one of a private network, a cloud's services or this
    machine."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv4Address):
        return not any(ip in network for network in _NOT_PUBLIC_4)
    if (inner := _inside(ip)) is not None:
        return all(is_public(str(each)) for each in inner)
    return ip in _GLOBAL_UNICAST and not any(ip in network for network in _NOT_PUBLIC_6)


def _inside(ip: ipaddress.IPv6Address) -> list[ipaddress.IPv4Address] | None:
    """The IPv4 addresses that packets for this address are sent on to (tunnels, NAT64). None: there are none."""
    if ip.ipv4_mapped is not None:
        return [ip.ipv4_mapped]
    if ip.sixtofour is not None:
        return [ip.sixtofour]
    if ip.teredo is not None:
        return list(ip.teredo)
    if ip in _NAT64 or (int(ip) >> 32 & 0xFDFFFFFF == _ISATAP and ip in _GLOBAL_UNICAST):
        return [ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)]
    return None


def _networks(*texts: str) -> tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...]:
    return tuple(ipaddress.ip_network(text) for text in texts)


_NOT_PUBLIC_4 = _networks(
    # IANA IPv4 Special-Purpose Address Registry, all entries
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24"),
    *("192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24"),
    *("198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4"),
    "224.0.0.0/4",  # multicast
    # What a cloud answers to its own machines at public addresses. Others are within the networks above:
    # 169.254.169.254 (nearly all), 169.254.170.2 (Amazon ECS), 169.254.42.42 (Scaleway), 169.254.0.23 (Tencent),
    # 100.100.100.200 (Alibaba), 192.0.0.192 (Oracle).
    *("168.63.129.16/32",),  # Azure: WireServer
    *("161.26.0.0/16", "166.8.0.0/14"),  # IBM: services of the private network
    *("192.80.8.124/32",),  # Equinix Metal: metadata
)
_GLOBAL_UNICAST = ipaddress.ip_network("2000::/3")
"""All that is assigned. Outside are loopback, link-local, fec0::/10 (site-local), fc00::/7 (with the metadata of Amazon
at fd00:ec2::254, Google at fd20:ce::254, Oracle at fd00:c1::a9fe:a9fe, Scaleway at fd00:42::42), multicast,
IPv4-compatible and -translated addresses, and the local NAT64 prefix 64:ff9b:1::/48."""
_NOT_PUBLIC_6 = _networks(
    # IANA IPv6 Special-Purpose Address Registry, what of it is in 2000::/3
    *("2001::/23", "2001:db8::/32", "2620:4f:8000::/48", "3fff::/20"),
    "3ffe::/16",  # 6bone, given back
)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
"""RFC 6052: the last 32 bits are the IPv4 address. A network may use a prefix of its own, which only it knows."""
_ISATAP = 0x00005EFE
"""RFC 5214: the interface identifier of an address that ends in an IPv4 address; its bit 0x02000000 may be set."""
