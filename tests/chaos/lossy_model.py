"""The AI that the callers of a lossy network talk to: it knows their voices, and writes down which of their words came.

Owns what arrived of each turn (`arrived`), and which sound each answer is. The words of a turn are its key; of a turn
that was not heard whole, also which part was. What is no turn of anybody's is in `strange`.
"""

import asyncio
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from simulator.audio.sound import RATE, Samples
from simulator.realtime import Reply, Say, Turn
from tests.chaos.lossy_sound import PIECE, Piece, narrow, noise, pieces, wide

GREETING, GO_ON = "Hello.", "To go on."
GREETING_S, GO_ON_S = 1.2, 1.6
EDGE = 0.3
"""Seconds that may be missing from either end of a turn that was heard whole."""
_KEY = re.compile(r"caller \d+ turn \d+")


@dataclass(frozen=True, slots=True)
class Line:
    """What a caller says: its key, how long it is, and how long the answer to it."""

    key: str
    seconds: float
    answer_s: float

    @property
    def sound(self) -> Samples:
        return noise(self.key, self.seconds)

    @property
    def answer(self) -> str:
        return f"Answer to {self.key}."

    @property
    def answer_sound(self) -> Samples:
        return noise(self.answer, self.answer_s)


@dataclass(frozen=True, slots=True)
class Arrival:
    """One turn as the server took it: when, its words, its sound, and where the pieces of the line are in it."""

    at: float
    text: str
    heard: Samples
    found: list[Piece]

    @property
    def first(self) -> float:
        """From which second of the line on it was heard."""
        return _span(self.found)[0]

    @property
    def last(self) -> float:
        return _span(self.found)[1]


def _span(found: Sequence[Piece]) -> tuple[float, float]:
    placed = [each.at for each in found if each.place is not None]
    return placed[0] / RATE, (placed[-1] + PIECE) / RATE


@dataclass
class LossyModel:
    """A `Model` for all sessions."""

    lines: dict[int, list[Line]] = field(default_factory=dict)
    """The latest two of each caller."""
    arrived: dict[str, list[Arrival]] = field(default_factory=dict)
    strange: list[str] = field(default_factory=list)
    replies: int = 0

    def expect(self, caller: int, line: Line) -> None:
        self.lines[caller] = [*self.lines.get(caller, []), line][-2:]

    async def hear(self, pcm: bytes) -> str:
        at = time.time()
        lines = [line for latest in self.lines.values() for line in reversed(latest)]
        heard, line, found = await asyncio.to_thread(_recognised, pcm, lines)
        if line is None:
            self.strange.append(f"{len(heard) / RATE:.2f} s of sound at {at:.2f} that nobody has said")
            return "something"
        text = _words(line, found)
        self.arrived.setdefault(line.key, []).append(Arrival(at, text, heard, found))
        return text

    async def reply(self, turn: Turn) -> Reply:
        self.replies += 1
        if turn.number == 0 and not turn.said:
            return (Say(GREETING, pcm=wide(noise(GREETING, GREETING_S))),)
        keys = _KEY.findall(turn.said or "")
        line = next((each for latest in self.lines.values() for each in latest if keys and each.key == keys[-1]), None)
        if line is None:
            return (Say(GO_ON, pcm=wide(noise(GO_ON, GO_ON_S))),)
        return (Say(line.answer, pcm=wide(line.answer_sound)),)


def _words(line: Line, found: Sequence[Piece]) -> str:
    first, last = _span(found)
    whole = first <= EDGE and last >= line.seconds - EDGE
    return line.key if whole else f"{line.key}, {first:.1f} to {last:.1f}"


def _recognised(pcm: bytes, lines: list[Line]) -> tuple[Samples, Line | None, list[Piece]]:
    heard = narrow(pcm)
    for line in lines:
        if found := pieces(heard, line.sound):
            return heard, line, found
    return heard, None, []
