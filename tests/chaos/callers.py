"""Callers of a chaos run. Each calls, listens to an agent who talks without end, hangs up, and calls again.

Owns the telephones and the record of each call (`Visit`). A caller who hears nothing for a while says something, as
people do. Does not judge: `verdict.py` says which losses were expected.
"""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass

from simulator.audio.sound import tone
from simulator.phone.phone import Phone, PhoneError
from simulator.realtime import Say
from tests.chaos.missed_audio import Heard, heard
from tests.chaos.plan import Talk

STORY = Say("A long story.", 45.0, 880)
"""Seconds; longer than any talk of the plan. An agent that takes a call over begins to talk anew."""
HELLO = tone(0.4, 620)
PATIENCE = 2.0
"""Seconds of silence after which a caller speaks."""
DEAF = 8.0
"""Seconds without any packet after which a caller hangs up: Asterisk itself is gone."""
ANSWER = 12.0


@dataclass(frozen=True, slots=True)
class Visit:
    """One call as its caller saw it. `outcome`: `done` (hung up as planned), `refused`, `left` (hung up by the other
    side), `deaf` (no packet any more) or `unanswered`. Times of the wall clock."""

    caller: str
    began: float
    ended: float
    outcome: str
    heard: Heard
    what: str = ""


class Callers:
    """`come` starts callers, `leave` ends them; `visits` are the calls that are over."""

    def __init__(self, sip: str) -> None:
        self._sip = sip
        self._tasks: list[asyncio.Task[None]] = []
        self._over = asyncio.Event()
        self.visits: list[Visit] = []
        self.talking: set[str] = set()
        """Numbers of callers who have heard the agent in the call that they are in."""

    def come(self, plans: list[Iterator[Talk]]) -> None:
        """One caller for each plan."""
        for number, talks in enumerate(plans):
            self._tasks.append(asyncio.create_task(self._live(number, talks), name=f"caller {number}"))

    async def leave(self) -> None:
        """All hang up; their calls are in `visits`."""
        self._over.set()
        await asyncio.gather(*self._tasks)

    async def once(self, caller: str, seconds: float) -> Visit:
        """One call of one more caller."""
        await self._visit(caller, seconds)
        return self.visits[-1]

    async def _live(self, number: int, talks: Iterator[Talk]) -> None:
        for attempt, talk in enumerate(talks):
            if await self._rests(talk.pause):
                return
            await self._visit(f"49{number:03d}{attempt:04d}", talk.seconds)

    async def _rests(self, seconds: float) -> bool:
        """Wait; True: the caller is to stop."""
        try:
            async with asyncio.timeout(seconds):
                await self._over.wait()
        except TimeoutError:
            return False
        return True

    async def _visit(self, caller: str, seconds: float) -> None:
        began, outcome, what = time.time(), "unanswered", ""
        phone = Phone(self._sip, "5001", user=caller)
        try:
            async with phone:
                outcome, what = await self._call(phone, caller, seconds)
        except (PhoneError, TimeoutError, OSError) as fault:
            what = what or f"{type(fault).__name__}: {fault}"
        self.talking.discard(caller)
        ended = time.time()
        self.visits.append(Visit(caller, began, ended, outcome, heard(phone.rtp.heard, STORY.hz), what))

    async def _call(self, phone: Phone, caller: str, seconds: float) -> tuple[str, str]:
        try:
            news = await phone.wait("answered", "refused", timeout=ANSWER)
        except PhoneError as fault:
            return "unanswered", str(fault)
        if news.event == "refused":
            return "refused", f"SIP status {news.fields.get('status')}"
        ended = await self._talk(phone, caller, time.time() + seconds)
        if ended == "done":
            try:
                await phone.hang_up()
            except PhoneError as fault:
                return "deaf", str(fault)
        return ended, ""

    async def _talk(self, phone: Phone, caller: str, until: float) -> str:
        phone.rtp.say(HELLO)
        spoke = answered = time.time()
        while time.time() < until and not self._over.is_set():
            await self._rests(0.2)
            if any(news.event in ("left", "aborted") for news in phone.news):
                return "left"
            now = time.time()
            last = phone.rtp.heard[-1].at if phone.rtp.heard else answered
            if now - last > DEAF:
                return "deaf"
            loud = next((each.at for each in reversed(phone.rtp.heard[-150:]) if each.loud), answered)
            if loud > answered:
                self.talking.add(caller)
            if now - max(loud, spoke) > PATIENCE:
                phone.rtp.say(HELLO)
                spoke = now
        return "done"
