"""A pool of open connections for the next calls, so that a call need not wait for TCP, TLS and upgrade.

Owns connections that have received `session.created` and sent nothing: a call configures its connection when it takes
it. Each provider (URL, model, key and all else that a connection depends on) has a pool of its own. Only providers that
were used lately have one. A connection that is too old is closed, because a server limits its age.

If there is no warm connection, or it turns out to be dead, `open` opens a new one within the same deadline. A warm
connection that does not answer soon is given up, and so are the others of its pool.
"""

import asyncio
import contextlib
from time import monotonic

import structlog
from websockets.protocol import State

from bridge.contract import Provider
from bridge.realtime.protocol.client_events import SessionUpdate
from bridge.realtime.protocol.dialects import max_session_s
from bridge.realtime.protocol.errors import ConnectionLost, ProviderError, wait_of
from bridge.realtime.transport.client import (
    OPEN_S,
    ProxySetting,
    RealtimeClient,
    close_connection,
    configure,
    open_client,
    open_connection,
)
from bridge.realtime.transport.websocket import RealtimeWebSocket

MAX_AGE_S = 50 * 60.0
"""OpenAI ends a connection after 60 minutes, so ten are left for the call, which renews it before they end."""
MAX_AGE_SHARE = 5 / 6
"""The same for a provider with a shorter limit, as a share of it."""
RETRY_S = 5.0
"""The pause after a connection that failed; each following one is twice as long."""
LONGEST_RETRY_S = 60.0
LONGEST_WAIT_S = 600.0
"""For a provider that is rate limited and says how long."""
ANSWER_S = 2.0
"""A warm connection needs one round trip. If it takes longer, a new one is made in the time that is left."""
ANSWER_SHARE = 1 / 4
"""At most this share of the time for connecting is spent on a warm connection."""
UNUSED_S = 60 * 60.0
"""Seconds. After this time without a call, the pool of a provider is closed."""
MOST_PROVIDERS = 8
"""The pool that was used longest ago is closed for another one."""

_log = structlog.get_logger()
_Key = tuple[object, ...]


class ConnectionPool:
    """`run` keeps `size` connections to each provider until it is cancelled; `open` is `open_client`, only sooner."""

    def __init__(
        self,
        size: int,
        *,
        max_age_s: float = MAX_AGE_S,
        retry_s: float = RETRY_S,
        unused_s: float = UNUSED_S,
        proxy: ProxySetting = True,
    ) -> None:
        self._size = size
        self._max_age_s, self._retry_s, self._unused_s = max_age_s, retry_s, unused_s
        self._proxy: ProxySetting = proxy
        self._pools: dict[_Key, _Pool] = {}
        """The one that was asked for longest ago comes first."""
        self._tasks: asyncio.TaskGroup | None = None

    def __repr__(self) -> str:
        return f"<ConnectionPool [{len(self)} to {len(self._pools)} providers]>"

    def __len__(self) -> int:
        return sum(len(pool.connections) for pool in self._pools.values())

    def count(self, provider: Provider) -> int:
        """How many connections to this provider are open and free."""
        pool = self._pools.get(_key(provider))
        return len(pool.connections) if pool else 0

    async def open(
        self, provider: Provider, setup: SessionUpdate, *, timeout: float = OPEN_S, proxy: ProxySetting = True
    ) -> RealtimeClient:
        """As `open_client`, with a warm connection if there is one."""
        until = monotonic() + timeout
        pool = self._pool_of(provider)
        warm = pool.take()
        if warm is not None:
            try:
                return await configure(warm, provider, setup, timeout=min(ANSWER_S, timeout * ANSWER_SHARE))
            except ConnectionLost:
                pool.discard()
        client = await open_client(provider, setup, timeout=max(0.0, until - monotonic()), proxy=proxy)
        pool.back()
        return client

    async def run(self) -> None:
        """Keep them open, and close them all at the end."""
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            try:
                for pool in self._pools.values():
                    self._begin(pool)
                await asyncio.Event().wait()
            finally:
                self._tasks = None

    # ------------------------------------------------------------ inside

    def _pool_of(self, provider: Provider) -> "_Pool":
        key = _key(provider)
        pool = self._pools.pop(key, None)
        if pool is None:
            while len(self._pools) >= MOST_PROVIDERS:
                self._pools.pop(next(iter(self._pools))).end()
            pool = _Pool(provider, self._size, self._max_age_s, self._retry_s, self._proxy)
            self._begin(pool)
        self._pools[key] = pool
        pool.provider, pool.used_at = provider, monotonic()
        return pool

    def _begin(self, pool: "_Pool") -> None:
        if self._tasks is not None:
            pool.task = self._tasks.create_task(self._keep(pool), name=f"warm connections to {pool.provider.name}")

    async def _keep(self, pool: "_Pool") -> None:
        await pool.run(self._unused_s)
        self._pools = {key: each for key, each in self._pools.items() if each is not pool}


