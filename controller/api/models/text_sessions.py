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
    """true: the draft of the agent instead of the published version."""
    tools: Literal["call", "by_hand", "none"] = "call"
    """HTTP tools. `call`: they are really called. `by_hand`: you answer them (POST …/tool-results). `none`: the model
    gets an error. Built-in tools are only reported, never executed. Remote tool servers (MCP) are available only with
    `call`, because the AI provider calls them."""
    results: Annotated[dict[ToolName, Result], Field(max_length=64)] = Field(default_factory=dict)
    """Answers of tools by name. These tools are not called. A `transfer` with an answer fails with it, and the
    conversation continues."""
    variables: Variables = Field(default_factory=dict)
    """Values for `{{name}}` in the agent's texts."""
    instructions: Prompt | None = None
    """Instructions instead of the agent's own. They are not a template."""


class TypeMessage(Body):
    text: Words
    """What the user says. It must be their turn."""


class ToolResult(Body):
    tool_call: Annotated[str, StringConstraints(min_length=1, max_length=256)]
    """The `tool_call` of the event that awaits a result."""
    output: Result
    """What the model reads."""
    ok: bool = True
    """false: the tool failed."""


class TextEventQuery(Body):
    after: int = Field(0, ge=0)
    """The number of the last event that you have received."""
    wait_s: float = Field(0.0, ge=0, le=30)
    """If there is no later event, wait for one, at most for this many seconds."""


class TextEventAnswer(Answer):
    number: int
    """From 1, without gaps."""
    at: Moment
    type: Literal["user", "agent", "tool_call", "tool_result", "turn", "ended"]
    """`turn`: the agent has finished, and it is the user's turn."""
    text: str | None
    """The text. `tool_result`: what the model reads. `ended`: how and why the session ended."""
    tool_call: str | None
    tool: str | None
    arguments: dict[str, Any] | None
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


class TextSessionAnswer(Answer):
    id: str
    agent: str
    state: Literal["opening", "open", "ended"]
    users_turn: bool
    """true: the agent waits for a message of the user."""
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
