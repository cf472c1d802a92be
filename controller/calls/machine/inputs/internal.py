"""What one row of the call's table leaves to another: inputs that the table takes at once, in the state of then. [pure]

A row puts one among its commands where the commands of the other row belong. None of them leaves the table.
"""

from dataclasses import dataclass

from controller.calls.machine.outcome import Outcome


@dataclass(frozen=True, slots=True)
class AgentLost:
    """There is no agent any more. `elsewhere`: another worker could carry it."""

    why: str
    elsewhere: bool = True


@dataclass(frozen=True, slots=True)
class NextFallback:
    """What `on_ai_failure` says next is tried."""


@dataclass(frozen=True, slots=True)
class TransferAccepted:
    """The target of an attended transfer takes the caller."""


@dataclass(frozen=True, slots=True)
class TransferFailed:
    """`answer_tool`: the tool call by which the model has refused it."""

    outcome: Outcome
    answer_tool: str | None = None


@dataclass(frozen=True, slots=True)
class CallerBack:
    """A transfer has failed, and the caller is with the agent again."""

    outcome: Outcome


Internal = AgentLost | NextFallback | TransferAccepted | TransferFailed | CallerBack
