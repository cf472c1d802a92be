"""What the model may do with its call besides talking: rows of the call's table. [pure]

Each thing it asks for is answered once while it is there to read the answer. Transfers have their own rows.
"""

from datetime import datetime

from controller.calls.machine import commands, inputs
from controller.calls.machine.call import Call
from controller.calls.machine.plan import State
from controller.calls.machine.row import END, Always, Row, Rows, Steps, in_states

BACK = "The caller is back from hold and hears you."


def conversed(call: Call, _: inputs.Conversed, __: datetime) -> Steps:
    call.conversed = True
    return []


def refused(call: Call, what: inputs.ToolRefused, _: datetime) -> Steps:
    return call.refuse(what.tool_call, what.reason)


def not_now(call: Call, what: inputs.Tool, _: datetime) -> Steps:
    return call.refuse(what.tool_call, f"Not now: the call is {call.state.value}.")


def hang_up(call: Call, what: inputs.HangUpTool, now: datetime) -> Steps:
    """Refused before anybody has spoken: models have hung up on people who had just answered."""
    if not call.conversed:
        reason = "Not yet: nobody has said anything. Greet the caller, or wait for them to speak."
        return call.refuse(what.tool_call, reason)
    return call.end(now, by="agent")


def wait(call: Call, what: inputs.WaitTool, _: datetime) -> Steps:
    return call.answer(what.tool_call, "You are listening.", respond=False)


def send_digits(call: Call, what: inputs.SendDigitsTool, _: datetime) -> Steps:
    sent = commands.SendDigits(call.plan.leg, what.digits, what.tool_call)
    return [sent, *call.answer(what.tool_call, "The keys were pressed. Listen for what comes.", respond=False)]


def digits_not_sent(what: commands.SendDigits) -> Steps:
    """The answer to the tool call was dropped with the failed command in front of it."""
    return [commands.AnswerAiTool(what.tool_call, "The keys could not be pressed.", ok=False)] if what.tool_call else []


def run(_: Call, what: inputs.RunTool, __: datetime) -> Steps:
    return [commands.StartTool(what.tool_call, what.name, what.arguments)]


def done(call: Call, what: inputs.ToolDone, _: datetime) -> Steps:
    return call.answer(what.tool_call, what.output, what.ok, reason=what.reason)


# ---------------------------------------------------------------- hold


def hold(call: Call, what: inputs.HoldTool, _: datetime) -> Steps:
    call.state, call.hold_tool_call, call.held_by = State.HOLDING, what.tool_call, "agent"
    return [*call.pause(), commands.StartTimer("hold", what.seconds)]


def end_hold(call: Call, after: State, *, respond: bool = True) -> Steps:
    """Music and pause end, except for a transfer; `after`: the state then. Nothing if the caller is not on hold.

    `respond`: the model goes on talking at once.
    """
    tool_call, call.hold_tool_call, call.held_by = call.hold_tool_call, None, None
    if call.state is not State.HOLDING:
        return []
    call.state = after
    resumed = [] if after is State.TRANSFERRING else call.resume()
    return [commands.StopTimer("hold"), *resumed, *call.answer(tool_call, BACK, respond=respond)]


ROWS: Rows = {
    (State.TALKING, inputs.HangUpTool): Row(hang_up, to=END),
    (State.TALKING, inputs.HoldTool): Row(hold, to={State.HOLDING}),
    **in_states([State.TALKING, State.HOLDING], {inputs.SendDigitsTool: Row(send_digits), inputs.RunTool: Row(run)}),
    (State.TRANSFERRING, inputs.RunTool): Row(run),
}
ALWAYS: Always = {
    inputs.Conversed: Row(conversed),
    inputs.ToolRefused: Row(refused),
    inputs.WaitTool: Row(wait),
    inputs.ToolDone: Row(done),
    inputs.HangUpTool: Row(not_now),
    inputs.SendDigitsTool: Row(not_now),
    inputs.HoldTool: Row(not_now),
    inputs.VoicemailTool: Row(not_now),
    inputs.RunTool: Row(not_now),
    inputs.TransferAsked: Row(not_now),
}
