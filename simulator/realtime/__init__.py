"""A simulator of OpenAI's Realtime API in its GA form, for the demo and the tests.

The product talks to it where there is no key. It is strict on purpose: what OpenAI refuses is refused.
"""

from simulator.realtime.faults import (
    Answer,
    Close,
    Delivery,
    Drop,
    Fault,
    Freeze,
    Refuse,
    Repeat,
    Send,
    Skip,
    Stall,
    after,
    answer,
    before,
    error,
    expired,
    refuse,
)
from simulator.realtime.model import Model, ToneModel
from simulator.realtime.reply import CallTool, Fail, Hang, Incomplete, Part, Reply, Say, Turn, Write, tone
from simulator.realtime.server import RealtimeServer
from simulator.realtime.session import Session

__all__ = [
    "Answer",
    "Model",
    "CallTool",
    "Close",
    "Delivery",
    "Drop",
    "Fail",
    "Fault",
    "Freeze",
    "Hang",
    "Incomplete",
    "Part",
    "Refuse",
    "Repeat",
    "Reply",
    "Say",
    "Send",
    "Session",
    "Skip",
    "RealtimeServer",
    "Stall",
    "ToneModel",
    "Turn",
    "Write",
    "after",
    "answer",
    "before",
    "error",
    "expired",
    "refuse",
    "tone",
]
