"""One connection to a Realtime server: opened and configured, read all the time, written to without waiting.

Owns the connection from the TCP handshake to its end, and turns everything that may go wrong with it into a
`ProviderError` (`protocol.errors`). Reading never waits: each event is handed to a plain function, because a reader
that is slowed down to the pace of playback would stop answering pings and would notice interruptions too late. Writing
never waits either: one frame is one `write`, and caller audio that the network does not take is dropped, not delayed.

What the events mean is known to `conversation`; connections are opened again by `reconnecting`.
"""

import asyncio
import contextlib
import json
import socket
import ssl
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from time import monotonic
from typing import Any, Literal, Protocol, TypeVar, cast
from urllib.parse import urlsplit

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI, ProxyError
from websockets.protocol import State

from bridge.common.proxies import BadProxy, Way, is_socks, proxy_for
from bridge.common.websocket_upgrade import Upgrade
from bridge.contract import Provider
from bridge.realtime.protocol import client_events, dialects, server_events
from bridge.realtime.protocol.client_events import ClientEvent, SessionUpdate
from bridge.realtime.protocol.errors import (
    ConfigRefused,
    ConnectionLost,
    ProviderError,
    SessionRefused,
    from_close,
    from_codes,
    from_status,
    is_benign,
)
from bridge.realtime.protocol.retry_hints import HEADERS, seconds_of_headers
from bridge.realtime.protocol.session_differences import Requested
from bridge.realtime.transport.websocket import MAX_MESSAGE, RealtimeWebSocket

OPEN_S = 10.0
"""One deadline for TCP, TLS, upgrade, `session.created` and `session.updated`."""
CLOSE_S = 1.0
AGAIN_S = 2.0
"""For the second answer, if the first `session.updated` is not as asked for and the update is sent again."""
MAX_AUDIO_BACKLOG = 64 * 1024
"""Bytes that the kernel has not taken yet: one second of caller audio. What comes then is dropped."""
MAX_BACKLOG = 4 * 1024 * 1024
"""Bytes. If this much waits, nobody reads at the other end: the connection is given up before the pings notice."""
USER_AGENT = "voiceai"

_E = TypeVar("_E", server_events.SessionCreated, server_events.SessionUpdated)

ProxySetting = str | Literal[True] | None
"""The proxy: True: as the environment says; None: none; else its URL."""


class Opener(Protocol):
    """`open_client`, or what stands in for it."""

    async def __call__(
        self, provider: Provider, setup: SessionUpdate, *, timeout: float = ..., proxy: ProxySetting = ...
    ) -> "RealtimeClient": ...


class RealtimeClient:
    """An open, configured connection. Made by `open_client`; whoever has it closes it.

    `updated` holds what the server made of our configuration.
    """

    def __init__(
        self,
        connection: RealtimeWebSocket,
        provider: Provider,
        updated: server_events.SessionUpdated,
        requested: Requested,
    ) -> None:
        self._connection = connection
        self._requested = requested
        self._closing = False
        self.provider = provider
        self.updated = updated
        self.dropped_frames = 0
        """Frames of caller audio that the network did not take in time."""

    @property
    def age_s(self) -> float:
        """Seconds since it was opened, which for a warm one is long before its call."""
        return monotonic() - self._connection.opened_at

    @property
    def alive(self) -> bool:
        """Whether it is open, as far as is known."""
        return self._connection.state is State.OPEN

    def send(self, event: ClientEvent) -> None:
        """Write an event, in the server's dialect. On a connection that is gone it is lost: `receive` tells."""
        adapted = dialects.adapt(client_events.encode(event), self.provider)
        if self._connection.backlog > MAX_BACKLOG:
            self._connection.transport.abort()
        elif adapted is not None:
            self._requested.sent(adapted)
            self._connection.write_text(_to_json(adapted))

    def send_audio(self, frame: bytes, *, most: int = MAX_AUDIO_BACKLOG) -> bool:
        """Write caller audio (`client_events.audio_append`), or drop it (False) if more than `most` bytes wait already:
        late sound is worth less than none."""
        if self._connection.backlog > most or not self._connection.write_text(frame):
            self.dropped_frames += 1
            return False
        return True

    async def receive(self, on_event: Callable[[server_events.Event], None]) -> None:
        """Hand over every event until the connection ends. Returns after `close`, else raises ProviderError."""
        early = self._connection.early
        while early:
            on_event(early.popleft())
        try:
            await self._connection.listen(lambda message: on_event(self._held(server_events.parse(message))))
        except ConnectionClosed as closed:
            if self._closing:
                return
            raise _from_closed(closed) from closed

    def _held(self, event: server_events.Event) -> server_events.Event:
        """A `SessionUpdated` with its differences from what was asked for; other events as they are."""
        if type(event) is server_events.SessionUpdated:
            return _compared(event, self._requested)
        if type(event) is server_events.ServerError:
            self._requested.refused(event.event_id)
        return event

    async def close(self) -> None:
        """Close with code 1000, wait at most `CLOSE_S` for the other side, and leave nothing open."""
        self._closing = True
        await close_connection(self._connection)

    def __repr__(self) -> str:
        return f"<RealtimeClient [{self._connection.state.name}, {self._connection.backlog} bytes waiting]>"


