"""An attended transfer: agent and target talk before the caller is given away. Rows of the call's table. [pure]

Owns the state CONSULTING. The target has answered; the media leg stands with it in a bridge of their own, while the
caller hears music in the call's. The agent has the tools of a consultation instead of its own.

    the target presses 1, the agent calls `accept_transfer`, or ops accept     caller and target are joined
    it presses 2, the agent calls `refuse_transfer`, or ops refuse             declined: the caller is back
    it hangs up                                                                declined: the caller is back
    `decide` seconds pass                                                      no answer: the caller is back
    ops cancel                                                                 cancelled: the caller is back
    the agent is lost                                                          joined: it has picked up, after all
    the caller hangs up                                                        the target is hung up, with no word said
"""

from datetime import datetime

from bridge import contract
from controller.calls.machine import commands, inputs
from controller.calls.machine.call import Call
from controller.calls.machine.consultation import DIGITS, briefing, opening
from controller.calls.machine.outcome import Outcome
from controller.calls.machine.plan import State, Transfer
from controller.calls.machine.row import Always, Row, Rows, Steps, in_states
from controller.calls.machine.rows import agent_control, wrap_up


def begin(call: Call, transfer: Transfer) -> Steps:
    """The media leg joins the target in a bridge of their own, and the agent goes on. Nobody is muted any more."""
    call.state, transfer.state = State.CONSULTING, "consulting"
    transfer.consultation = call.ids.consultation(call.transfers)
    call.paused = False
    told = opening(transfer.announce)
    by_tool = transfer.tool_call in call.open_tools
    return [
        commands.CreateBridge(transfer.consultation),
        commands.Join(transfer.consultation, (transfer.channel,)),
        commands.Join(transfer.consultation, (call.media,)),
        commands.OrderAi(contract.SwitchAgent(call=call.plan.call, spec=briefing(call.plan.agent.spec))),
        *agent_control.unmute_all(call),
        commands.StartTimer("consultation", transfer.decide),
        commands.ResumeAi(None if by_tool else told),
        *call.answer(transfer.tool_call, told),
    ]


def not_begun(call: Call, transfer: Transfer) -> None:
    """A command of `begin` has failed: the commands that tell agent and model were dropped behind it."""
    call.paused = True
    if transfer.tool_call is not None:
        call.open_tools.add(transfer.tool_call)


def back(call: Call, transfer: Transfer) -> Steps:
    """Undoes `begin`, as far as it was done, and leaves the agent paused."""
    bridge, transfer.consultation = transfer.consultation, None
    if bridge is None:
        return []
    ended = [commands.StopTimer("consultation")]
    if call.media_lost or not call.session_open:
        return [*ended, commands.HangUp(call.media), commands.DestroyBridge(bridge)]
    was, call.paused = call.paused, True
    return [
        *ended,
        *([] if was else [commands.PauseAi()]),
        commands.DestroyBridge(bridge),
        commands.OrderAi(contract.SwitchAgent(call=call.plan.call, spec=call.plan.agent.spec)),
        *call.stop_music(),
        commands.Join(call.ids.bridge, (call.media,)),
    ]


def digit_pressed(call: Call, what: inputs.DigitPressed, now: datetime) -> Steps:
    """The target presses a key: it comes in by the media leg."""
    accept = DIGITS.get(what.digit)
    return [] if accept is None else _decide(accept)


def decided(call: Call, what: inputs.TransferDecided | inputs.DecideTool, now: datetime) -> Steps:
    if isinstance(what, inputs.DecideTool) and not what.accept:
        return [inputs.TransferFailed(Outcome.DECLINED, answer_tool=what.tool_call)]
    if isinstance(what, inputs.DecideTool) and call.transfer is not None:
        call.transfer.tool_call = what.tool_call  # answered if the two can't be joined
    return _decide(what.accept)


def not_asked(call: Call, what: inputs.DecideTool, _: datetime) -> Steps:
    return call.refuse(what.tool_call, "There is nobody who waits for that: no transfer is being decided.")


def _decide(accept: bool) -> Steps:
    return (
        [commands.StopTimer("consultation"), inputs.TransferAccepted()]
        if accept
        else [inputs.TransferFailed(Outcome.DECLINED)]
    )


def time_up(call: Call, what: inputs.TimeUp, now: datetime) -> Steps:
    if what.timer == "length":
        call.wrap_up_due = wrap_up.LENGTH
    return [inputs.TransferFailed(Outcome.NO_ANSWER)] if what.timer == "consultation" else []


def agent_lost(call: Call, what: inputs.AgentLost, _: datetime) -> Steps:
    """The caller is joined with the target, who has not accepted: the alternative is nobody."""
    call.media_lost, call.detail = True, call.detail or what.why
    closed = [commands.CloseAi(what.why)] if call.session_open else []
    return [*closed, *_decide(accept=True)]  # CloseAi first: what is behind a command that fails is dropped


ROWS: Rows = in_states(
    [State.CONSULTING],
    {
        inputs.TransferDecided: Row(decided),
        inputs.DecideTool: Row(decided),
        inputs.DigitPressed: Row(digit_pressed),
        inputs.TimeUp: Row(time_up),
        inputs.AgentLost: Row(agent_lost),
    },
)
ALWAYS: Always = {inputs.DecideTool: Row(not_asked)}
