"""What happens in calls that is worth counting, for whoever counts. [pure]

Owns the shapes. Call control says each once, as it happens; what workers tell of a call (`contract.CallEvent`) goes
the same way. Seconds throughout; nothing personal.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from bridge.contract import CallEvent

Direction = Literal["inbound", "outbound"]


@dataclass(frozen=True, slots=True)
class CallBegan:
    direction: Direction


@dataclass(frozen=True, slots=True)
class CallerRefused:
    """A caller for whom no call began."""

    reason: Literal["busy", "no_route"]


@dataclass(frozen=True, slots=True)
class CallGreeted:
    """The agent was told to greet. `answer_s`: from arrival (or the request to dial) to the answer."""

    direction: Direction
    answer_s: float
    greet_s: float
    """From the answer."""


@dataclass(frozen=True, slots=True)
class CallOver:
    direction: Direction
    outcome: str
    talked_s: float
    """From the answer; 0 for a call that was not answered."""


@dataclass(frozen=True, slots=True)
class ToolTimed:
    """A tool was answered. `tool` is one that the agent has, or `unknown`: models make up names."""

    tool: str
    seconds: float
    ok: bool


Milestone = CallBegan | CallerRefused | CallGreeted | CallOver | ToolTimed | CallEvent
Observe = Callable[[Milestone], None]


def unobserved(_: Milestone) -> None:
    """For those who do not count."""
