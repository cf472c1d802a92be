"""The HTTP client for tools, look-ups and webhooks: bounded in time, and in the addresses that it connects to.

Owns the connections: each request has one of its own, in a pool of its own (httpx keeps connections by address, which
two hosts may share; and a pool that serves many requests loses places where they are cancelled: encode/httpcore #1093).
A host with private addresses is connected to only if the config lists it (`address_guard`). Each
address of the host is tried until one is reached. There are no redirects, no cookies, no compression, and of the
environment's proxies only those of SOCKS: they can be told the address that was checked. A SOCKS proxy resolves a name
itself only if the config lists the host. Every failure is a `RequestFailed`.
"""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

import httpx

from bridge.common import address_guard
from bridge.common.proxies import BadProxy, ProxyFault, Way, faulty, looks_names_up, socks_for
from bridge.common.request_failure import Phase, RequestFailed, RequestFailure, of_error, of_timeout
from bridge.common.socks import ThroughSocks

AT_ONCE = 200
"""Requests of one client. More wait, within their time."""

_PHASES: tuple[tuple[str, Phase], ...] = (
    ("connection.connect", "connect"),
    ("connection.start_tls", "tls"),
    ("http", "answer"),
)
"""By the first letters of the names of httpcore's trace events (httpcore, "Extensions", `trace`)."""


@dataclass(frozen=True, slots=True)
class Request:
    """To be sent. The URL, the headers and the body may hold a secret, or what a model wrote: they are in no repr."""

    method: str
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | None = field(repr=False)
    """JSON; None: the method has no body."""
    allowed_hosts: Collection[str] = field(repr=False)
    """Hosts, in small letters, that may have private addresses."""
    timeout_s: float

    @property
    def host(self) -> str:
        """In small letters."""
        return urlsplit(self.url).hostname or ""

    @property
    def port(self) -> int:
        parts = urlsplit(self.url)
        return parts.port or (443 if parts.scheme == "https" else 80)

    @property
    def listed(self) -> bool:
        return self.host in self.allowed_hosts


class _Progress:
    """The phase of one request, for the message if it fails."""

    def __init__(self) -> None:
        self.phase: Phase = "dns"
        self.way = Way()
        self._stream: Any = None
        """The connection: httpcore does not close it if it is cancelled in the TLS handshake."""

    async def trace(self, event: str, info: Mapping[str, Any]) -> None:
        if event.endswith(".started"):
            self.phase = next((phase for start, phase in _PHASES if event.startswith(start)), self.phase)
        elif event == "connection.connect_tcp.complete":
            self._stream = info["return_value"]

    async def close(self) -> None:
        if self.phase == "tls" and self._stream is not None:
            await self._stream.aclose()


class GuardedHttp:
    """`send` may be called any number of times at once: `AT_ONCE` are under way, and the others wait."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        """`tls`: whom to believe, instead of the authorities that httpx brings along."""
        self._tls = tls or httpx.create_ssl_context(trust_env=False)
        self._places = asyncio.Semaphore(AT_ONCE)

    @asynccontextmanager
    async def send(self, request: Request) -> AsyncIterator[httpx.Response]:
        """The answer; its body is to be read inside the block, within the request's time. Raises RequestFailed, also
        while the body is read."""
        progress = _Progress()
        try:
            async with asyncio.timeout(request.timeout_s), self._places, AsyncExitStack() as pools:
                response = await self._answer(request, progress, pools)
                try:
                    yield response
                finally:
                    await response.aclose()
        except address_guard.PrivateAddress:
            detail = "has a private address and is not in allowed_hosts"
            raise RequestFailed(RequestFailure("private_address", detail)) from None
        except (BadProxy, ProxyFault) as error:
            raise RequestFailed(RequestFailure("proxy", str(error))) from error
        except (TimeoutError, httpx.TimeoutException) as error:
            raise RequestFailed(_too_late(progress, request.timeout_s)) from error
        except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as error:
            failure = of_error(error, progress.phase)
            raise RequestFailed(replace(failure, detail=f"{failure.detail}{progress.way}")) from error

    async def _answer(self, request: Request, progress: _Progress, pools: AsyncExitStack) -> httpx.Response:
        unreached: httpx.ConnectError | ProxyFault | None = None
        progress.way.proxy = proxy = socks_for(request.url)
        if proxy is not None and request.listed and looks_names_up(proxy):
            return await self._send(request, request.host, progress, pools)
        for address in await _looked_up(request, proxy):
            try:
                return await self._send(request, address, progress, pools)
            except httpx.ConnectError as error:  # nothing was sent yet: the next address may do
                unreached = error
            except ProxyFault as fault:
                if not fault.server:
                    raise
                unreached = fault
        raise unreached or RequestFailed(RequestFailure("dns", "has no address"))

    def _transport(self, proxy: str | None) -> httpx.AsyncHTTPTransport:
        if proxy is None:
            return httpx.AsyncHTTPTransport(verify=self._tls, trust_env=False)
        return ThroughSocks(proxy, tls=self._tls)

    async def _send(self, request: Request, address: str, progress: _Progress, pools: AsyncExitStack) -> httpx.Response:
        url = httpx.URL(request.url)
        progress.phase = "connect"
        sent = httpx.Request(
            request.method,
            url.copy_with(host=address),
            headers={
                "Host": url.netloc.decode(),
                "Accept-Encoding": "identity",
                "User-Agent": "voiceai",
                **({} if request.body is None else {"Content-Type": "application/json"}),
                **request.headers,
            },
            content=request.body,
            extensions={
                "sni_hostname": request.host,
                "timeout": httpx.Timeout(request.timeout_s).as_dict(),
                "trace": progress.trace,
            },
        )
        try:
            pool = await pools.enter_async_context(self._transport(progress.way.proxy))
            return await pool.handle_async_request(sent)
        except BaseException:
            await progress.close()
            raise


async def _looked_up(request: Request, proxy: str | None) -> list[str]:
    """The addresses of the host, resolved here also if a proxy is used."""
    try:
        return await address_guard.allowed_addresses(request.host, request.port, listed=request.listed)
    except socket.gaierror:
        if proxy is None or not looks_names_up(proxy):
            raise
        detail = "has no address here, and the proxy is asked for those of allowed_hosts only"
        raise RequestFailed(RequestFailure("dns", detail)) from None


def _too_late(progress: _Progress, seconds: float) -> RequestFailure:
    if progress.phase == "connect" and progress.way.proxy is not None:
        return RequestFailure("proxy", str(faulty(progress.way.proxy, f"did not answer within {seconds:g} s")))
    failure = of_timeout(progress.phase, seconds)
    return replace(failure, detail=f"{failure.detail}{progress.way}") if progress.phase != "dns" else failure
