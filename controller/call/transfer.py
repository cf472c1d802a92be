"""A transfer, from the asking to two people who hear each other: rows of the call's table. [pure]

The caller is kept until the target answers, and is back with the agent if it does not.
"""

from datetime import datetime
from typing import TYPE_CHECKING

from controller.call import messages as m
from controller.call import rescue
from controller.call.outcome import Outcome
from controller.call.plan import RING_GRACE, State, Transfer

if TYPE_CHECKING:
    from controller.call.machine import Call


def asked(call: "Call", what: m.TransferAsked, _: datetime) -> list[m.Command]:
    return ring_target(call, what.target, what.by, what.tool_call)


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
    return [
        m.StopTimer("transfer"),
        m.Join(call.ids.bridge, (transfer.channel,)),
        m.HangUp(call.ids.media),
        m.CloseAi("transferred"),
    ]


def target_overdue(call: "Call", what: m.TimeUp, now: datetime) -> list[m.Command]:
    return target_unanswered(call, now, Outcome.NO_ANSWER) if what.timer == "transfer" else []


def target_unanswered(call: "Call", now: datetime, outcome: Outcome) -> list[m.Command]:
    """The caller was kept, and is back with the agent, which is told; without an agent the call is over."""
    transfer = call.transfer
    assert transfer is not None, "only called while a transfer is under way"
    transfer.state, transfer.outcome = "failed", outcome
    hung_up: list[m.Command] = [m.StopTimer("transfer"), m.HangUp(transfer.channel)]
    if call.media_lost:
        return hung_up + rescue.next_step(call, now)
    call.state = State.TALKING
    reason = f"The transfer did not succeed: {outcome.value.replace('_', ' ')}. The caller is still with you."
    return hung_up + call.refuse(transfer.tool_call, reason)


def hang_up_refused(call: "Call", what: m.HangUpTool, _: datetime) -> list[m.Command]:
    return call.refuse(what.tool_call, "Not now: a transfer is under way.")
