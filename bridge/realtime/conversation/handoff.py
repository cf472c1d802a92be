"""Which agent speaks: the parts of a conversation that go by its spec, and what follows when it changes. [pure]

Owns who is told of another agent. What is being said is said to its end, tools that run go on, and what is on order
(hold, mute, last words) stays as it is. The greeting is not said again, and what happens when the far end holds sound
back does not depend on the agent.
"""

from collections.abc import Sequence
from typing import Protocol

from bridge.contract import Order, SessionSpec, Switch
from bridge.realtime.conversation.agent_commands import AgentCommands
from bridge.realtime.conversation.dtmf import DtmfCollector
from bridge.realtime.conversation.no_input import NoInputPolicy
from bridge.realtime.conversation.tool_calls import ToolCalls
from bridge.realtime.conversation.turn_detection import TurnDetection

FIXED = ("provider", "fallbacks", "voice", "speed", "reasoning_effort")
"""What a session cannot change once it has spoken (OpenAI: `voice` is fixed after the first audio, the model always;
`speed` can be changed between turns only)."""


def needs_new_line(old: SessionSpec, new: SessionSpec) -> bool:
    """Whether `new` is in full force on another connection only."""
    return any(getattr(old, name) != getattr(new, name) for name in FIXED)


def is_so(order: Order, spec: SessionSpec) -> bool:
    """It only makes sure of an agent, which speaks already."""
    if not isinstance(order, Switch) or not order.again:
        return False
    return (order.spec.agent, order.spec.instructions) == (spec.agent, spec.instructions)


class BySpec(Protocol):
    """A part that takes from the spec what it needs."""

    def adopt(self, spec: SessionSpec) -> None: ...


class AgentHandoff:
    """See the module."""

    def __init__(
        self,
        by_spec: Sequence[BySpec],
        ears: TurnDetection,
        orders: AgentCommands,
        tools: ToolCalls,
        idle: NoInputPolicy,
        digits: DtmfCollector,
    ) -> None:
        self._by_spec = by_spec
        self._ears = ears
        self._orders = orders
        self._tools = tools
        self._idle = idle
        self._digits = digits

    def switch(self, spec: SessionSpec) -> None:
        """Another agent, or the same with other instructions."""
        for part in self._by_spec:
            part.adopt(spec)
        self._orders.spec = spec
        self._tools.adopt(spec.tools)
        self._idle.adopt(spec.idle)
        self._digits.actions = spec.digit_actions
        self._ears.adopt(spec)
