"""The callers of a lossy network. Each says a line, listens to the answer, and moves and holds as planned meanwhile.

Owns the course of the calls and the notes of each (`LossyCall`). Does not judge: `lossy_verdict.py` does.
"""

import asyncio
import time
from dataclasses import dataclass, field
from pathlib import Path

from simulator.audio.sound import FRAME_SECONDS, Samples, timeline, tone
from simulator.phone.phone import Phone, PhoneError
from simulator.phone.rtp import RtpEnd
from tests.chaos.lossy_model import GO_ON, GO_ON_S, GREETING, GREETING_S, Arrival, Line, LossyModel
from tests.chaos.lossy_phone import LossyNetwork, MovingPhone, scenario
from tests.chaos.lossy_plan import Hold, Move, Plan
from tests.chaos.lossy_sound import noise
from tests.peers import sip as telephones

PATIENCE = 12.0
PAUSE = 0.8
"""Seconds of silence after which the agent is believed to have finished."""
MUSIC_HZ = 620
KEPT_FRAMES = 100


@dataclass(frozen=True, slots=True)
class Moved:
    """A move, or the end of a hold, at `at` (wall clock)."""

    at: float
    move: Move
    after_hold: bool = False


@dataclass(slots=True)
class Spoken:
    """A sound of the agent as the caller heard it: what it should be, and what was heard from `since` on, when it was
    due, until the caller had listened to it, or held (`cut`)."""

    text: str
    reference: Samples
    since: float
    heard: Samples
    cut: bool = False


@dataclass(slots=True)
class Said:
    """A turn of the caller. `sent`: when each of its frames went out."""

    line: Line
    began: float
    ended: float
    lost: tuple[float, ...]
    """Packets of it that the network has lost."""
    arrived: list[Arrival]
    moved: tuple[Moved, ...]


