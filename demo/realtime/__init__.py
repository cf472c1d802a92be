"""A stand-in for OpenAI's Realtime API in its GA form, for the demo and the tests.

Owns nothing of the product: it is what the product talks to when there is no key. Strict on purpose.
"""

from demo.realtime.brain import Brain, ToneBrain
from demo.realtime.faults import (
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
from demo.realtime.reply import CallTool, Fail, Hang, Incomplete, Part, Reply, Say, Turn, Write, tone
from demo.realtime.server import StandIn
from demo.realtime.session import Session

__all__ = [
    "Answer",
    "Brain",
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
    "StandIn",
    "Stall",
    "ToneBrain",
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
