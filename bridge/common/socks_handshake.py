"""The handshake with a SOCKS proxy, as steps: bytes to send and bytes to read. Does no I/O.

Raises `bridge.common.proxies.ProxyFault` for whatever the proxy does instead of connecting us.

Sources: RFC 1928 and 1929; "SOCKS: A protocol for TCP proxy across firewalls" and its 4A extension.
"""

import ipaddress
from collections.abc import Generator, Iterable
from typing import Any

from socksio import (
    SOCKS4ARequest,
    SOCKS4Command,
    SOCKS4Request,
    SOCKS5AuthMethod,
    SOCKS5AuthMethodsRequest,
    SOCKS5Command,
    SOCKS5CommandRequest,
    SOCKS5UsernamePasswordRequest,
)
from websockets.proxy import Proxy, parse_proxy

from bridge.common import proxies

_NOTHING, _PASSWORD = 0, 2
"""RFC 1928 §3: authentication methods."""
_NAME, _IPV6 = 3, 4
"""RFC 1928 §5: address types."""
_LONGEST = 255
"""Characters of a name."""
_GRANTED = 90
"""SOCKS 4: the code of success."""

HandshakeSteps = Generator[bytes | int, bytes, None]
"""Yields bytes that are to be sent, or how many bytes are to be read, exactly. The generator is sent the bytes that
were read: fewer than that if the connection has ended."""


def next_step(steps: HandshakeSteps, answer: bytes) -> bytes | int | None:
    """The next step; None: the handshake is done, and the connection leads to the server."""
    try:
        return steps.send(answer)
    except StopIteration:
        return None


def handshake(proxy: str, host: str, port: int) -> HandshakeSteps:
    """`host`: an address, or a name that the proxy resolves. Raises ProxyFault."""
    at = parse_proxy(proxy)
    if at.scheme.startswith("socks4"):
        yield from _socks4(proxy, at, host, port)
    else:
        yield from _log_in(proxy, at)
        yield from _socks5(proxy, host, port)


def takes_host(proxy: str, host: str) -> bool:
    """Whether the proxy gets `host` itself. False: it is a name that has to be resolved here."""
    return _kind(host) is not None or (len(host) <= _LONGEST and proxies.looks_names_up(proxy))


def preferred_address(proxy: str, known: Iterable[tuple[Any, ...]]) -> str:
    """One address of the result of getaddrinfo, IPv4 first, as python-socks chooses."""
    addresses = sorted((str(each[4][0]) for each in known), key=lambda each: _kind(each) or 0)
    return addresses[0]


def _log_in(proxy: str, at: Proxy) -> HandshakeSteps:
    ways = [SOCKS5AuthMethod.NO_AUTH_REQUIRED]
    if at.password:
        ways.append(SOCKS5AuthMethod.USERNAME_PASSWORD)
    yield SOCKS5AuthMethodsRequest(ways).dumps()
    yield from _expected(proxy, 5)
    (way,) = yield from _read(proxy, 1)
    if way == _PASSWORD and at.password:
        name, password = (each.encode() for each in at.user_info or ("", ""))
        yield SOCKS5UsernamePasswordRequest(name, password).dumps()
        yield from _expected(proxy, 1)
        if (yield from _read(proxy, 1)) != b"\x00":
            raise proxies.faulty(proxy, proxies.WRONG_PASSWORD)
    elif way != _NOTHING:
        raise proxies.faulty(proxy, proxies.OTHER_LOGIN if at.password else proxies.WANTS_PASSWORD)


def _socks5(proxy: str, host: str, port: int) -> HandshakeSteps:
    yield SOCKS5CommandRequest.from_address(SOCKS5Command.CONNECT, (host, port)).dumps()
    yield from _expected(proxy, 5)
    code, _ = yield from _read(proxy, 2)
    if code != 0:
        raise proxies.replied(proxy, code)
    (kind,) = yield from _read(proxy, 1)
    length = {_NAME: 0, _IPV6: 16}.get(kind, 4)
    if kind == _NAME:
        (length,) = yield from _read(proxy, 1)
    yield from _read(proxy, length + 2)


def _socks4(proxy: str, at: Proxy, host: str, port: int) -> HandshakeSteps:
    if _kind(host) == 6:
        words = f"the proxy {proxies.shown(proxy)} can't be told an IPv6 address: it speaks SOCKS 4"
        raise proxies.ProxyFault(words, server=True)
    request = SOCKS4Request if _kind(host) else SOCKS4ARequest
    yield request.from_address(SOCKS4Command.CONNECT, (host, port), (at.username or "").encode()).dumps()
    yield from _expected(proxy, 0)
    code, *_ = yield from _read(proxy, 7)
    if code != _GRANTED:
        raise proxies.replied(proxy, code)


def _expected(proxy: str, version: int) -> HandshakeSteps:
    if (yield from _read(proxy, 1)) != bytes((version,)):
        raise proxies.faulty(proxy, proxies.NO_SOCKS)


def _read(proxy: str, size: int) -> Generator[bytes | int, bytes, bytes]:
    answer = yield size
    if len(answer) < size:
        raise proxies.faulty(proxy, proxies.CLOSED)
    return answer


def _kind(host: str) -> int | None:
    """4 or 6; None: a name."""
    try:
        return ipaddress.ip_address(host).version
    except ValueError:
        return None
