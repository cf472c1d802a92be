"""Answers, and parts of requests: text_sessions. Made from the OpenAPI document (`make reference`). [pure]"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from voiceai_client.decoding import Model


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class TextEventAnswer(Model):
    number: int
    """From 1, without gaps."""
    at: datetime
    type: Literal["user", "agent", "tool_call", "tool_result", "turn", "ended"] | str
    """`turn`: the agent has finished, and it is the user's turn."""
    text: str | None
    """The text. `tool_result`: what the model reads. `ended`: how and why the session ended."""
    tool_call: str | None
    tool: str | None
    arguments: Mapping[str, Any] | None
    awaits_result: bool
    """In a `tool_call`: true if you must answer it with POST …/tool-results."""
    ok: bool | None
    """In a `tool_result`: false if the tool was refused or failed."""
    by: str | None
    """Of a `tool_result`: tool, test (`results`), hand, built_in, check (the arguments do not fit, or the destination
    is not allowed), nobody. Of `ended`: agent, user, limit, error."""
    to: str | None
    """If the session ended with a transfer: the destination, as the agent named it."""
    latency_ms: int | None
    """In a `turn`: how long the agent took."""
    cost: float | None
    """In `turn` and `ended`: US dollars so far."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class TextSessionAnswer(Model):
    id: str
    agent: str
    state: Literal["opening", "open", "ended"] | str
    users_turn: bool
    """true: the agent waits for a message of the user."""
    tools: Literal["call", "by_hand", "none"] | str
    began_at: datetime
    model: str
    turns: int
    """Messages of the user."""
    events: int
    """The number of the latest event."""
    cost: float
    """US dollars so far."""
    usage: Mapping[str, int]
    """Tokens so far, by kind."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class TextEventPage(Model):
    session: TextSessionAnswer
    events: tuple[TextEventAnswer, ...]


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class TextSessionPage(Model):
    sessions: tuple[TextSessionAnswer, ...]
    """Open ones first; those that have ended are kept for a while."""
