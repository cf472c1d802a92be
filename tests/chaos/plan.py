"""What is broken, when, and who calls meanwhile: all of it follows from one number. [pure]

Owns the vocabulary of faults and the plan of a chaos run. The same seed gives the same plan, so that a run that found
a fault can be repeated (`CHAOS_SEED`). Changes nothing itself: `faults.py` carries strikes out.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum


class Fault(StrEnum):
    """What may happen to an installation."""

    WORKER_KILLED = "worker killed"
    WORKER_FROZEN = "worker frozen"
    WORKER_STARVED = "worker starved"
    """It runs, but only now and then: as on a machine that is far too busy."""
    CONTROLLER_KILLED = "controller killed"
    ASTERISK_KILLED = "Asterisk killed"
    AI_GONE = "Realtime server gone"
    AI_DROPPED = "Realtime connection dropped"
    AI_SLOW = "Realtime connection slow"
    AI_GARBAGE = "Realtime connection talks rubbish"
    MEDIA_GARBAGE = "rubbish to the AudioSocket port"
    LINK_GARBAGE = "rubbish to the control link's port"
    HOOKS_DOWN = "webhook receiver down"


FOR_ALL = frozenset({Fault.CONTROLLER_KILLED, Fault.ASTERISK_KILLED})
"""All calls of the moment live in the part that dies; those that talk do not live in a controller, though."""
OF_WORKER = frozenset({Fault.WORKER_KILLED, Fault.WORKER_FROZEN, Fault.WORKER_STARVED})
OF_NOBODY = frozenset({Fault.MEDIA_GARBAGE, Fault.LINK_GARBAGE, Fault.HOOKS_DOWN})
"""No caller may hear anything of these."""

REST = {Fault.ASTERISK_KILLED: 7.0, Fault.CONTROLLER_KILLED: 7.0, Fault.AI_GONE: 3.0, **dict.fromkeys(OF_WORKER, 3.0)}
"""Seconds until the next strike, where it is not `SHORT_REST`: two blows at once are wanted, but not always."""
SHORT_REST = 1.0
FIRST = 4.0
"""Seconds of peace at the beginning, in which the first callers are answered."""


@dataclass(frozen=True, slots=True)
class Strike:
    """`at`: seconds after the beginning. `whom`: which of several, modulo how many there are."""

    at: float
    fault: Fault
    whom: int


@dataclass(frozen=True, slots=True)
class Talk:
    """One call of a caller: after so many seconds' pause, for so many seconds."""

    pause: float
    seconds: float


def strikes(seed: int, seconds: float) -> tuple[Strike, ...]:
    """In order of time. Every fault comes once before any comes a second time."""
    chance = random.Random(f"strikes {seed}")
    planned: list[Strike] = []
    deck: list[Fault] = []
    at = FIRST
    while at < seconds:
        if not deck:
            deck = list(Fault)
            chance.shuffle(deck)
        fault = deck.pop()
        planned.append(Strike(round(at, 2), fault, chance.randrange(1000)))
        at += REST.get(fault, SHORT_REST) * chance.uniform(0.6, 1.4)
    return tuple(planned)


def talks(seed: int, caller: int) -> Iterator[Talk]:
    """What one caller does, without end: all begin within the first seconds."""
    chance = random.Random(f"caller {seed} {caller}")
    pause = chance.uniform(0, FIRST - 1)
    while True:
        yield Talk(round(pause, 2), round(chance.uniform(6, 25), 2))
        pause = chance.uniform(0.2, 2)
