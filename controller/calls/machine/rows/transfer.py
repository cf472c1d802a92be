"""A transfer, from the asking to two people who hear each other: rows of the call's table. [pure]

The caller is kept until the target answers (or accepts: `attended_transfer`), and is back with the agent if it does
not. If ops asked for a blind one, caller and agent go on talking meanwhile; else the caller hears music and the agent
is paused. What is asked of the far end by SIP REFER is `refer`.
"""

from datetime import datetime

from bridge import contract
from controller.calls.machine import commands, inputs
from controller.calls.machine.call import Call
from controller.calls.machine.outcome import Outcome
from controller.calls.machine.plan import RING_GRACE, State, Transfer
from controller.calls.machine.row import END, Row, Rows, Steps, in_states
from controller.calls.machine.rows import agent_tools, attended_transfer, failover, refer, wrap_up
from controller.calls.machine.types import Target


def asked(call: Call, what: inputs.TransferAsked, _: datetime) -> Steps:
    """A caller on hold goes on hearing music."""
    if what.target.kind == "refer" and call.other_parties:
        return call.refuse(what.tool_call, "Not now: others are in the call.")
    held = agent_tools.end_hold(call, State.TRANSFERRING, respond=False)
    transfer = _new(call, what.target, what.by, what.tool_call)
    transfer.announce, transfer.decide = what.announce, what.decide
    aside = bool(held or what.tool_call) or what.target.kind != "blind"
    return [*held, *(call.pause() if aside else []), *_begin(call, transfer)]


def digit_pressed(call: Call, what: inputs.DigitPressed, now: datetime) -> Steps:
    if what.digit not in call.plan.agent.digits:
        return []
    target = call.plan.agent.digits[what.digit]
    if target is None:
        return call.end(now, by="caller" if call.plan.direction == "inbound" else "callee")
    if call.state is State.TRANSFERRING:
        return []
    held = agent_tools.end_hold(call, State.TRANSFERRING, respond=False)
    return [*held, *call.pause(), *_begin(call, _new(call, target, by="digit"))]


def start(call: Call, what: inputs.StartTransfer, _: datetime) -> Steps:
    return _begin(call, _new(call, what.target, what.by))


def _new(call: Call, target: Target, by: str, tool_call: str | None = None) -> Transfer:
    call.transfers += 1
    call.transfer = Transfer(call.ids.target(call.transfers), target, by, tool_call)
    return call.transfer


def _begin(call: Call, transfer: Transfer) -> Steps:
    target = transfer.target
    if target.kind == "refer":
        return refer.begin(call, transfer)
    call.state = State.TRANSFERRING
    return [
        commands.Dial(transfer.channel, target, {"VOICEAI_CALL": call.plan.call}),
        commands.StartTimer("transfer", target.timeout + RING_GRACE),
    ]


def asked_again(call: Call, what: inputs.TransferAsked, _: datetime) -> Steps:
    return call.refuse(what.tool_call, "A transfer is already under way.")


def target_answered(call: Call, what: inputs.LegEntered, _: datetime) -> Steps:
    transfer = call.transfer
    if transfer is None or what.channel != transfer.channel:
        return []
    if transfer.target.kind == "attended" and not call.media_lost:
        return [commands.StopTimer("transfer"), *attended_transfer.begin(call, transfer)]
    return [commands.StopTimer("transfer"), inputs.TransferAccepted()]


def connect(call: Call, _: inputs.TransferAccepted, __: datetime) -> Steps:
    """Caller and target hear each other, and the agent leaves."""
    transfer = call.transfer
    assert transfer is not None, "only one who was called can accept"
    transfer.state, transfer.outcome = "answered", Outcome.ANSWERED
    call.state = State.TRANSFERRED
    call.other_parties.add(transfer.channel)
    steps = [
        *call.stop_music(),
        commands.Join(
            call.ids.bridge, (transfer.channel,), None if transfer.consultation or call.media_lost else call.media
        ),
        commands.HangUp(call.media),
    ]
    if transfer.consultation:
        steps.append(commands.DestroyBridge(transfer.consultation))
    return steps if call.media_lost else [*steps, commands.CloseAi("transferred")]


def target_overdue(call: Call, what: inputs.TimeUp, now: datetime) -> Steps:
    if what.timer == "length":
        call.wrap_up_due = wrap_up.LENGTH
    return [inputs.TransferFailed(Outcome.NO_ANSWER)] if what.timer == "transfer" else []


def cancelled(_: Call, __: inputs.TransferCancelled, ___: datetime) -> Steps:
    return [inputs.TransferFailed(Outcome.CANCELLED)]


