"""Bodies and answers of tests of agents. [pure]"""

from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from controller.api.models.base import Answer, Body, Name
from controller.api.models.text_sessions import Prompt
from controller.config.models.agent_tests import AgentTest


class RunAgentTests(Body):
    tests: Annotated[tuple[Name, ...], Field(max_length=200)] | None = Field(None, strict=False)
    """Names from the agent's `tests`. null: all tests, unless there are `cases`."""
    cases: Annotated[dict[Name, AgentTest], Field(max_length=200)] = Field(default_factory=dict)
    """Further tests, in the form of `agents.*.tests` in the config."""
    repeat: int = Field(1, ge=1, le=100)
    """How often each test is run."""
    instructions: Prompt | None = None
    """Instructions instead of the agent's own. They are not a template."""
    draft: bool = False
    """true: the draft of the agent with its tests, instead of the published version."""
    version: int | None = Field(None, ge=1, le=2**31 - 1)
    """This version of the agent, with its tests."""

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if self.draft and self.version is not None:
            raise ValueError("draft and version exclude each other")
        return self


class AgentTestList(Answer):
    tests: dict[str, Any]
    """As in the config, defaults included."""


class VerdictAnswer(Answer):
    check: str
    passed: bool
    why: str
    """What was found instead."""


class ConversationLine(Answer):
    """What was said, or a tool that was called."""

    who: Literal["caller", "agent", "tool"]
    text: str
    """Of a tool: its name."""
    arguments: dict[str, Any] | None


class AgentTestRun(Answer):
    """`data` of the stream's events `result`."""

    test: str
    number: int
    """Of this run of the test, from 1."""
    passed: bool
    error: str | None
    """Why it could not be run to its end."""
    seconds: float
    cost: float
    """US dollars, of the agent and of the models that play and judge."""
    ended_by: str | None
    ended_how: str
    transferred_to: str | None
    latencies_ms: tuple[int, ...]
    verdicts: tuple[VerdictAnswer, ...]
    conversation: tuple[ConversationLine, ...]


class AgentTestsDone(Answer):
    """`data` of the stream's last event, `done`."""

    runs: int
    failed: int
    cost: float
