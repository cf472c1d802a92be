"""What one row of the call's table leaves to another: inputs that the table takes at once, in the state of then. [pure]

A row puts one behind its commands, where the commands of the other row belong. None of them leaves the table.
"""

from dataclasses import dataclass

from controller.calls.machine.outcome import Outcome
from controller.calls.machine.types import Target


@dataclass(frozen=True, slots=True)
class Started:
    """The call begins."""


@dataclass(frozen=True, slots=True)
class Unserved:
    """There never was an agent for this caller, who has just come or has waited in vain."""

    why: str


@dataclass(frozen=True, slots=True)
class AgentLost:
    """There is no agent any more. `elsewhere`: another worker could carry it."""

    why: str
    elsewhere: bool = True


@dataclass(frozen=True, slots=True)
class NoAgentLeft:
    """No worker can carry the agent of this call. `in_bridge`: the caller is in the call's bridge."""

    why: str
    in_bridge: bool


@dataclass(frozen=True, slots=True)
class NextFallback:
    """What `on_ai_failure` says next is tried."""


@dataclass(frozen=True, slots=True)
class StartTransfer:
    """The target is dialled, or the caller sent to it by REFER. `by`: as in `TransferAsked`."""

    target: Target
    by: str


@dataclass(frozen=True, slots=True)
class TransferAccepted:
    """The target takes the caller: the two are joined."""


@dataclass(frozen=True, slots=True)
class TransferFailed:
    """The target does not take the caller. `answer_tool`: the tool call by which the model has said so."""

    outcome: Outcome
    answer_tool: str | None = None


@dataclass(frozen=True, slots=True)
class CallerBack:
    """A transfer has failed, and the caller is with the agent again. `answer_tool`: as in `TransferFailed`."""

    outcome: Outcome
    answer_tool: str | None = None


Internal = (
    Started
    | Unserved
    | AgentLost
    | NoAgentLeft
    | NextFallback
    | StartTransfer
    | TransferAccepted
    | TransferFailed
    | CallerBack
)
