"""The demo's caller: listens, speaks, interrupts, asks for a human, and measures all of it at its own ear.

Owns the course of the conversation and the figures. Reacts to what it hears, as a person does: it waits until the
agent has finished, except once. Refuses to know the agent: the words go out and come back as sound.
"""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import soxr

from simulator.audio.sound import RATE, Samples, Stretch
from simulator.audio.speech import RATE as SPEECH_RATE, Speaker
from simulator.phone.phone import Phone

QUESTION = "what are your opening hours"
LONG_QUESTION = "tell me about your company"
INTERRUPTION = "stop talking please"
WISH = "please connect me to a person"
SAID = (QUESTION, LONG_QUESTION, INTERRUPTION, WISH)

COLLEAGUE_SAYS = "Hello, this is Ada at the front desk. I am a colleague, and I have just picked up my telephone."

MUSIC_OVER = 0.3  # seconds of silence after which the music on hold is believed to have ended
BEFORE_MUSIC = 0.1  # seconds between the agent's last word and the colleague's ringing, at the least
PAUSE = 1.0  # seconds of silence after which the other side is believed to have finished
PATIENCE = 15.0  # seconds that a caller waits for an answer
LISTENS_BEFORE_INTERRUPTING = 2.5

Tell = Callable[[str, str], None]


class CallerError(Exception):
    """The call did not go as it should. The text says what the caller missed."""


@dataclass(slots=True)
class Figures:
    """Milliseconds at the caller's ear, and every reply as it was heard."""

    greeting_ms: float = 0.0
    """From the answer to the first sound."""
    turns_ms: list[float] = field(default_factory=list)
    """From the end of the caller's last word to the agent's first sound."""
    cut_ms: float = 0.0
    """From the first sound of the interruption to the agent's silence."""
    replies: list[Stretch] = field(default_factory=list)


class Caller:
    """One conversation over a phone. `tell(who, text)` is told what the caller does and hears."""

    def __init__(self, phone: Phone, tell: Tell, voice: str = "en-us") -> None:
        self.figures = Figures()
        self._phone, self._rtp, self._tell = phone, phone.rtp, tell
        self._speaker = Speaker(voice, words_per_minute=150, pitch=62)

    async def converse(self) -> None:
        """From the answer to the wish to be connected. Raises CallerError, PhoneError."""
        answered = await self._phone.answered()
        self._tell("call", "answered")
        start = await self._hear("a greeting", answered.at)
        self.figures.greeting_ms = (start - answered.at) * 1000
        await self._listen_to_the_end(start)
        await self._ask(QUESTION)
        await self._interrupt(LONG_QUESTION, INTERRUPTION)
        await self._speak_to_agent(WISH)

    def hear_notice(self, rings: float) -> None:
        """What the agent said before the colleague's telephone rang; since then there is music."""
        said = next(s for s in reversed(self._rtp.stretches(PAUSE * 0.9)) if s.start < rings)
        self.figures.replies.append(said.until(rings - BEFORE_MUSIC))

    async def hear_colleague(self, colleague: Phone) -> None:
        """The transfer as the caller hears it: the music ends, then the voice of whoever answered, nobody else's."""
        await self._phone.rtp.quiet(MUSIC_OVER)
        voice = samples(await Speaker("en-gb", pitch=70).say(COLLEAGUE_SAYS))
        before = time.time()
        colleague.rtp.say(voice)
        start = await self._hear("the colleague", before)
        await self._phone.rtp.quiet(PAUSE)
        self._tell("call", f"transferred: the colleague is heard {(start - before) * 1000:.0f} ms after speaking up")

    async def _speak_to_agent(self, words: str) -> float:
        """Says it and waits for the answer; returns when that began."""
        end = await self._say(words)
        start = await self._hear("an answer", end)
        self.figures.turns_ms.append((start - end) * 1000)
        return start

    async def _ask(self, words: str) -> None:
        await self._listen_to_the_end(await self._speak_to_agent(words))

    async def _interrupt(self, words: str, interruption: str) -> None:
        start = await self._speak_to_agent(words)
        await asyncio.sleep(max(0.0, start + LISTENS_BEFORE_INTERRUPTING - time.time()))
        began = time.time()
        self._tell("caller", "interrupts")
        end = await self._say(interruption)
        silent = max((frame.at for frame in self._rtp.heard if frame.loud and frame.at <= end), default=began)
        self.figures.cut_ms = max(0.0, silent + 0.02 - began) * 1000
        if end - silent < 0.1:
            raise CallerError("the agent went on talking while it was interrupted")
        start = await self._hear("an answer to the interruption", end)
        self.figures.turns_ms.append((start - end) * 1000)
        self._keep_reply(began - LISTENS_BEFORE_INTERRUPTING - 0.5)
        await self._listen_to_the_end(start)

    async def _say(self, words: str) -> float:
        """Says it; returns when the last word was over."""
        speech = samples(await self._speaker.say(words))
        loud = np.flatnonzero(np.abs(speech.astype(np.int32)) > 500)
        self._rtp.say(speech)
        end = await self._rtp.spoken()
        return end - (len(speech) - int(loud[-1])) / RATE

    async def _hear(self, what: str, after: float) -> float:
        try:
            return await self._rtp.sound(after, timeout=PATIENCE)
        except TimeoutError:
            raise CallerError(f"the caller heard nothing for {PATIENCE:g} s where {what} was due") from None

    async def _listen_to_the_end(self, start: float) -> None:
        try:
            await self._rtp.quiet(PAUSE, timeout=40)
        except TimeoutError:
            raise CallerError("the agent does not stop talking") from None
        self._keep_reply(start)

    def _keep_reply(self, start: float) -> None:
        """The first stretch of sound since then."""
        self.figures.replies.append(next(s for s in self._rtp.stretches(PAUSE * 0.9) if s.end > start))


def samples(speech: bytes) -> Samples:
    """24 kHz speech as it goes over the telephone."""
    narrow = soxr.resample(np.frombuffer(speech, "<i2"), SPEECH_RATE, RATE)
    return np.asarray(narrow, np.int16)
