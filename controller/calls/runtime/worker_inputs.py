"""What workers report about a call, as inputs of its machine. [pure]

Owns that translation, and the check of what the model asks for: a destination, digits, seconds. Events that the machine
does not need (words, latencies, costs) become no input, except that somebody was heard.
"""

import re

from bridge import contract
from controller.calls.machine import consultation, inputs
from controller.calls.machine.plan import Plan
from controller.calls.planning import planner
from controller.calls.tools.definitions import HOLD_S, LONGEST_S
from controller.config import Config
from controller.dialing import numbers
from controller.dialing.numbers import DIGITS

HOLD_DEFAULT_S = 30.0
RING_LONGEST_S = LONGEST_S - 10.0
"""Seconds that a transfer by the model may ring: it must fail before its worker gives up waiting for the tool."""

_DIGITS = re.compile(DIGITS)


def inputs_of(config: Config, plan: Plan, event: contract.CallEvent) -> list[inputs.Input]:
    match event:
        case contract.Ready():
            return [inputs.AiReady()]
        case contract.Failed(refused=True):
            return [inputs.SessionRefused(event.message)]
        case contract.Failed():
            return [inputs.AiFailed(event.kind, event.message)]
        case contract.MediaConnected():
            return [inputs.MediaFlowing()]
        case contract.CallerAudio():
            return [inputs.CallerAudio(event.flowing)]
        case contract.MediaGone():
            return [inputs.MediaLost(event.reason)]
        case contract.Said() | contract.TurnMeasured() | contract.BargedIn():
            return [inputs.Conversed()]
        case contract.DigitPressed():
            return [inputs.Conversed(), inputs.DigitPressed(event.digit)]
        case contract.ToolCalled():
            return [tool_input(config, plan, event)]
        case contract.RecordingState():
            return [inputs.RecordingTold(event.state)]
        case contract.WrapUpDone():
            return [inputs.LastSaid(event.why)]
        case contract.Ended():
            return [inputs.SessionOver(event.reason, event.counters)]
    return []


def tool_input(config: Config, plan: Plan, called: contract.ToolCalled) -> inputs.Input:
    """One input, whatever the model has put into the arguments; never raises."""
    tool_call, given = called.tool_call, called.arguments
    if called.name in consultation.NAMES:
        return inputs.DecideTool(tool_call, accept=called.name == "accept_transfer")
    if called.name not in {tool.name for tool in plan.agent.spec.tools}:
        return inputs.ToolRefused(tool_call, f"There is no tool named {called.name}.")
    match called.name:
        case "hang_up":
            return inputs.HangUpTool(tool_call)
        case "transfer":
            return _transfer(config, plan, tool_call, str(given.get("to", "")))
        case "send_dtmf":
            digits = str(given.get("digits", ""))
            if not _DIGITS.fullmatch(digits):
                return inputs.ToolRefused(tool_call, "These are no keys: 1 to 32 of 0 to 9, *, # and w for a pause.")
            return inputs.SendDigitsTool(tool_call, digits)
        case "hold":
            seconds = given.get("seconds", HOLD_DEFAULT_S)
            if isinstance(seconds, bool) or not isinstance(seconds, int | float) or seconds != seconds:  # NaN
                return inputs.ToolRefused(tool_call, "`seconds` must be a number.")
            return inputs.HoldTool(tool_call, float(min(max(seconds, HOLD_S[0]), HOLD_S[1])))
        case "voicemail":
            return inputs.VoicemailTool(tool_call)
        case "wait_for_user":
            return inputs.WaitTool(tool_call)
    return inputs.RunTool(tool_call, called.name, given)


def _transfer(config: Config, plan: Plan, tool_call: str, to: str) -> inputs.Input:
    try:
        target = planner.transfer_target(config, plan.agent.name, to, plan.trunk, longest=RING_LONGEST_S, by_tool=True)
    except numbers.NotAllowed as refusal:
        return inputs.ToolRefused(tool_call, str(refusal))
    return inputs.TransferAsked(target, by="agent", tool_call=tool_call, decide=config.transfer.decide_s)
