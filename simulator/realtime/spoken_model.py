"""The stand-in for a language model, by voice: hears (pocketsphinx), follows its instructions, speaks (espeak-ng).

It understands the phrases of `PHRASES` only. What it answers to each follows from the session's instructions.
"""

from simulator.audio.speech import Recogniser, Speaker
from simulator.realtime import receptionist
from simulator.realtime.instruction_model import reply_of
from simulator.realtime.reply import Part, Reply, Say, Turn, Write

PHRASES = (
    *receptionist.PHRASES,
    "are you open on saturday",
    "until when are you open on fridays",
    "i would like to speak to a person please",
    "i would like to know when the office is open",
    "i would like to know when the office opens",
    "yes please",
    "thank you good bye",
)


class SpokenModel:
    """One for all sessions."""

    def __init__(self, voice: str = "en-us") -> None:
        self._speaker = Speaker(voice)
        self._recogniser = Recogniser(PHRASES)

    async def hear(self, pcm: bytes) -> str:
        """One of PHRASES, or ""."""
        return await self._recogniser.hear(pcm)

    async def reply(self, turn: Turn) -> Reply:
        parts = reply_of(turn)
        return tuple([await self._part(part) for part in parts]) if turn.spoken else parts

    async def _part(self, part: Part) -> Part:
        return Say(part.text, pcm=await self._speaker.say(part.text)) if isinstance(part, Write) else part

    def close(self) -> None:
        """End the recogniser's thread."""
        self._recogniser.close()
