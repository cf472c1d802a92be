"""Owns the check whether Asterisk is frozen: made every two seconds, for `/readyz`.

An Asterisk whose channels are locked for good (docs/production.md) still answers pings, and lists channels and bridges.
It can't look up a channel. So the check looks up a channel that does not exist: a healthy Asterisk answers "not found".

A request without an answer holds a thread of Asterisk's web server until the lock is free. So there is one request at a
time.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol
from uuid import uuid4

import structlog

from controller.ari.rest import AriError, TimedOut

INTERVAL = 2.0
"""Seconds between an answer and the next request."""
ANSWER_TIMEOUT = 2.5
"""Seconds after which Asterisk counts as frozen. With 20 new calls a second an answer takes less than 0.3."""
PATIENCE = 60.0
"""Seconds for which a request waits for a late answer."""
GRACE = 0.5
"""Further seconds: if our own event loop was blocked, the answer is there and has to be read."""

log = structlog.get_logger()


class ChannelLookup(Protocol):
    async def look_up(self, channel: str) -> None: ...


class AsteriskHealth:
    """`ari`: a client of its own with the time limit `PATIENCE`. `link_is_up`: whether there is an event link.
    `on_change` is called at each change; True: Asterisk is frozen."""

    def __init__(self, ari: ChannelLookup, link_is_up: Callable[[], bool], on_change: Callable[[bool], None]) -> None:
        self._ari = ari
        self._link_is_up = link_is_up
        self._on_change = on_change
        self.frozen = False

    async def run(self) -> None:
        while True:
            if self._link_is_up():
                await self._check()
            await asyncio.sleep(INTERVAL)

    async def _check(self) -> None:
        request = asyncio.create_task(self._ask(), name="asterisk health")
        try:
            if not await _answered(request):
                self._change(frozen=True)
            self._change(frozen=not await request)
        finally:
            request.cancel()

    async def _ask(self) -> bool:
        """False: no answer within the time limit. Any other error counts as an answer."""
        try:
            await self._ari.look_up(f"nobody-{uuid4()}")
        except TimedOut:
            return False
        except AriError:
            return True
        return True

    def _change(self, *, frozen: bool) -> None:
        if frozen is self.frozen:
            return
        self.frozen = frozen
        if frozen:
            log.critical(
                "asterisk is frozen: it answers no request about channels. A silent AudioSocket peer causes that:"
                " end the worker that hangs; if that does not help, restart asterisk"
            )
        else:
            log.warning("asterisk is no longer frozen")
        self._on_change(frozen)


async def _answered(request: asyncio.Task[bool]) -> bool:
    for seconds in (ANSWER_TIMEOUT, GRACE):
        done, _ = await asyncio.wait({request}, timeout=seconds)
        if done:
            return True
    return False
