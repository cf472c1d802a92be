"""Sound that can be recognised: every 20 ms frame carries the number of its call and its own number. [pure]

Owns the two stamps in the first bytes of a frame: the caller's (towards the AI) and the agent's (towards the caller).
With them it is seen on the far side what was lost, doubled, crossed or late. A frame without a stamp is silence that
somebody filled in.
"""

import struct
from dataclasses import dataclass

FRAME_BYTES = 960  # 20 ms, 24 kHz, s16le mono

_CALLER = struct.Struct("<HHIH")  # mark, call, sequence, speaking
_AGENT = struct.Struct("<HHII")  # mark, call, reply, frame of the reply
_CALLER_MARK = 0x5AC1
_AGENT_MARK = 0x5AA9


@dataclass(frozen=True, slots=True)
class CallerFrame:
    call: int
    sequence: int
    speaking: bool


@dataclass(frozen=True, slots=True)
class AgentFrame:
    call: int
    reply: int
    frame: int


def caller_frame(call: int, sequence: int, speaking: bool) -> bytes:
    """960 bytes. Speech is a square wave, so that a recording of it can be looked at; silence is zeros."""
    stamp = _CALLER.pack(_CALLER_MARK, call, sequence, speaking)
    return stamp + (_SPEECH if speaking else _QUIET)


def read_caller_frame(pcm: bytes) -> CallerFrame | None:
    mark, call, sequence, speaking = _CALLER.unpack_from(pcm)
    return CallerFrame(call, sequence, bool(speaking)) if mark == _CALLER_MARK else None


def agent_sound(call: int, reply: int, first: int, frames: int) -> bytes:
    """Frames `first` and following of a reply."""
    return b"".join(_AGENT.pack(_AGENT_MARK, call, reply, first + each) + _VOICE for each in range(frames))


def read_agent_frame(pcm: bytes) -> AgentFrame | None:
    mark, call, reply, frame = _AGENT.unpack_from(pcm)
    return AgentFrame(call, reply, frame) if mark == _AGENT_MARK else None


def _square(size: int, period: int, level: int) -> bytes:
    up, down = struct.pack("<h", level) * period, struct.pack("<h", -level) * period
    return ((up + down) * (size // (4 * period) + 1))[:size]


_QUIET = bytes(FRAME_BYTES - _CALLER.size)
_SPEECH = _square(len(_QUIET), 24, 3000)
_VOICE = _square(FRAME_BYTES - _AGENT.size, 40, 4000)