async def open_client(
    provider: Provider, setup: SessionUpdate, *, timeout: float = OPEN_S, proxy: ProxySetting = True
) -> RealtimeClient:
    """Connect, wait for `session.created`, send `setup` (a `session.update`), wait for `session.updated`.

    Raises ProviderError, after `timeout` at the latest; nothing stays open then.
    """
    until = monotonic() + timeout
    connection = await open_connection(provider, timeout=timeout, proxy=proxy)
    return await configure(connection, provider, setup, timeout=max(0.0, until - monotonic()))


async def open_connection(
    provider: Provider, *, timeout: float = OPEN_S, proxy: ProxySetting = True
) -> RealtimeWebSocket:
    """The first half of `open_client`: up to `session.created`. Raises ProviderError; nothing stays open then."""
    connection: RealtimeWebSocket | None = None
    way = Way()
    try:
        with _mapped(way, provider.api_key.get_secret_value()):
            async with asyncio.timeout(timeout):
                connection = await _connect(provider, timeout, proxy, way)
                connection.created = await _await_event(connection, server_events.SessionCreated)
        opened, connection = connection, None
        return opened
    finally:
        if connection is not None:
            drop_connection(connection)


async def configure(
    connection: RealtimeWebSocket, provider: Provider, setup: SessionUpdate, *, timeout: float = OPEN_S
) -> RealtimeClient:
    """The second half, which takes `connection` over. Raises ProviderError; it is closed then."""
    requested = Requested(provider)
    try:
        with _mapped():
            async with asyncio.timeout(timeout):
                adapted = dialects.adapt(client_events.encode(setup), provider)
                assert adapted is not None  # every dialect has `session.update`
                updated = await _agreed(connection, adapted, requested)
    except BaseException:
        drop_connection(connection)
        raise
    return RealtimeClient(connection, provider, updated, requested)


async def _agreed(
    connection: RealtimeWebSocket, setup: dict[str, Any], requested: Requested
) -> server_events.SessionUpdated:
    """Ask for the session, and once more if it is not the right one. Raises SessionRefused if it stays unusable."""
    updated = await _asked(connection, setup, requested)
    if any(each.again for each in updated.differences):
        with contextlib.suppress(TimeoutError, ConfigRefused, ConnectionLost):
            async with asyncio.timeout(AGAIN_S):
                updated = await _asked(connection, setup, requested)
    if essential := tuple(each for each in updated.differences if each.essential):
        raise SessionRefused(essential)
    return updated


async def _asked(
    connection: RealtimeWebSocket, setup: dict[str, Any], requested: Requested
) -> server_events.SessionUpdated:
    update = requested.sent(setup)
    connection.write_text(_to_json(setup))
    try:
        updated = await _await_event(connection, server_events.SessionUpdated)
    except ProviderError:
        requested.refused(update)
        raise
    if (created := connection.created) is not None:  # what `session.created` said is not always repeated
        expires_at = created.expires_at if updated.expires_at is None else updated.expires_at
        updated = replace(updated, model=updated.model or created.model, expires_at=expires_at)
    return _compared(updated, requested)


def _to_json(event: dict[str, Any]) -> bytes:
    return json.dumps(event, ensure_ascii=False).encode()


