"""A few connections kept open for the next calls, so that a call need not wait for TCP, TLS and upgrade.

Owns connections that have seen `session.created` and nothing else: what a call wants is told when it comes. They are
for the provider of the latest call; one that is too old is closed, because a server ends a connection by its age and
not by its use. Refuses to be needed: without a warm one, or when it turns out dead, `open` connects as always.
"""

import asyncio
import contextlib
from time import monotonic

import structlog
from websockets.protocol import State

from bridge.contract import Provider
from bridge.realtime.client import (
    OPEN_S,
    ProxySetting,
    RealtimeClient,
    close_line,
    configure,
    open_client,
    open_line,
)
from bridge.realtime.connection import Connection
from bridge.realtime.dialects import max_session_s
from bridge.realtime.failures import ConnectionLost, ProviderError

MAX_AGE_S = 50 * 60.0
"""Of the 60 minutes that OpenAI gives a connection ten are left for the call; its renewal comes before they end."""
MAX_AGE_SHARE = 5 / 6
"""The same, of a provider's shorter limit."""
RETRY_S = 5.0
"""After a connection that could not be had. The calls themselves find out sooner."""

_log = structlog.get_logger()


class WarmLines:
    """`run` keeps `size` connections open until it is cancelled; `open` is `open_client`, only sooner."""

    def __init__(
        self, size: int, *, max_age_s: float = MAX_AGE_S, retry_s: float = RETRY_S, proxy: ProxySetting = True
    ) -> None:
        self._size = size
        self._max_age_s, self._retry_s = max_age_s, retry_s
        self._proxy: ProxySetting = proxy
        self._provider: Provider | None = None
        self._lines: list[Connection] = []
        self._wanted = asyncio.Event()

    def __repr__(self) -> str:
        return f"<WarmLines [{len(self._lines)}/{self._size}]>"

    def __len__(self) -> int:
        return len(self._lines)

    async def open(
        self, provider: Provider, setup: bytes, *, timeout: float = OPEN_S, proxy: ProxySetting = True
    ) -> RealtimeClient:
        """As `open_client`. A warm connection that dies on us costs a new one, not the call."""
        warm = self._take(provider)
        if warm is not None:
            with contextlib.suppress(ConnectionLost):
                return await configure(warm, provider, setup, timeout=timeout)
        return await open_client(provider, setup, timeout=timeout, proxy=proxy)

    async def run(self) -> None:
        """Keep them open, and close them all at the end."""
        try:
            while True:
                self._wanted.clear()
                pause = await self._refill()
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._wanted.wait()
        finally:
            await asyncio.shield(self._close(self._lines))
            self._lines.clear()

    # ------------------------------------------------------------ inside

    def _take(self, provider: Provider) -> Connection | None:
        """The oldest that is alive, for this very provider; and the wish for a new one in its place."""
        if provider != self._provider:
            self._provider = provider
            for line in self._lines:
                line.transport.abort()
            self._lines.clear()
            self._wanted.set()
            return None
        while self._lines:
            line = self._lines.pop(0)
            self._wanted.set()
            if self._fresh(line, provider):
                return line
            line.transport.abort()
        return None

    def _fresh(self, line: Connection, provider: Provider) -> bool:
        return line.state is State.OPEN and monotonic() - line.opened_at < self._age_limit_s(provider)

    def _age_limit_s(self, provider: Provider) -> float:
        return min(self._max_age_s, max_session_s(provider) * MAX_AGE_SHARE)

    async def _refill(self) -> float:
        """As many as there should be, of the right provider and age. Returns when to look again, in seconds."""
        provider = self._provider
        if provider is None:
            return self._max_age_s
        stale = [line for line in self._lines if not self._fresh(line, provider)]
        self._lines = [line for line in self._lines if line not in stale]
        await self._close(stale)
        while provider == self._provider and len(self._lines) < self._size:
            try:
                line = await open_line(provider, proxy=self._proxy)
            except ProviderError as error:
                _log.info("no warm connection", provider=provider.name, error=str(error))
                return self._retry_s
            if provider == self._provider:
                self._lines.append(line)
            else:
                await close_line(line)
        now = monotonic()
        oldest = min((line.opened_at for line in self._lines), default=now)
        return max(1.0, oldest + self._age_limit_s(provider) - now)

    async def _close(self, lines: list[Connection]) -> None:
        for line in lines:
            await close_line(line)
