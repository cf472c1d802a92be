"""A transfer, from the asking to two people who hear each other: rows of the call's table. [pure]

The caller is kept until the target answers, and is back with the agent if it does not. If ops asked, caller and agent
go on talking meanwhile; if one of the two did, the caller hears music and the agent is paused.
"""

from datetime import datetime
from typing import TYPE_CHECKING

from controller.call import closing, rescue, tools
from controller.call import messages as m
from controller.call.outcome import Outcome
from controller.call.plan import RING_GRACE, State, Transfer

if TYPE_CHECKING:
    from controller.call.machine import Call


def asked(call: "Call", what: m.TransferAsked, _: datetime) -> list[m.Command]:
    paused = call.pause() if what.tool_call else []
    return paused + ring_target(call, what.target, what.by, what.tool_call)


def asked_on_hold(call: "Call", what: m.TransferAsked, _: datetime) -> list[m.Command]:
    """The music goes on."""
    held = tools.end_hold(call, State.TRANSFERRING, respond=False)
    return held + ring_target(call, what.target, what.by, what.tool_call)


def digit_pressed(call: "Call", what: m.DigitPressed, now: datetime) -> list[m.Command]:
    if what.digit not in call.plan.digits:
        return []
    target = call.plan.digits[what.digit]
    if target is None:
        return call.end(now, by="caller" if call.plan.direction == "inbound" else "callee")
    if call.state is State.TRANSFERRING:
        return []
    held = tools.end_hold(call, State.TRANSFERRING, respond=False)
    return [*held, *call.pause(), *ring_target(call, target, by="digit")]


def ring_target(call: "Call", target: m.Target, by: str, tool_call: str | None = None) -> list[m.Command]:
    call.transfers += 1
    channel = call.ids.target(call.transfers)
    call.transfer = Transfer(channel, target, by, tool_call)
    call.state = State.TRANSFERRING
    return [
        m.Dial(channel, target, {"VOICEAI_CALL": call.plan.call}),
        m.StartTimer("transfer", target.timeout + RING_GRACE),
    ]


def asked_again(call: "Call", what: m.TransferAsked, _: datetime) -> list[m.Command]:
    return call.refuse(what.tool_call, "A transfer is already under way.")


def target_answered(call: "Call", what: m.LegEntered, _: datetime) -> list[m.Command]:
    transfer = call.transfer
    if transfer is None or what.channel != transfer.channel:
        return []
    transfer.state, transfer.outcome = "answered", Outcome.ANSWERED
    call.state = State.TRANSFERRED
    call.company.add(transfer.channel)
    return [
        m.StopTimer("transfer"),
        *call.stop_music(),
        m.Join(call.ids.bridge, (transfer.channel,)),
        m.HangUp(call.ids.media),
        m.CloseAi("transferred"),
    ]


def target_overdue(call: "Call", what: m.TimeUp, now: datetime) -> list[m.Command]:
    if what.timer == "length":
        call.due = closing.LENGTH
    return target_unanswered(call, now, Outcome.NO_ANSWER) if what.timer == "transfer" else []


def target_unanswered(call: "Call", now: datetime, outcome: Outcome) -> list[m.Command]:
    """The caller was kept, and is back with the agent, which is told; without an agent the call is over."""
    transfer = call.transfer
    assert transfer is not None, "only called while a transfer is under way"
    transfer.state, transfer.outcome = "failed", outcome
    call.company.discard(transfer.channel)
    hung_up: list[m.Command] = [m.StopTimer("transfer"), m.HangUp(transfer.channel)]
    if call.media_lost:
        return hung_up + rescue.next_step(call, now)
    if call.finished:
        return hung_up + call.end(now, detail=call.finished)
    call.state = State.TALKING
    reason = f"The transfer did not succeed: {outcome.value.replace('_', ' ')}. The caller is still with you."
    told = call.resume(None if transfer.tool_call else f"{reason} They had asked for it by pressing a key.")
    return hung_up + told + call.refuse(transfer.tool_call, reason) + closing.if_due(call)


def hang_up_refused(call: "Call", what: m.HangUpTool, _: datetime) -> list[m.Command]:
    return call.refuse(what.tool_call, "Not now: a transfer is under way.")
