"""What decides what the simulator says.

Owns the `Model` that a session asks, and `ToneModel`, whose replies are tones of a known frequency and length: a
test that hears 440 Hz for 1.0 s knows what it heard. A model sends nothing itself.
"""

import itertools
from collections.abc import Iterable
from typing import Protocol

from simulator.realtime.reply import Part, Reply, Say, Turn

BEEP = Say("beep", seconds=1.0, hz=440)


class Model(Protocol):
    """Listens and answers. One model serves all sessions of a server unless it is given a factory."""

    async def hear(self, pcm: bytes) -> str:
        """The words in a turn of the caller, 24 kHz s16le."""

    async def reply(self, turn: Turn) -> Reply:
        """The answer to a turn."""


class ToneModel:
    """Replies from a list, one entry a response, then `forever` again and again.

    An entry is one part or a tuple of parts. What it hears is `words`, in turn, then "utterance N".
    """

    def __init__(
        self, replies: Iterable[Part | Reply] = (), *, forever: Part | Reply = BEEP, words: Iterable[str] = ()
    ) -> None:
        self._replies = itertools.chain(replies, itertools.repeat(forever))
        self._words = itertools.chain(words, (f"utterance {number}" for number in itertools.count(1)))
        self.turns: list[Turn] = []

    async def hear(self, pcm: bytes) -> str:
        """The next scripted words."""
        return next(self._words)

    async def reply(self, turn: Turn) -> Reply:
        """The next scripted reply."""
        self.turns.append(turn)
        reply = next(self._replies)
        return reply if isinstance(reply, tuple) else (reply,)
