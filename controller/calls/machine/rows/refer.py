"""A transfer by SIP REFER: the trunk is asked to connect the person elsewhere. Rows of the call's table. [pure]

Owns the state REFERRING. The person's leg leaves our app for the dialplan, whose `Transfer()` sends the REFER and waits
for the news; what it was told comes back with the leg. Until then the agent is paused, and there is no way back: it
can't be cancelled.

    the far end says that the target has answered      the call is over for us: outcome of the transfer `answered`
    it says why not, or can't do it                    the caller is back with the agent, which is told
    it says nothing in time                            the call is over: nobody knows where the caller is
    the caller's leg is hung up                        the call is over: the caller has left, or is elsewhere already

Whatever ends the call before the far end's word, Asterisk goes on listing the leg as long as the subscription of the
REFER lives (how long: docs/transfers.md). It is hung up all the same, and nothing here waits for it.
"""

from datetime import datetime

from controller.calls.machine import commands, inputs
from controller.calls.machine.call import Call
from controller.calls.machine.outcome import Outcome, of_unanswered
from controller.calls.machine.plan import RING_GRACE, State, Transfer
from controller.calls.machine.row import END, Row, Rows, Steps, in_states
from controller.calls.machine.rows import teardown


def begin(call: Call, transfer: Transfer) -> Steps:
    call.state = State.REFERRING
    return [
        *call.stop_music(),
        commands.StartTimer("transfer", transfer.target.timeout + RING_GRACE),
        commands.Refer(call.plan.leg, transfer.target.dial, transfer.channel, transfer.target.trunk),
    ]


def returned(call: Call, what: inputs.LegReturned, now: datetime) -> Steps:
    transfer = call.transfer
    assert transfer is not None, "nobody is referred without a transfer"
    if what.status == "SUCCESS":
        transfer.state, transfer.outcome = "answered", Outcome.ANSWERED
        return [commands.StopTimer("transfer"), *call.end(now, by="transfer")]
    outcome = of_unanswered(None, what.sip_status)
    return [
        commands.StopTimer("transfer"),
        *_failed(call, transfer, now, outcome, commands.Join(call.ids.bridge, (call.plan.leg,))),
    ]


def not_sent(call: Call, what: inputs.CommandFailed, now: datetime) -> Steps:
    """The REFER was not sent: the leg is in its bridge as before."""
    transfer = call.transfer
    assert transfer is not None, "nobody is referred without a transfer"
    if what.gone:
        return call.end(now, by="caller")
    transfer.detail = what.reason if what.full else None
    return [
        commands.StopTimer("transfer"),
        *_failed(call, transfer, now, Outcome.NO_ROOM if what.full else Outcome.FAILED),
    ]


def _failed(call: Call, transfer: Transfer, now: datetime, outcome: Outcome, *back: commands.Command) -> Steps:
    """`back`: brings the leg back into its bridge."""
    transfer.state, transfer.outcome = "failed", outcome
    if call.last_said:
        return call.end(now, detail=call.last_said)
    if not call.media_lost:
        return [*back, inputs.CallerBack(outcome)]
    return [*(back if call.fallback_steps or call.other_parties else ()), inputs.NextFallback()]


def hung_up(call: Call, what: inputs.LegHungUp, now: datetime) -> Steps:
    if what.channel != call.plan.leg:
        return []
    teardown.leg_hung_up(call, what, now)
    return call.end(
        now, by=teardown.far_end(call), detail="hung up before the far end had said what became of the REFER"
    )


def overdue(call: Call, what: inputs.TimeUp, now: datetime) -> Steps:
    if what.timer != "transfer":
        return []
    assert call.transfer is not None
    call.transfer.state, call.transfer.outcome = "failed", Outcome.NO_ANSWER
    return call.end(now, detail="the far end did not say what became of the REFER")


def agent_lost(call: Call, what: inputs.AgentLost, _: datetime) -> Steps:
    if call.media_lost:
        return []
    call.media_lost, call.paused, call.detail = True, False, call.detail or what.why
    gone = [commands.HangUp(call.media)]
    return [*gone, commands.CloseAi(what.why)] if call.session_open else gone


ROWS: Rows = in_states(
    [State.REFERRING],
    {
        inputs.LegReturned: Row(returned, to=END),
        inputs.LegHungUp: Row(hung_up, to=END),
        inputs.TimeUp: Row(overdue, to=END),
        inputs.AgentLost: Row(agent_lost),
    },
)