@dataclass(slots=True)
class LossyCall:
    """One call as its caller saw it. `events`: what was said by both, in order."""

    caller: str
    began: float
    answered: float = 0.0
    ended: float = 0.0
    events: list[Said | Spoken] = field(default_factory=list)
    moves: list[Moved] = field(default_factory=list)
    holds: list[Hold] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds between moves, between holds, and of a call."""

    move: float
    hold: float
    call: float


class LossyCaller:
    """`live` makes one call after the other, until `until` (monotonic); `calls` holds them."""

    def __init__(self, number: int, seed: int, sip: str, folder: Path, model: LossyModel, pace: Pace) -> None:
        self._number, self._sip, self._folder, self._model, self._pace = number, sip, folder, model, pace
        self._plan = Plan(seed, number)
        self._network = LossyNetwork(seed * 100 + number)
        self._move_due = self._hold_due = 0.0
        self.calls: list[LossyCall] = []

    async def live(self, until: float) -> None:
        await asyncio.sleep(1.7 * self._number)
        while time.monotonic() < until - min(20.0, self._pace.call / 2):
            call = LossyCall(f"4930{self._number}{len(self.calls):04d}", time.time())
            self.calls.append(call)
            phone = telephones.caller(self._sip, self._folder, scenario=scenario(self._folder), user=call.caller)
            try:
                async with phone:
                    await self._call(call, phone, min(until, time.monotonic() + self._pace.call))
            except (PhoneError, TimeoutError) as fault:
                call.problems.append(f"{type(fault).__name__} {fault} at {time.time():.2f}")
            call.ended = call.ended or time.time()

    async def _call(self, call: LossyCall, phone: Phone, until: float) -> None:
        answered = await phone.answered()
        call.answered = answered.at
        phone.rtp.impair(self._network)
        moving = MovingPhone(phone, answered.fields["media"])
        await self._listen(call, phone.rtp, GREETING, noise(GREETING, GREETING_S), answered.at)
        now = time.monotonic()
        self._move_due, self._hold_due = now + self._pace.move / 2, now + self._pace.hold / 2
        while time.monotonic() < until and not any(news.event in ("left", "aborted") for news in phone.news):
            await asyncio.sleep(self._plan.pause())
            if not await self._turn(call, moving, self._due_move(), self._due_hold()):
                return
            del phone.rtp.heard[:-KEPT_FRAMES], phone.rtp.sent[:-KEPT_FRAMES]
        await phone.hang_up()
        call.ended = time.time()

    def _due_move(self) -> Move | None:
        if time.monotonic() < self._move_due:
            return None
        self._move_due += self._pace.move
        return self._plan.move()

    def _due_hold(self) -> Hold | None:
        if time.monotonic() < self._hold_due:
            return None
        self._hold_due += self._pace.hold
        return self._plan.hold()

    # ---------------------------------------------------------------- one turn

    async def _turn(self, call: LossyCall, moving: MovingPhone, move: Move | None, hold: Hold | None) -> bool:
        """The caller speaks, and is answered. False: nobody answers any more."""
        rtp, line, before = moving.phone.rtp, self._plan.line(), len(call.moves)
        self._model.expect(self._number, line)
        if hold is not None and hold.moment == "pause":
            await self._hold(call, moving, hold)
        if move is not None and move.moment in ("before", "pause"):
            await self._move(call, moving, move)
            await asyncio.sleep(1.0 if move.moment == "pause" else 0)
        first = len(rtp.sent)
        rtp.say(line.sound)
        if move is not None and move.moment == "said":
            await asyncio.sleep(line.seconds * self._plan.share())
            await self._move(call, moving, move)
        ended = await rtp.spoken()
        began = next(frame.at for frame in rtp.sent[first:] if frame.loud) - FRAME_SECONDS
        lost = tuple(each for each in self._network.lost_at if began < each < ended + FRAME_SECONDS)
        said = Said(line, began, ended, lost, [], tuple(call.moves[before:]))
        call.events.append(said)
        cut = hold if hold is not None and hold.moment == "answered" else None
        heard = await self._answer(call, moving, line, ended, move, cut)
        said.arrived = self._model.arrived.pop(line.key, [])
        return heard

    async def _answer(
        self, call: LossyCall, moving: MovingPhone, line: Line, since: float, move: Move | None, hold: Hold | None
    ) -> bool:
        rtp = moving.phone.rtp
        try:
            begins = await rtp.sound(since + FRAME_SECONDS, PATIENCE)
        except TimeoutError:
            call.problems.append(f"{line.key} at {since:.2f} was not answered within {PATIENCE:g} s")
            return True
        if move is not None and move.moment == "answered":
            await asyncio.sleep(line.answer_s * self._plan.share())
            await self._move(call, moving, move)
        if hold is None:
            await self._listen(call, rtp, line.answer, line.answer_sound, since)
            return True
        await asyncio.sleep(max(0.0, begins + line.answer_s * self._plan.share() - time.time()))
        cut_at = time.time()
        call.events.append(Spoken(line.answer, line.answer_sound, since, _heard(rtp, since, cut_at), cut=True))
        moved = await self._hold(call, moving, hold)
        await self._listen(call, rtp, GO_ON, noise(GO_ON, GO_ON_S), moved.at)
        return True

    async def _listen(self, call: LossyCall, rtp: RtpEnd, text: str, reference: Samples, since: float) -> None:
        """To the end of what the agent says. Raises TimeoutError if it says nothing, or does not stop."""
        await rtp.sound(since + FRAME_SECONDS, PATIENCE)
        await rtp.quiet(PAUSE, PATIENCE)
        call.events.append(Spoken(text, reference, since, _heard(rtp, since, time.time())))

    # ---------------------------------------------------------------- the network's doings

    async def _move(self, call: LossyCall, moving: MovingPhone, move: Move) -> Moved:
        moved = Moved(await moving.move(move), move)
        call.moves.append(moved)
        return moved

    async def _hold(self, call: LossyCall, moving: MovingPhone, hold: Hold) -> Moved:
        """With music, where there is a way for it. Returns the end of it."""
        call.holds.append(hold)
        await moving.hold(hold.mode)
        if hold.mode == "sendonly":
            moving.phone.rtp.say(tone(hold.seconds, MUSIC_HZ))
            await moving.phone.rtp.spoken()
        else:
            await asyncio.sleep(hold.seconds)
        moved = Moved(await moving.back(hold.back), hold.back, after_hold=True)
        call.moves.append(moved)
        return moved


def _heard(rtp: RtpEnd, since: float, until: float) -> Samples:
    return timeline([frame for frame in rtp.heard if frame.at >= since - 0.1], since, until)
