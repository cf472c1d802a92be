"""HTTP through a SOCKS proxy: 4, 4A, 5 and 5H.

Owns the connections, and carries out `socks_handshake` on them. httpx's own handshake is for SOCKS 5 only, has no time
limit, expects each answer in one read, lets the proxy resolve every name, and leaves the connection open if the proxy
refuses. Raises `bridge.common.proxies.ProxyFault` for whatever the proxy does instead of connecting us.
"""

import asyncio
import socket
from collections.abc import Iterable
from ssl import SSLContext
from typing import Any

import httpcore
import httpx
from websockets.proxy import parse_proxy

from bridge.common import proxies
from bridge.common.request_failure import of_error
from bridge.common.socks_handshake import HandshakeSteps, handshake, next_step, preferred_address, takes_host


class ThroughSocks(httpx.AsyncHTTPTransport):
    """`proxy`: as of `bridge.common.proxies.proxy_for`. `tls`: for the connection to the server."""

    def __init__(self, proxy: str, *, tls: SSLContext) -> None:
        super().__init__(verify=tls, trust_env=False)
        backend = _Backend(proxy)
        self._pool = httpcore.AsyncConnectionPool(ssl_context=tls, network_backend=backend)  # httpx takes no backend


class ThroughSocksBlocking(httpx.HTTPTransport):
    """The same without asyncio, for the command line."""

    def __init__(self, proxy: str, *, tls: SSLContext) -> None:
        super().__init__(verify=tls, trust_env=False)
        self._pool = httpcore.ConnectionPool(ssl_context=tls, network_backend=_BlockingBackend(proxy))


class _Backend(httpcore.AnyIOBackend):
    """Makes TCP connections to the server through the proxy."""

    def __init__(self, proxy: str) -> None:
        self._proxy = proxy
        self._at = parse_proxy(proxy)

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.AsyncNetworkStream:
        """Raises ProxyFault, and httpcore's ConnectTimeout."""
        try:
            stream = await super().connect_tcp(self._at.host, self._at.port, timeout, local_address, socket_options)
        except httpcore.ConnectError as error:
            raise _unreached(self._proxy, error) from None
        try:
            async with asyncio.timeout(timeout):
                await _carried_out(handshake(self._proxy, await self._address(host), port), stream)
        except BaseException as error:  # nobody else has the stream yet
            await stream.aclose()
            raise _told(self._proxy, error) from error
        return stream

    async def _address(self, host: str) -> str:
        if takes_host(self._proxy, host):
            return host
        try:
            return preferred_address(
                self._proxy, await asyncio.get_running_loop().getaddrinfo(host, 0, type=socket.SOCK_STREAM)
            )
        except (socket.gaierror, UnicodeError):
            raise proxies.faulty(self._proxy, proxies.NO_ADDRESS) from None


class _BlockingBackend(httpcore.SyncBackend):
    def __init__(self, proxy: str) -> None:
        self._proxy = proxy
        self._at = parse_proxy(proxy)

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Raises ProxyFault, and httpcore's ConnectTimeout and ReadTimeout."""
        try:
            stream = super().connect_tcp(self._at.host, self._at.port, timeout, local_address, socket_options)
        except httpcore.ConnectError as error:
            raise _unreached(self._proxy, error) from None
        try:
            _carry_out(handshake(self._proxy, self._address(host), port), stream, timeout)
        except BaseException as error:  # nobody else has the stream yet
            stream.close()
            raise _told(self._proxy, error) from error
        return stream

    def _address(self, host: str) -> str:
        if takes_host(self._proxy, host):
            return host
        try:
            return preferred_address(self._proxy, socket.getaddrinfo(host, 0, type=socket.SOCK_STREAM))
        except (socket.gaierror, UnicodeError):
            raise proxies.faulty(self._proxy, proxies.NO_ADDRESS) from None


async def _carried_out(steps: HandshakeSteps, stream: httpcore.AsyncNetworkStream) -> None:
    step = next(steps, None)
    while step is not None:
        answer = b""
        if isinstance(step, bytes):
            await stream.write(step)
        else:
            while len(answer) < step and (data := await stream.read(step - len(answer))):
                answer += data
        step = next_step(steps, answer)


def _carry_out(steps: HandshakeSteps, stream: httpcore.NetworkStream, timeout: float | None) -> None:
    step = next(steps, None)
    while step is not None:
        answer = b""
        if isinstance(step, bytes):
            stream.write(step, timeout)
        else:
            while len(answer) < step and (data := stream.read(step - len(answer), timeout)):
                answer += data
        step = next_step(steps, answer)


def _unreached(proxy: str, error: httpcore.ConnectError) -> proxies.ProxyFault:
    why = of_error(error, "connect")
    words = proxies.NOT_THERE if why.reason == "dns" else f"can't be reached: {why.detail}"
    return proxies.faulty(proxy, words)


def _told(proxy: str, error: BaseException) -> BaseException:
    if isinstance(error, TimeoutError):
        return httpcore.ConnectTimeout()
    return proxies.faulty(proxy, proxies.BROKEN) if isinstance(error, httpcore.NetworkError) else error
