"""Requests to the servers that the config names (tools, look-ups, webhooks): bounded in time and reach.

Owns the connections. A host with private addresses is asked only where the config lists it: its name is looked up
here, each address checked, and that address connected to, so that no second look-up can lead elsewhere. Refuses
redirects, cookies, compression and the environment's proxies. Whatever goes wrong is one `RequestFailed`.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import httpx

from controller import reach
from controller.request_failure import Phase, RequestFailed, RequestFailure, of_error, of_timeout

_PHASES: tuple[tuple[str, Phase], ...] = (
    ("connection.connect", "connect"),
    ("connection.start_tls", "tls"),
    ("http", "answer"),
)
"""By the beginning of the names of httpcore's trace events ("Extensions", request extensions, trace)."""


@dataclass(frozen=True, slots=True)
class Request:
    """To be sent. The URL may hold a secret, or what a model wrote."""

    method: str
    url: str = field(repr=False)
    host: str
    port: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | None = field(repr=False)
    listed: bool
    """The config says that the host may have private addresses."""
    timeout_s: float


class _Progress:
    """How far one request has come."""

    def __init__(self) -> None:
        self.phase: Phase = "dns"
        self._stream: Any = None
        """The connection, which httpcore does not close if it is cancelled in the TLS handshake."""

    async def trace(self, event: str, info: Mapping[str, Any]) -> None:
        if event.endswith(".started"):
            self.phase = next((phase for start, phase in _PHASES if event.startswith(start)), self.phase)
        elif event == "connection.connect_tcp.complete":
            self._stream = info["return_value"]

    async def close(self) -> None:
        if self.phase == "tls" and self._stream is not None:
            await self._stream.aclose()


class HttpExchange:
    """`send` may be called any number of times at once; `close` when nothing is under way any more."""

    def __init__(self, *, encrypted: bool = True, limits: httpx.Limits) -> None:
        self._transport = httpx.AsyncHTTPTransport(verify=encrypted, trust_env=False, limits=limits)

    async def close(self) -> None:
        await self._transport.aclose()

    @asynccontextmanager
    async def send(self, request: Request) -> AsyncIterator[httpx.Response]:
        """The answer, with its body to be read inside, within the request's time. Raises RequestFailed, there too."""
        progress = _Progress()
        try:
            async with asyncio.timeout(request.timeout_s):
                response = await self._answer(request, progress)
                try:
                    yield response
                finally:
                    await response.aclose()
        except reach.PrivateAddress:
            detail = "has a private address and is not in allowed_hosts"
            raise RequestFailed(RequestFailure("private_address", detail)) from None
        except (TimeoutError, httpx.TimeoutException) as error:
            raise RequestFailed(of_timeout(progress.phase, request.timeout_s)) from error
        except (httpx.HTTPError, httpx.InvalidURL, OSError, UnicodeError) as error:
            raise RequestFailed(of_error(error, progress.phase)) from error

    async def _answer(self, request: Request, progress: _Progress) -> httpx.Response:
        unreached: httpx.ConnectError | None = None
        for address in await reach.addresses(request.host, request.port, listed=request.listed):
            try:
                return await self._send(request, address, progress)
            except httpx.ConnectError as error:  # nothing was sent yet: the next address may do
                unreached = error
        raise unreached or RequestFailed(RequestFailure("dns", "has no address"))

    async def _send(self, request: Request, address: str, progress: _Progress) -> httpx.Response:
        url = httpx.URL(request.url)
        progress.phase = "connect"
        sent = httpx.Request(
            request.method,
            url.copy_with(host=address),
            headers={
                "Host": url.netloc.decode(),
                "Accept-Encoding": "identity",
                "User-Agent": "voiceai",
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
            return await self._transport.handle_async_request(sent)
        except BaseException:
            await progress.close()
            raise
