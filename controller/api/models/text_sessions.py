"""Bodies and answers of text sessions: conversations with an agent by typing. [pure]"""

from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from controller.api.models.base import Answer, Body, Moment, Variables
from controller.api.models.live_calls import Words

Result = Annotated[str, StringConstraints(max_length=16_384, pattern=r"^[^\x00]*$")]
Prompt = Annotated[
    str, StringConstraints(min_length=1, max_length=65_536, pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$")
]
ToolName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,64}$")]


class OpenTextSession(Body):
    draft: bool = False
    """The agent's draft, instead of what is published."""
    tools: Literal["call", "by_hand", "none"] = "call"
    """Tools over HTTP: `call`: they are really asked; `by_hand`: you answer them (POST …/tool-results); `none`: the
    model is told that they were not run. Built-in tools are never carried out, only told. Remote tool servers (MCP) are
    there with `call` only: the AI provider asks them by itself."""
    results: Annotated[dict[ToolName, Result], Field(max_length=64)] = Field(default_factory=dict)
    """By the tool's name: what it answers, instead of being asked. A `transfer` with one fails with it, and the
    conversation goes on."""
    variables: Variables = Field(default_factory=dict)
    """Fill `{{name}}` in the agent's texts."""
    instructions: Prompt | None = None
    """Replace the agent's own for this session; they are no template."""


class TypeMessage(Body):
    text: Words
    """What the user says. It must be their turn."""


class ToolResult(Body):
    tool_call: Annotated[str, StringConstraints(min_length=1, max_length=256)]
    """Of the event that awaits a result."""
    output: Result
    """What the model reads."""
    ok: bool = True
    """false: the tool failed."""


class TextEventQuery(Body):
    after: int = Field(0, ge=0)
    """The number of the last event that you have."""
    wait_s: float = Field(0.0, ge=0, le=30)
    """If there is no later one: wait for it, at most for so many seconds."""


class TextEventAnswer(Answer):
    number: int
    """From 1, without gaps."""
    at: Moment
    type: Literal["user", "agent", "tool_call", "tool_result", "turn", "ended"]
    """`turn`: the agent has finished, and it is the user's turn."""
    text: str | None
    """What was said; of a `tool_result` what the model reads; of `ended` how, and why."""
    tool_call: str | None
    tool: str | None
    arguments: dict[str, Any] | None
    awaits_result: bool
    """Of a `tool_call`: answer it with POST …/tool-results."""
    ok: bool | None
    """Of a `tool_result`: false for a refusal or a failure."""
    by: str | None
    """Of a `tool_result`: tool, test (`results`), hand, built_in, check (the arguments do not fit, or the destination
    is not allowed), nobody. Of `ended`: agent, user, limit, error."""
    to: str | None
    """Of an end by a transfer: the destination, as the agent named it."""
    latency_ms: int | None
    """Of a `turn`: how long the agent took."""
    cost: float | None
    """Of a `turn` and of `ended`: US dollars so far."""


class TextSessionAnswer(Answer):
    id: str
    agent: str
    state: Literal["opening", "open", "ended"]
    users_turn: bool
    """A message may be sent."""
    tools: Literal["call", "by_hand", "none"]
    began_at: Moment
    model: str
    turns: int
    """Messages of the user."""
    events: int
    """The number of the latest event."""
    cost: float
    """US dollars so far."""
    usage: dict[str, int]
    """Tokens so far, by kind."""


class TextEventPage(Answer):
    session: TextSessionAnswer
    events: tuple[TextEventAnswer, ...]


class TextSessionPage(Answer):
    sessions: tuple[TextSessionAnswer, ...]
    """Open ones first; those that have ended are kept for a while."""
