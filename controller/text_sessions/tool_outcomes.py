"""What a tool call of the model would do in a call, without a call. [pure]

Owns the answers of the built-in tools in a text session. Arguments and destinations are checked as in a call
(`calls.runtime.worker_inputs`, `calls.tools.request`).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bridge import contract
from controller.calls.machine import inputs
from controller.calls.machine.plan import AgentPlan, Plan
from controller.calls.machine.rows.agent_tools import BACK
from controller.calls.runtime.worker_inputs import tool_input
from controller.calls.tools.request import BadArguments, request_of
from controller.config import Config
from controller.text_sessions.events import Ending, ResultBy

NOT_RUN = "This is a test: the tool was not run."
NOBODY_SPOKE = "Not yet: nobody has said anything. Greet the caller, or wait for them to speak."


@dataclass(frozen=True, slots=True)
class Answered:
    """The model reads `output`. `respond` False: it is not asked to say anything about it."""

    output: str = field(repr=False)
    ok: bool
    by: ResultBy
    respond: bool = True


@dataclass(frozen=True, slots=True)
class Ends:
    """The agent's part of the call ends here."""

    ending: Ending


@dataclass(frozen=True, slots=True)
class Runs:
    """A tool over HTTP, whose arguments fit."""

    name: str
    arguments: Mapping[str, Any] = field(repr=False)


Outcome = Answered | Ends | Runs


def plan_of(session: str, agent: AgentPlan) -> Plan:
    """A call that is none: for the rules that ask for one."""
    return Plan(session, "inbound", "", agent, {})


def outcome_of(
    config: Config, plan: Plan, called: contract.ToolCalled, results: Mapping[str, str], *, conversed: bool
) -> Outcome:
    """`results`: the answers that were given beforehand, by the tool's name; a transfer with one has failed with it.
    `conversed`: somebody has said something."""
    what = tool_input(config, plan, called)
    given = results.get(called.name)
    match what:
        case inputs.ToolRefused(reason=reason):
            return Answered(reason, False, "check")
        case inputs.RunTool(name=name, arguments=arguments):
            if (misfit := _misfit(config, name, arguments)) is not None:
                return Answered(misfit, False, "check")
            return Runs(name, arguments) if given is None else Answered(given, True, "test")
        case _ if given is not None:
            return Answered(given, not isinstance(what, inputs.TransferAsked), "test")
        case inputs.HangUpTool() if not conversed:
            return Answered(NOBODY_SPOKE, False, "built_in")
        case inputs.HangUpTool():
            return Ends(Ending("agent", "hang_up"))
        case inputs.TransferAsked(target=target):
            to = str(called.arguments.get("to", ""))
            return Ends(Ending("agent", "transfer", to, f"{target.kind} transfer to {target.shown}"))
        case inputs.VoicemailTool():
            return Ends(Ending("agent", "voicemail"))
        case inputs.SendDigitsTool():
            return Answered("The keys were pressed. Listen for what comes.", True, "built_in", respond=False)
        case inputs.HoldTool():
            return Answered(BACK, True, "built_in")
        case inputs.WaitTool():
            return Answered("You are listening.", True, "built_in", respond=False)
    return Answered("That can't be done here.", False, "built_in")


def _misfit(config: Config, name: str, arguments: Mapping[str, Any]) -> str | None:
    """Why the tool would not be asked with these arguments."""
    try:
        request_of(config.http_tools[name], arguments)
    except BadArguments as refusal:
        return str(refusal)
    return None
