"""Whether Asterisk acts on channels, and not only answers: checked every two seconds, for `/readyz`.

An Asterisk whose channels are locked for good (docs/production.md) still answers pings and lists channels and bridges
within milliseconds. It can't look up a channel. So the check asks for a channel that does not exist: a healthy Asterisk
answers "not found", and nothing changes.

A request without an answer holds a thread of Asterisk's web server until the lock is free. So there is one request at a
time, and its answer is awaited.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol
from uuid import uuid4

import structlog

from controller.ari.rest import AriError, TimedOut

EVERY = 2.0
"""Seconds between an answer and the next request."""
LATE = 2.5
"""Seconds after which an answer counts as missing. Under 20 new calls a second it takes less than 0.3."""
PATIENCE = 60.0
"""Seconds for which a request waits: Asterisk may come free."""
GRACE = 0.5
"""Seconds more: if it was our event loop that stood still, the answer has come already and has to be read."""

log = structlog.get_logger()


class ChannelLookup(Protocol):
    async def look_up(self, nobody: str) -> None: ...


class AsteriskHealth:
    """`ari`: a client of its own, whose time limit is `PATIENCE`. `up`: is there an event link? `tell` gets every
    change; True: Asterisk is frozen."""

    def __init__(self, ari: ChannelLookup, up: Callable[[], bool], tell: Callable[[bool], None]) -> None:
        self._ari = ari
        self._up = up
        self._tell = tell
        self.frozen = False

    async def run(self) -> None:
        while True:
            if self._up():
                await self._check()
            await asyncio.sleep(EVERY)

    async def _check(self) -> None:
        request = asyncio.create_task(self._ask(), name="asterisk health")
        try:
            if not await _answered(request):
                self._change(frozen=True)
            self._change(frozen=not await request)
        finally:
            request.cancel()

    async def _ask(self) -> bool:
        """False: no answer within the time limit. An Asterisk that is away is noticed by the event link."""
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
                "asterisk is frozen: it acts on no channel. A silent AudioSocket peer does that: end the worker"
                " that stands still; if that does not help, restart asterisk"
            )
        else:
            log.warning("asterisk acts again")
        self._tell(frozen)


async def _answered(request: asyncio.Task[bool]) -> bool:
    for seconds in (LATE, GRACE):
        done, _ = await asyncio.wait({request}, timeout=seconds)
        if done:
            return True
    return False
