"""Keeps a call connected to the AI: opens connections, opens them again, renews them, moves to other providers.

Owns the connection of one call, and the order in which providers are tried (`retry`). `run` is its only task; it
returns when no provider is left. A connection that works is replaced before the provider ends it, and when another
agent needs another provider (`move`): the next one is opened in the background and takes over when nobody speaks and
nothing is open, in one synchronous step. If the present connection is lost before that, the next one takes over at
once.

A `ConnectionListener` is told when there is a connection, when it is lost, and what comes in.
"""

import asyncio
import contextlib
from collections.abc import Coroutine, Sequence
from time import monotonic, time
from typing import Any, Literal, Protocol

import structlog

from bridge.common.limited_warnings import FEW, LimitedWarnings
from bridge.contract import Provider
from bridge.realtime.protocol import server_events
from bridge.realtime.protocol.client_events import SessionUpdate
from bridge.realtime.protocol.connection_info import ConnectionInfo
from bridge.realtime.protocol.dialects import max_session_s
from bridge.realtime.protocol.errors import (
    AccountRefused,
    ConfigRefused,
    ConnectionLost,
    ProviderError,
    RateLimited,
    SessionRefused,
    wait_of,
)
from bridge.realtime.protocol.session_differences import Difference
from bridge.realtime.transport.client import Opener, ProxySetting, RealtimeClient, open_client
from bridge.realtime.transport.retry import RetryBudget, RetryTiming, renewal_due_s

QUIET_POLL_S = 0.05
LONGEST_RENEWAL_PAUSE_S = 60.0
"""The longest pause that a rate limited provider gets before a renewal is tried again."""

_log = structlog.get_logger()


class ConnectionListener(Protocol):
    """What the owner of the connections is told. All methods return at once."""

    @property
    def quiet(self) -> bool:
        """Nobody would notice if the connection were exchanged now."""

    def setup(self) -> SessionUpdate:
        """The `session.update` with which a connection begins."""

    def connected(self, client: RealtimeClient, info: ConnectionInfo) -> None:
        """From now on this is the connection."""

    def received(self, event: server_events.Event) -> None:
        """Something came in."""

    def disconnected(self, error: ProviderError) -> None:
        """There is no connection; another one is being tried."""


