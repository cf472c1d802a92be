"""HTTP/1.1 to Asterisk whose connection pool stays whole whatever is cancelled.

httpcore 1.0.9 loses a place of its pool for good if a task is cancelled between the moment in which the pool gave it a
connection and its first use, or twice while an answer is read (encode/httpcore #658, #830, #1093). Requests
that were cancelled in a pause of the whole machine had taken all 32 places, and no call could be answered or ended any
more. So each exchange is a task of its own, which nobody else cancels: who gives up cancels its anyio scope, against
which httpcore shields what it has to put back. Connections that no request holds and that are not idle are dropped.
"""

import asyncio
import ssl

import anyio
import httpcore
import httpx

CLOSE_SECONDS = 2.0
"""How long the end of the exchanges is waited for when the transport is closed."""


class HttpTransport(httpx.AsyncBaseTransport):
    """For httpx.AsyncClient. An answer is complete when it is returned; of a larger body than `largest` bytes there is
    more than `largest`, and not all."""

    def __init__(self, tls: ssl.SSLContext | bool, limits: httpx.Limits, *, largest: int) -> None:
        """`tls`: whom to trust, or whether to verify at all."""
        self._http = _Pooled(tls, limits)
        self._largest = largest
        self._exchanges: dict[asyncio.Task[httpx.Response], anyio.CancelScope] = {}

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """httpx's hook. Raises httpx.TransportError."""
        scope = anyio.CancelScope()
        exchange = asyncio.create_task(self._exchange(request, scope), name=f"ari {request.method}")
        self._exchanges[exchange] = scope
        exchange.add_done_callback(self._ended)
        try:
            return await asyncio.shield(exchange)
        except asyncio.CancelledError:
            scope.cancel()
            raise

    async def aclose(self) -> None:
        """httpx's hook."""
        for scope in self._exchanges.values():
            scope.cancel()
        if self._exchanges:
            await asyncio.wait(self._exchanges, timeout=CLOSE_SECONDS)
        await self._http.aclose()

    def _ended(self, exchange: "asyncio.Task[httpx.Response]") -> None:
        del self._exchanges[exchange]
        if not exchange.cancelled():
            exchange.exception()  # asyncio logs errors that nobody asked for: nobody waits for what was given up

    async def _exchange(self, request: httpx.Request, scope: anyio.CancelScope) -> httpx.Response:
        with scope:
            response = await self._http.handle_async_request(request)
            try:
                body = await self._body(response)
            finally:
                await response.aclose()
            return httpx.Response(response.status_code, headers=response.headers, stream=httpx.ByteStream(body))
        raise httpx.ReadError("given up")

    async def _body(self, response: httpx.Response) -> bytes:
        body = bytearray()
        async for piece in response.aiter_raw():
            body += piece
            if len(body) > self._largest:
                break
        return bytes(body)


class _Pool(httpcore.AsyncConnectionPool):
    """Drops connections that are not idle and that no request holds: their requests were cancelled."""

    def _assign_requests_to_connections(self) -> list[httpcore.AsyncConnectionInterface]:
        """httpcore calls it whenever a request comes or goes; returns connections to close."""
        held = {id(request.connection) for request in self._requests}
        left = [each for each in self._connections if id(each) not in held and not each.is_idle()]
        for connection in left:
            self._connections.remove(connection)
        return left + super()._assign_requests_to_connections()


class _Pooled(httpx.AsyncHTTPTransport):
    def __init__(self, tls: ssl.SSLContext | bool, limits: httpx.Limits) -> None:
        context = httpx.create_ssl_context(verify=tls, trust_env=False)
        super().__init__(verify=context, trust_env=False)  # no proxy: Asterisk is in our own network
        self._pool = _Pool(  # httpx takes no pool
            ssl_context=context,
            max_connections=limits.max_connections,
            max_keepalive_connections=limits.max_keepalive_connections,
            keepalive_expiry=limits.keepalive_expiry,
        )
