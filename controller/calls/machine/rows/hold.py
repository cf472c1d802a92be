"""Hold by ops: music for the caller and a paused agent, until ops end it. Rows of the call's table. [pure]

The agent's own hold (`agent_tools`) ends by itself; ops may end it sooner, or take it over so that it lasts.
"""

from datetime import datetime

from controller.calls.machine import commands, inputs
from controller.calls.machine.call import Call
from controller.calls.machine.plan import State
from controller.calls.machine.row import Row, Rows, Steps
from controller.calls.machine.rows import agent_tools, wrap_up

KEPT = "The caller stays on hold until somebody else ends it."


def asked(call: Call, what: inputs.HoldAsked, _: datetime) -> Steps:
    call.state, call.held_by = State.HOLDING, what.by
    return call.pause()


def taken_over(call: Call, what: inputs.HoldAsked, _: datetime) -> Steps:
    tool_call, call.hold_tool_call, call.held_by = call.hold_tool_call, None, what.by
    return [commands.StopTimer("hold"), *call.answer(tool_call, KEPT, respond=False)]


def resumed(call: Call, _: inputs.ResumeAsked, __: datetime) -> Steps:
    return agent_tools.end_hold(call, State.TALKING)


def time_up(call: Call, what: inputs.TimeUp, now: datetime) -> Steps:
    """Ends the agent's hold. That of ops has no limit."""
    if what.timer == "hold":
        return agent_tools.end_hold(call, State.TALKING) if call.hold_tool_call else []
    return wrap_up.time_up(call, what, now)


def tool_done(call: Call, what: inputs.ToolDone, _: datetime) -> Steps:
    """If the agent has put the caller on hold, it was most likely for this tool: the hold ends."""
    held = agent_tools.end_hold(call, State.TALKING, respond=False) if call.hold_tool_call else []
    return [*held, *call.answer(what.tool_call, what.output, what.ok, reason=what.reason)]


ROWS: Rows = {
    (State.TALKING, inputs.HoldAsked): Row(asked, to={State.HOLDING}),
    (State.HOLDING, inputs.HoldAsked): Row(taken_over),
    (State.HOLDING, inputs.ResumeAsked): Row(resumed, to={State.TALKING}),
    (State.HOLDING, inputs.ToolDone): Row(tool_done, to={State.TALKING}),
    (State.HOLDING, inputs.TimeUp): Row(time_up, to={State.TALKING, State.CLOSING}),
}
