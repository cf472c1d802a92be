"""The model that follows the instructions of its session: in text, or spoken as tones.

What it says and does is decided in `instructions`. Given words (a greeting, an announcement) are said as they are.
"""

import re

from simulator.realtime.instructions import HELP, follow
from simulator.realtime.reply import Part, Reply, Say, Turn, Write

QUOTED = re.compile(r'["“](.+)["”]', re.DOTALL)
ANYBODY = "Are you still there?"
MS_PER_CHARACTER = 0.06


def reply_of(turn: Turn) -> Reply:
    """The answer to a turn, in text."""
    if turn.instructions:
        quoted = QUOTED.search(turn.instructions)
        return (Write(quoted[1] if quoted else HELP),)
    if turn.idle:
        return (Write(ANYBODY),)
    if turn.said is None and not turn.outputs:
        return (Write(HELP),)
    return follow(turn.prompt, turn.said, turn.tools, turn.descriptions, turn.outputs)


class InstructionModel:
    """Hears nothing: for sessions in text, or for callers whose words are scripted (`words`, in turn)."""

    def __init__(self, words: tuple[str, ...] = ()) -> None:
        self._words = list(words)

    async def hear(self, pcm: bytes) -> str:
        """The next scripted words, or none."""
        return self._words.pop(0) if self._words else ""

    async def reply(self, turn: Turn) -> Reply:
        """Text; in a session with sound a tone as long as the words."""
        parts = reply_of(turn)
        return tuple(map(_spoken, parts)) if turn.spoken else parts


def _spoken(part: Part) -> Part:
    return Say(part.text, seconds=max(0.3, len(part.text) * MS_PER_CHARACTER)) if isinstance(part, Write) else part
