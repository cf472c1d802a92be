"""What the callers of a lossy network do, and when: all of it follows from one number. [pure]"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from tests.chaos.lossy_model import Line

Moment = Literal["said", "before", "answered", "pause"]
"""In the middle of a turn of the caller; just before one; in the middle of an answer; in a pause of both."""


@dataclass(frozen=True, slots=True)
class Move:
    """The media comes from elsewhere. `port`: by a re-INVITE to another port, else only the numbers jump."""

    moment: Moment
    sequence: int
    stamp: int
    new_source: bool
    port: bool


@dataclass(frozen=True, slots=True)
class Hold:
    """`mode`: of the re-INVITE; `sendonly` with music."""

    moment: Literal["answered", "pause"]
    mode: Literal["sendonly", "inactive"]
    seconds: float
    back: Move
    """How the numbers go on afterwards."""


class Plan:
    """Of one caller."""

    def __init__(self, seed: int, caller: int) -> None:
        self._chance = random.Random(f"lossy {seed} {caller}")
        self._caller = caller
        self._turns = 0
        self._moments = self._in_turn(("said", "before", "said", "answered", "said", "pause"))
        self._holds = self._in_turn(("answered", "pause", "pause", "answered"))

    def line(self) -> Line:
        self._turns += 1
        key = f"caller {self._caller} turn {self._turns}"
        return Line(key, round(self._chance.uniform(1.2, 7.0), 1), round(self._chance.uniform(1.2, 5.0), 1))

    def pause(self) -> float:
        """Seconds for which the caller thinks."""
        return self._chance.uniform(0.1, 1.5)

    def share(self) -> float:
        """Of a turn or an answer, after which something happens in it."""
        return self._chance.uniform(0.25, 0.7)

    def move(self) -> Move:
        return self._move(next(self._moments))

    def hold(self) -> Hold:
        chance, moment = self._chance, next(self._holds)
        mode: Literal["sendonly", "inactive"] = chance.choice(("sendonly", "inactive"))
        seconds = chance.uniform(3, 12)
        return Hold("answered" if moment == "answered" else "pause", mode, seconds, self._move("before"))

    def _move(self, moment: Moment) -> Move:
        """In half of all moves the sequence number counts as lower."""
        chance = self._chance
        back = chance.random() < 0.5
        far = -chance.choice((60, 300, 1_000, 20_000, chance.randrange(50, 32_000)))
        sequence = far if back else chance.randrange(1, 32_000)
        stamp = chance.choice((0, chance.randrange(-(1 << 31), 1 << 31)))
        return Move(moment, sequence, stamp, chance.random() < 0.7, chance.random() < 0.7)

    def _in_turn(self, kinds: tuple[Moment, ...]) -> Iterator[Moment]:
        while True:
            yield from self._chance.sample(kinds, len(kinds))
