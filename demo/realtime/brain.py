"""What the stand-in says, and who decides it. [pure]

Owns the parts of which a reply is made, the `Brain` that chooses them, and `ToneBrain`, whose replies are
tones of a known frequency and length: a test that hears 440 Hz for 1.0 s knows what it heard.

Refuses to know the wire: a brain is asked for a reply and never sends anything itself.
"""

import itertools
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np

from demo.realtime.ears import RATE


@dataclass(frozen=True, slots=True)
class Say:
    """One spoken message item. `pcm` (24 kHz s16le) if given, else a tone of `seconds` at `hz`, whole Hertz."""

    text: str
    seconds: float = 1.0
    hz: int = 440
    pcm: bytes | None = None

    def audio(self) -> bytes:
        """24 kHz s16le."""
        return tone(self.seconds, self.hz) if self.pcm is None else self.pcm


@dataclass(frozen=True, slots=True)
class Write:
    """One message item of text and no audio, even in an audio session."""

    text: str


@dataclass(frozen=True, slots=True)
class CallTool:
    """One function call item. `call_id` None: made up by the server. `arguments` may be raw, broken JSON."""

    name: str
    arguments: Mapping[str, Any] | str = field(default_factory=dict)
    call_id: str | None = None


@dataclass(frozen=True, slots=True)
class Hang:
    """The response goes no further, and ends only if it is cancelled."""


@dataclass(frozen=True, slots=True)
class Fail:
    """The response ends here with status `failed`: where rate limits and quotas show."""

    code: str = "rate_limit_exceeded"
    message: str = "Rate limit reached."
    type: str = "invalid_request_error"


@dataclass(frozen=True, slots=True)
class Incomplete:
    """The response ends here with status `incomplete`: `max_output_tokens` or `content_filter`."""

    reason: str = "max_output_tokens"


Part = Say | Write | CallTool | Hang | Fail | Incomplete
Reply = tuple[Part, ...]
"""The output items of one response, in order. Empty: a response that says nothing."""


@dataclass(frozen=True, slots=True)
class Turn:
    """What a brain knows when it is asked to answer.

    `number` counts the responses of this session from 0. `instructions` are those of `response.create`; `said`
    is what the user said or wrote since the last answer; `outputs` are the tool results since then, as
    (tool name, output). `idle`: nobody spoke for `idle_timeout_ms`.
    """

    number: int
    instructions: str | None = None
    said: str | None = None
    outputs: tuple[tuple[str, str], ...] = ()
    tools: tuple[str, ...] = ()
    idle: bool = False


class Brain(Protocol):
    """Listens and answers. One brain serves all sessions of a server unless it is given a factory."""

    async def hear(self, pcm: bytes) -> str:
        """The words in a turn of the caller, 24 kHz s16le."""

    async def reply(self, turn: Turn) -> Reply:
        """The answer to a turn."""


class ToneBrain:
    """Replies from a list, one entry a response, then `forever` again and again.

    An entry is one part or a tuple of parts. What it hears is `words`, in turn, then "utterance N".
    """

    def __init__(
        self,
        replies: Iterable[Part | Reply] = (),
        *,
        forever: Part | Reply = Say("beep", seconds=1.0, hz=440),
        words: Iterable[str] = (),
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


def tone(seconds: float, hz: int, amplitude: float = 0.3) -> bytes:
    """A sine, 24 kHz s16le. Whole Hertz, so that one second repeats without a seam."""
    angles = 2 * np.pi * hz * np.arange(RATE) / RATE
    second = (amplitude * 32767 * np.sin(angles)).astype("<i2").tobytes()
    size = round(seconds * RATE) * 2
    return (second * (size // len(second) + 1))[:size]
