"""What happens in a text session, as numbered events, and how it came to its end. [pure]

Texts and arguments are personal and in no repr.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

EventType = Literal["user", "agent", "tool_call", "tool_result", "turn", "ended"]
EndedBy = Literal["agent", "user", "limit", "error"]
ResultBy = Literal["tool", "test", "hand", "built_in", "check", "nobody"]
"""Who has answered a tool call: the tool itself, a result that the test gives, somebody by hand, a built-in tool as in
a call, the check of the arguments, or nobody, since no tool is run."""


@dataclass(frozen=True, slots=True)
class TextEvent:
    """`number` counts from 1. Which of the others are there depends on `type`."""

    number: int
    at: datetime
    type: EventType
    text: str | None = field(default=None, repr=False)
    """What the user or the agent says; the result of a tool; why the session ended."""
    tool_call: str | None = None
    tool: str | None = None
    arguments: Mapping[str, Any] | None = field(default=None, repr=False)
    awaits_result: bool = False
    """Of a tool call: somebody has to answer it by hand."""
    ok: bool | None = None
    """Of a result: the tool did what it was asked to."""
    by: str | None = None
    """Of a result `ResultBy`, of an end `EndedBy`."""
    to: str | None = None
    """Of an end by a transfer: its destination, as the agent named it."""
    latency_ms: int | None = None
    """Of the user's turn: how long the agent took, without the time of tools that were answered by hand."""
    cost: float | None = None
    """US dollars so far, of a turn and of the end."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a session ended. `how` of the agent: hang_up, transfer or voicemail; of others: why."""

    by: EndedBy
    how: str
    to: str | None = None
    detail: str = ""