async def _connect(provider: Provider, timeout: float, proxy: ProxySetting, way: Way) -> RealtimeWebSocket:
    url, headers = dialects.endpoint(provider)
    way.proxy = proxy_for(url) if proxy is True else proxy

    def connected(*given: Any, **named: Any) -> RealtimeWebSocket:
        """The library makes it when the proxy has let us through, before TLS with the server."""
        way.through = True
        return RealtimeWebSocket(*given, **named)

    by_tls: dict[str, Any] = {"proxy_ssl": _tls()} if urlsplit(way.proxy or "").scheme == "https" else {}
    connection = await Upgrade(
        url,
        additional_headers=headers,
        user_agent_header=USER_AGENT,
        compression=None,
        open_timeout=timeout,
        ping_interval=provider.ping_s,
        ping_timeout=provider.ping_s,
        close_timeout=CLOSE_S,
        max_size=MAX_MESSAGE,
        max_queue=None,
        proxy=way.proxy,
        ssl=_tls() if urlsplit(url).scheme == "wss" else None,
        **by_tls,
        create_connection=cast(type[RealtimeWebSocket], connected),
    )
    if way.proxy is not None and is_socks(way.proxy):  # python-socks makes the socket, for which asyncio does not do it
        connection.transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return cast(RealtimeWebSocket, connection)


@cache
def _tls() -> ssl.SSLContext:
    """Made once: reading the certificate store takes longer than a frame lasts."""
    return ssl.create_default_context()


async def _await_event(connection: RealtimeWebSocket, kind: type[_E]) -> _E:
    """The next event of this kind. Any error before it means that there will be no session."""
    while True:
        event = server_events.parse(await connection.message())
        if isinstance(event, kind):
            return event
        if isinstance(event, server_events.ServerError) and not is_benign(event.code, event.message):
            words = f"{event.message} ({event.param})" if event.param else event.message
            raise from_codes(event.code, event.type, words)
        connection.early.append(event)


def _compared(updated: server_events.SessionUpdated, requested: Requested) -> server_events.SessionUpdated:
    """The event with its differences from what was asked for."""
    told = {"model": updated.model, **updated.values} if updated.model else updated.values
    return replace(updated, differences=requested.answered(told))


async def close_connection(connection: RealtimeWebSocket) -> None:
    """Close with code 1000; if that takes longer than `CLOSE_S`, abort."""
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_S):
                await connection.close(1000)
    finally:
        connection.transport.abort()  # nothing to do after a clean close


def drop_connection(connection: RealtimeWebSocket) -> None:
    """Close it and don't wait: no session came about, and the time for connecting is needed for another try. What the
    network has not taken in `CLOSE_S` is thrown away."""
    transport = connection.transport
    if connection.state is State.OPEN:
        connection.protocol.send_close(1000)
        transport.write(b"".join(connection.protocol.data_to_send()))
    transport.close()
    asyncio.get_running_loop().call_later(CLOSE_S, transport.abort)


def _from_closed(closed: ConnectionClosed) -> ProviderError:
    return from_close(closed.rcvd.code, closed.rcvd.reason) if closed.rcvd else from_close(1006, "(no close frame)")


@contextlib.contextmanager
def _mapped(way: Way | None = None, key: str = "") -> Iterator[None]:
    """The library's and the system's exceptions never leave this module, nor does the `key` that a server repeats."""
    try:
        yield
    except (ConnectionClosed, InvalidHandshake, ProxyError, InvalidURI, BadProxy, OSError) as error:  # and TimeoutError
        raise _failure(error, way or Way(), key) from error


def _failure(error: Exception, way: Way, key: str) -> ProviderError:
    if (fault := way.fault(error)) is not None:
        return ConfigRefused(str(fault)) if fault.lasting else ConnectionLost(str(fault))
    match error:
        case ConnectionClosed():
            return _from_closed(error)
        case InvalidStatus(response=response):
            told = {name: response.headers[name] for name in HEADERS if len(response.headers.get_all(name)) == 1}
            body = bytes(response.body or b"").replace(key.encode() or b"\0", "…".encode())
            return from_status(response.status_code, seconds_of_headers(told), body)
        case InvalidURI():
            return ConfigRefused(f"not a websocket URL: {error}")
        case BadProxy():
            return ConfigRefused(str(error))
        case InvalidHandshake() | ProxyError():
            return ConnectionLost(f"the websocket upgrade failed: {error}{way}")
        case TimeoutError():
            return ConnectionLost(f"no configured session in time{way}")
    return ConnectionLost(f"cannot connect: {error}{way}")
