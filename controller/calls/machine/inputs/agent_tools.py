"""What the model asks for by calling a tool, as inputs of the call's queue. [pure]

Each is to be answered once (`commands.AnswerAiTool`). A transfer is asked for by `operators.TransferAsked`, as ops do.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class HangUpTool:
    """The model said goodbye, it was played in full, and it asks to end the call."""

    tool_call: str


@dataclass(frozen=True, slots=True)
class SendDigitsTool:
    """DTMF for the person's telephone or machine."""

    tool_call: str
    digits: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class HoldTool:
    """The caller is to hear music for this time."""

    tool_call: str
    seconds: float


@dataclass(frozen=True, slots=True)
class VoicemailTool:
    """The model hears an answering machine."""

    tool_call: str


@dataclass(frozen=True, slots=True)
class WaitTool:
    """The model wants to say nothing."""

    tool_call: str


@dataclass(frozen=True, slots=True)
class RunTool:
    """A tool over HTTP. Ends with `ToolDone`."""

    tool_call: str
    name: str
    arguments: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class DecideTool:
    """The target has told the agent whether it takes the call."""

    tool_call: str
    accept: bool


@dataclass(frozen=True, slots=True)
class ToolDone:
    """A tool over HTTP has answered or failed."""

    tool_call: str
    output: str = field(repr=False)
    ok: bool
    reason: str | None = None
    """Of a request that failed: as in `request_failure`."""


@dataclass(frozen=True, slots=True)
class ToolRefused:
    """The model may not have what it asked for. `reason`: what it gets to read."""

    tool_call: str
    reason: str


Asked = HangUpTool | SendDigitsTool | HoldTool | VoicemailTool | WaitTool | RunTool | DecideTool | ToolRefused
Input = Asked | ToolDone