class ReconnectingClient:
    """The connections of one call to its providers, one at a time."""

    def __init__(
        self,
        call: str,
        listener: ConnectionListener,
        providers: Sequence[Provider],
        pace: RetryTiming,
        proxy: ProxySetting = True,
        opener: Opener = open_client,
    ) -> None:
        self._listener = listener
        self._opener = opener
        self._pace = pace
        self._proxy: ProxySetting = proxy
        self._retries = RetryBudget(providers, pace)
        self._log = _log.bind(call=call)
        self._warnings = LimitedWarnings(self._log, FEW)
        self._call = call
        self._client: RealtimeClient | None = None
        self._failure: asyncio.Future[ProviderError] | None = None
        self._moved = asyncio.Event()
        self._asked = self._retries.provider
        """The provider that was asked last. A failure counts against it, even if another one is to be asked next."""
        self._spare: tuple[Provider, asyncio.Task[RealtimeClient]] | None = None
        """The connection that is to replace the present one, open or being opened."""
        self._closings: set[asyncio.Task[None]] = set()
        self._progressed = False
        self._known_dropped = 0

    def __repr__(self) -> str:
        return f"<ReconnectingClient [{self._client!r}]>"

    @property
    def client(self) -> RealtimeClient | None:
        """The present connection; None: there is none, or it was given up (`fail`)."""
        given_up = self._failure is not None and self._failure.done()
        return None if given_up else self._client

    @property
    def dropped_frames(self) -> int:
        """Frames of the caller that the network did not take in time, on all connections."""
        return self._known_dropped + (self._client.dropped_frames if self._client else 0)

    def fail(self, kind: Literal["config", "account", "transient"], message: str, *, again: bool = True) -> None:
        """Treat the connection as lost, though it is open. `kind`, `message`: why. `again`: this provider may be tried
        once more."""
        make = {"config": ConfigRefused, "account": AccountRefused, "transient": ConnectionLost}[kind]
        if self._failure is not None and not self._failure.done():
            self._failure.set_result(make(message) if again else RateLimited(message, waited=True))

    def move(self, providers: Sequence[Provider]) -> None:
        """Use these providers from now on. A present connection is replaced as soon as nobody speaks."""
        self._retries = RetryBudget(providers, self._pace)
        self._moved.set()

    async def run(self) -> ProviderError:
        """Keep the call connected until no provider is left. Returns the last error; everything is closed then."""
        error: ProviderError | None = None
        try:
            while True:
                opened = await self._open(error)
                if isinstance(opened, ProviderError):
                    return opened
                self._take(*opened)
                error = await self._receive_until_lost()
                self._listener.disconnected(error)
        finally:
            self._warnings.close()
            self._release()
            self._discard_spare()
            for closing in list(self._closings):
                await asyncio.shield(closing)  # bounded by the client's own deadline

    # ------------------------------------------------------------ open

    async def _open(self, lost: ProviderError | None) -> tuple[RealtimeClient, ConnectionInfo] | ProviderError:
        """A configured connection to the first provider that works; or the error of the last one tried."""
        began = away = monotonic()
        if lost is not None and (spare := await self._usable_spare(lost)) is not None:
            gap_ms = round((monotonic() - began) * 1000)
            return spare, ConnectionInfo(spare.provider, False, False, 1, gap_ms, str(lost))
        attempts, error = 0, lost
        refused: list[Difference] = []
        while True:
            if error is not None:
                delay = self._charge(error, monotonic() - away)
                if delay is None:
                    return error
                if self._retries.provider != self._asked:
                    away = monotonic()
                await self._pause(delay)
            attempts += 1
            self._moved.clear()
            self._asked = self._retries.provider
            try:
                client = await self._connect(self._asked, first=lost is None and attempts == 1)
            except ProviderError as refused_by:
                error = refused_by
                refused += refused_by.differences if isinstance(refused_by, SessionRefused) else ()
                continue
            gap_ms = round((monotonic() - began) * 1000)
            how = lost is None, False, attempts, gap_ms, str(lost or "")
            return client, ConnectionInfo(client.provider, *how, tuple(refused))

    def _charge(self, error: ProviderError, away_s: float) -> float | None:
        """Count a failure of the provider that was tried. Returns the seconds to wait; None: no provider is left."""
        told = {"provider": self._asked.name, "error": str(error), "kind": error.kind}
        self._warnings.warning("no line to the AI", by=("provider", "kind"), **told)
        limit = error if isinstance(error, RateLimited) else None
        wait_s, waited = (limit.retry_s, limit.waited) if limit else (None, False)
        refused, limited = error.kind != "transient", limit is not None
        return self._retries.failed(self._asked, away_s, refused=refused, limited=limited, wait_s=wait_s, waited=waited)

    async def _pause(self, seconds: float) -> None:
        """Shorter if another provider is wanted meanwhile."""
        if seconds:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._moved.wait()

    async def _connect(self, provider: Provider, *, first: bool) -> RealtimeClient:
        timeout = self._pace.open_s if first else min(self._pace.open_s, self._pace.reopen_s)
        return await self._opener(provider, self._listener.setup(), timeout=timeout, proxy=self._proxy)

    # ------------------------------------------------------------ keep

    async def _receive_until_lost(self) -> ProviderError:
        """Hand over what comes in until the connection is lost; renew it meanwhile. Returns why it was lost."""
        while True:
            client = self._client
            assert client is not None  # `_take` was called before
            trouble: asyncio.Future[ProviderError] = asyncio.get_running_loop().create_future()
            self._failure = trouble
            receive = asyncio.create_task(self._receive(client), name=f"realtime-{self._call}-receive")
            renewal = asyncio.create_task(self._renew(client), name=f"realtime-{self._call}-renew")
            try:
                await asyncio.wait((receive, renewal, trouble), return_when=asyncio.FIRST_COMPLETED)
            finally:
                self._failure = None
                receive.cancel()
                renewal.cancel()
                await asyncio.gather(receive, renewal, return_exceptions=True)
            for task in (renewal, receive):  # an internal error comes first, whatever else has happened meanwhile
                if not task.cancelled() and (fault := task.exception()) is not None:
                    raise fault
            if trouble.done():
                error = trouble.result()
            elif client is not self._client:
                continue  # renewed: listen to the new connection
            else:
                error = receive.result()
            self._release()
            return error

    async def _receive(self, client: RealtimeClient) -> ProviderError:
        try:
            await client.receive(lambda event: self._on_event(client, event))
        except ProviderError as error:
            return error
        return ConnectionLost(
            "the connection was closed by ourselves"
        )  # not reached: this task is cancelled before we close the connection

    def _on_event(self, client: RealtimeClient, event: server_events.Event) -> None:
        if client is not self._client or self._failure is None or self._failure.done():
            return  # this connection has just been replaced or given up
        if not self._progressed and isinstance(event, server_events.AudioDelta):
            self._progressed = True
            self._retries.progressed(client.provider)
        self._listener.received(event)

    def _take(self, client: RealtimeClient, info: ConnectionInfo) -> None:
        self._client = client
        self._asked = client.provider
        self._progressed = False
        self._listener.connected(client, info)

    def _release(self) -> None:
        """Close the connection in the background."""
        if self._client is None:
            return
        client, self._client = self._client, None
        self._known_dropped += client.dropped_frames
        self._close_later(client.close())

    def _close_later(self, closing: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(closing, name=f"realtime-{self._call}-close")
        self._closings.add(task)
        task.add_done_callback(self._closings.discard)

    # ------------------------------------------------------------ renew

    async def _renew(self, client: RealtimeClient) -> None:
        """Returns when another connection has taken over."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._renew_after(client)):
                await self._moved.wait()
        provider = client.provider
        while True:
            await self._wait_quiet()
            began = monotonic()
            if self._moved.is_set():
                self._moved.clear()
                provider = self._retries.provider
            try:
                spare = await self._open_spare(provider)
            except ProviderError as error:
                self._spare = None
                told = {"provider": provider.name, "error": str(error)}
                self._warnings.warning("the line cannot be renewed yet", by=("provider",), **told)
                before, provider = provider, self._provider_after(provider, client, error)
                asked_s = min(wait_of(error), LONGEST_RENEWAL_PAUSE_S)
                await self._pause(max(self._pace.renew_pause_s, asked_s) if provider == before else 0.0)
                continue
            await self._wait_quiet()
            if spare.alive and not self._moved.is_set():
                self._spare = None
                self._release()
                gap_ms = round((monotonic() - began) * 1000)
                self._take(spare, ConnectionInfo(provider, False, True, 1, gap_ms, "renewal"))
                return
            self._discard_spare()

    def _provider_after(self, failed: Provider, client: RealtimeClient, error: ProviderError) -> Provider:
        """The provider to try next for a renewal. That of the present connection is tried again and again; those that
        another agent needs are tried in turn."""
        if failed == client.provider or failed != self._retries.provider:
            return failed
        self._retries.failed(failed, 0.0, refused=error.kind != "transient")
        return self._retries.provider

    async def _open_spare(self, provider: Provider) -> RealtimeClient:
        """In a task of its own, which outlives the present connection. Raises ProviderError."""
        opening = asyncio.create_task(self._connect(provider, first=False), name=f"realtime-{self._call}-spare")
        self._spare = provider, opening
        return await asyncio.shield(opening)

    async def _usable_spare(self, lost: ProviderError) -> RealtimeClient | None:
        """The connection that was to replace the one just lost, if it still can."""
        if self._spare is None:
            return None
        provider, opening = self._spare
        refused = lost.kind != "transient" and provider == self._asked
        if not refused and not self._moved.is_set():
            with contextlib.suppress(ProviderError):
                client = await asyncio.shield(opening)
                if client.alive:
                    self._spare = None
                    return client
        self._discard_spare()
        return None

    def _discard_spare(self) -> None:
        if self._spare is not None:
            (_, opening), self._spare = self._spare, None
            opening.cancel()  # without effect on one that is open
            self._close_later(self._close_opened(opening))

    async def _close_opened(self, opening: asyncio.Task[RealtimeClient]) -> None:
        await asyncio.wait({opening})
        if opening.cancelled():
            return
        fault = opening.exception()
        if fault is None:
            await opening.result().close()
        elif not isinstance(fault, ProviderError):
            self._log.error("the connection that was to renew the line failed: internal error", exc_info=fault)

    async def _wait_quiet(self) -> None:
        while not self._listener.quiet:  # noqa: ASYNC110 - asked twenty times a second for some seconds an hour
            await asyncio.sleep(QUIET_POLL_S)

    def _renew_after(self, client: RealtimeClient) -> float:
        """Seconds until this connection is to be renewed."""
        if self._pace.renew_s is not None:
            return self._pace.renew_s
        told = client.updated.expires_at
        left = None if told is None else told - time()
        return renewal_due_s(max_session_s(client.provider), client.age_s, left)
