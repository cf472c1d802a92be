"""What operators tell the agent of a live call: to say something, an instruction, another agent. [pure]

Owns when it counts as told: when the input has become an order for the agent's worker.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

from bridge import contract
from controller.calls.machine import commands, inputs
from controller.calls.machine.call import Call

Action = Literal["say", "instruct", "switch_agent"]


@dataclass(frozen=True, slots=True)
class AgentInstructed:
    """`action`: `say` a text word for word, `instruct` the model, or `switch_agent`: the call goes on with another
    agent, or with other instructions (`text`)."""

    call: str
    by: str
    action: Action
    text: str | None = field(repr=False)
    agent: str
    """Who is told; with `switch_agent` the one that goes on."""
    agent_version: int | None = None


def instructed(call: Call, what: inputs.Input, batch: Iterable[commands.Command]) -> AgentInstructed | None:
    """`batch`: what the table has made of `what`. None: the agent was told nothing."""
    orders = [each.order for each in batch if isinstance(each, commands.OrderAi)]
    agent = call.plan.agent.name, call.plan.agent.version
    match what:
        case inputs.SayAsked() if any(isinstance(each, contract.Speak) for each in orders):
            return AgentInstructed(call.plan.call, what.by, "say" if what.exact else "instruct", what.text, *agent)
        case inputs.SwitchAsked() if any(isinstance(each, contract.SwitchAgent) for each in orders):
            return AgentInstructed(call.plan.call, what.by, "switch_agent", what.instructions, *agent)
    return None