class _Pool:
    """The connections to one provider. `run` keeps them until nobody has wanted one for long, or it is cancelled."""

    def __init__(
        self, provider: Provider, size: int, max_age_s: float, retry_s: float, proxy: ProxySetting = True
    ) -> None:
        self.provider = provider
        self.connections: list[RealtimeWebSocket] = []
        self.used_at = monotonic()
        self.task: asyncio.Task[None] | None = None
        self._size = size
        self._max_age_s, self._retry_s = max_age_s, retry_s
        self._proxy: ProxySetting = proxy
        self._wanted = asyncio.Event()
        self._failures = 0
        """In a row."""
        self._told = False
        """It was logged that a connection failed."""

    def take(self) -> RealtimeWebSocket | None:
        """The oldest that is alive; a new one is opened in its place."""
        while self.connections:
            connection = self.connections.pop(0)
            self._wanted.set()
            if self._fresh(connection):
                return connection
            connection.transport.abort()
        return None

    def discard(self) -> None:
        """One of them was dead: the others, opened at the same time on the same way, are not trusted."""
        for connection in self.connections:
            connection.transport.abort()
        self.connections.clear()
        self._wanted.set()

    def back(self) -> None:
        """A call has just opened a connection, so the provider is reachable again."""
        if self._failures:
            self._failures = 0
            self._wanted.set()

    def end(self) -> None:
        """Another provider takes its place."""
        self.discard()
        if self.task is not None:
            self.task.cancel()

    async def run(self, unused_s: float) -> None:
        """Keep the pool filled. Returns when no call has used it for `unused_s`."""
        try:
            while (left := self.used_at + unused_s - monotonic()) > 0:
                self._wanted.clear()
                pause = min(await self._refill(), left)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._wanted.wait()
        finally:
            await asyncio.shield(self._close(list(self.connections)))
            self.connections.clear()

    def _fresh(self, connection: RealtimeWebSocket) -> bool:
        return connection.state is State.OPEN and monotonic() - connection.opened_at < self._age_limit_s

    @property
    def _age_limit_s(self) -> float:
        return min(self._max_age_s, max_session_s(self.provider) * MAX_AGE_SHARE)

    async def _refill(self) -> float:
        """As many as there should be, of the right age. Returns when to look again, in seconds."""
        stale = [connection for connection in self.connections if not self._fresh(connection)]
        self.connections = [connection for connection in self.connections if connection not in stale]
        await self._close(stale)
        while len(self.connections) < self._size:
            try:
                connection = await open_connection(self.provider, proxy=self._proxy)
            except ProviderError as error:
                return self._failed(error)
            self._failures, self._told = 0, False
            self.connections.append(connection)
        now = monotonic()
        oldest = min((connection.opened_at for connection in self.connections), default=now)
        return max(1.0, oldest + self._age_limit_s - now)

    def _failed(self, error: ProviderError) -> float:
        """Log it once. Returns the seconds to wait before the next try."""
        if not self._told:
            self._told = True
            _log.warning("no warm connection, tried again", provider=self.provider.name, error=str(error))
        self._failures += 1
        pause_s = float(min(self._retry_s * 2 ** min(self._failures - 1, 10), max(LONGEST_RETRY_S, self._retry_s)))
        return max(pause_s, min(wait_of(error), LONGEST_WAIT_S))

    async def _close(self, connections: list[RealtimeWebSocket]) -> None:
        await asyncio.gather(*(close_connection(connection) for connection in connections))


def _key(provider: Provider) -> _Key:
    """All that a connection depends on. Agents that agree in it share connections."""
    headers = tuple(sorted(provider.headers.items()))
    key = provider.api_key.get_secret_value()
    return provider.url, provider.model, key, provider.dialect, headers, provider.ping_s
