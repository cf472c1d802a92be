"""Whether Asterisk acts, and not only answers: asked every two seconds, so that readiness tells a frozen one.

One whose channels are locked for good (`docs/production.md`) still pongs, answers `ping` and lists channels and
bridges, within milliseconds. What it can't do is to look a channel up. So one that does not exist is asked for: "not
found" is the answer of a healthy Asterisk, and nothing changes by it.

Owns the question. A question that is not answered holds a thread of Asterisk's web server until the lock is free, so
there is one at a time, and it is waited for.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol
from uuid import uuid4

import structlog

from controller.ari.rest import AriError, TimedOut

EVERY = 2.0
"""Seconds between an answer and the next question."""
LATE = 2.5
"""Seconds after which an answer counts as missing. Under 20 new calls a second it takes less than 0.3."""
PATIENCE = 60.0
"""Seconds for which a question is left with Asterisk, which may come free."""
BREATH = 0.5
"""Seconds more: where it was our loop that stood still, the answer is here already and has to be read."""

log = structlog.get_logger()


class ChannelLookup(Protocol):
    async def look_up(self, nobody: str) -> None: ...


class AsteriskHealth:
    """`ari`: a client of its own, whose time limit is `PATIENCE`. `up`: is it there at all? `tell` gets every change:
    True, it is frozen."""

    def __init__(self, ari: ChannelLookup, up: Callable[[], bool], tell: Callable[[bool], None]) -> None:
        self._ari = ari
        self._up = up
        self._tell = tell
        self.frozen = False

    async def run(self) -> None:
        while True:
            if self._up():
                await self._feel()
            await asyncio.sleep(EVERY)

    async def _feel(self) -> None:
        question = asyncio.create_task(self._ask(), name="pulse question")
        try:
            if not await _answered(question):
                self._change(frozen=True)
            self._change(frozen=not await question)
        finally:
            question.cancel()

    async def _ask(self) -> bool:
        """False: no answer in all that time. One that isn't there at all is the event link's business."""
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


async def _answered(question: asyncio.Task[bool]) -> bool:
    for seconds in (LATE, BREATH):
        done, _ = await asyncio.wait({question}, timeout=seconds)
        if done:
            return True
    return False
