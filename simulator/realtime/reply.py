"""The parts of which a reply is made, and what is known when one is asked for. [pure]

Owns the types that a model and a response share. A tone of known frequency and length stands for speech in tests.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from simulator.realtime.vad import RATE


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
    """What a model knows when it is asked to answer.

    `number` counts the responses of this session from 0. `instructions` are those of `response.create`; `said`
    is what the user said or wrote since the last answer; `outputs` are the tool results since then, as
    (tool name, output); `tools` the functions on offer, with the JSON Schema of their arguments. `idle`: nobody
    spoke for `idle_timeout_ms`.
    """

    number: int
    instructions: str | None = None
    said: str | None = None
    outputs: tuple[tuple[str, str], ...] = ()
    tools: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    idle: bool = False
    prompt: str = ""
    """The session's instructions."""
    descriptions: Mapping[str, str] = field(default_factory=dict)
    """Of the tools, by name."""
    spoken: bool = True
    """The answer is to be sound; False: text."""


def tone(seconds: float, hz: int, amplitude: float = 0.3) -> bytes:
    """A sine, 24 kHz s16le. Whole Hertz, so that one second repeats without a seam."""
    angles = 2 * np.pi * hz * np.arange(RATE) / RATE
    second = (amplitude * 32767 * np.sin(angles)).astype("<i2").tobytes()
    size = round(seconds * RATE) * 2
    return (second * (size // len(second) + 1))[:size]