def failed(call: Call, what: inputs.TransferFailed, now: datetime) -> Steps:
    """The caller was kept, and is back with the agent, which is told; without an agent the call is over."""
    transfer, outcome = call.transfer, what.outcome
    assert transfer is not None, "only a transfer that was begun can fail"
    transfer.state, transfer.outcome = "failed", outcome
    call.other_parties.discard(transfer.channel)
    if call.last_said and not call.media_lost:
        return [
            commands.StopTimer("transfer"),
            commands.StopTimer("consultation"),
            *call.end(now, detail=call.last_said),
        ]
    hung_up = [
        commands.StopTimer("transfer"),
        commands.HangUp(transfer.channel),
        *attended_transfer.back(call, transfer),
    ]
    if call.media_lost and not failover.stranded(call):
        return [*hung_up, inputs.NextFallback()]
    if call.media_lost:
        return [*hung_up, *failover.begin_stranded(call, _reason(transfer, outcome))]
    return [*hung_up, inputs.CallerBack(outcome, what.answer_tool)]


def _reason(transfer: Transfer, outcome: Outcome) -> str:
    """What the model is told."""
    why = "all lines are taken" if outcome is Outcome.NO_ROOM else outcome.value.replace("_", " ")
    by_key = " They had asked for it by pressing a key." if transfer.by == "digit" else ""
    return f"The transfer did not succeed: {why}. The caller is still with you.{by_key}"


def caller_back(call: Call, what: inputs.CallerBack, _: datetime) -> Steps:
    """The caller is with the agent again, which is told why."""
    transfer = call.transfer
    assert transfer is not None, "only called after a transfer"
    call.state = State.TALKING
    reason = _reason(transfer, what.outcome)
    if transfer.tool_call in call.open_tools:
        told = [*call.resume(), *call.refuse(transfer.tool_call, reason)]
    elif call.paused:
        told = call.resume(reason)
    else:
        told = [*call.stop_music(), commands.OrderAi(contract.AddMessage(call=call.plan.call, text=reason))]
    return [*told, *wrap_up.if_due(call), *call.answer(what.answer_tool, "Done.", respond=False)]


def agent_lost(call: Call, what: inputs.AgentLost, _: datetime) -> Steps:
    """The target may still answer: the caller is kept."""
    if call.media_lost:
        return []
    call.media_lost, call.stranded = True, what.elsewhere
    call.detail = call.detail or what.why
    music = [] if call.other_parties else call.start_music()
    return [*music, commands.CloseAi(what.why)] if call.session_open else music


def hang_up_refused(call: Call, what: inputs.HangUpTool, _: datetime) -> Steps:
    return call.refuse(what.tool_call, "Not now: a transfer is under way.")


_RINGS = {State.TRANSFERRING, State.REFERRING}
ROWS: Rows = {
    **in_states(
        [State.TALKING, State.HOLDING],
        {inputs.TransferAsked: Row(asked, to=_RINGS), inputs.DigitPressed: Row(digit_pressed, to={*_RINGS, *END})},
    ),
    (State.FALLBACK, inputs.StartTransfer): Row(start, to=_RINGS),
    (State.TRANSFERRING, inputs.LegEntered): Row(target_answered, to={State.CONSULTING}),
    (State.TRANSFERRING, inputs.DigitPressed): Row(digit_pressed, to=END),
    (State.TRANSFERRING, inputs.TimeUp): Row(target_overdue),
    (State.TRANSFERRING, inputs.AgentLost): Row(agent_lost),
    **in_states([State.TRANSFERRING, State.CONSULTING], {inputs.TransferCancelled: Row(cancelled)}),
    **in_states(
        [State.TRANSFERRING, State.CONSULTING, State.REFERRING],
        {inputs.TransferAsked: Row(asked_again), inputs.HangUpTool: Row(hang_up_refused)},
    ),
    **in_states(
        [State.TRANSFERRING, State.CONSULTING], {inputs.TransferAccepted: Row(connect, to={State.TRANSFERRED})}
    ),
    **in_states(
        [State.TRANSFERRING, State.TRANSFERRED], {inputs.TransferFailed: Row(failed, to={State.FAILOVER, *END})}
    ),
    (State.CONSULTING, inputs.TransferFailed): Row(failed, to=END),
    **in_states(
        [State.TRANSFERRING, State.CONSULTING, State.REFERRING, State.TRANSFERRED],
        {inputs.CallerBack: Row(caller_back, to={State.TALKING, State.CLOSING})},
    ),
}
