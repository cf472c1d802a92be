"""The states ENDING and ENDED, and who ended the call by which cause. Rows of the call's table. [pure]"""

from datetime import datetime, timedelta

from controller.calls.machine import commands, inputs
from controller.calls.machine.call import Call
from controller.calls.machine.outcome import Outcome
from controller.calls.machine.plan import State
from controller.calls.machine.row import END, Always, Row, Rows, Steps, in_states, nothing

ASTERISK = "asterisk"
"""`ended_by`, where Asterisk has hung up by itself, or was told to by somebody else than this controller."""
NORMAL, NO_RESPONSE, NO_CIRCUIT, INTERWORKING = 16, 18, 44, 127
"""Q.850. A BYE or a CANCEL that gives no reason is the normal end (RFC 3398)."""
ASTERISK_ENDED = "Asterisk has ended, and the call with it"
SHORTEST_SESSION = timedelta(seconds=50)
"""Asterisk hangs up 60 s after the last refresh at the earliest (RFC 4028: Session-Expires is 90 s at least). Who hangs
up before with the same cause has given it in a Reason."""
_WHY_ASTERISK = {
    NO_CIRCUIT: "Asterisk has hung up; most likely no sound came from the telephone any more (rtp_timeout)",
    NO_RESPONSE: "Asterisk has hung up; most likely the telephone did not refresh the session in time (session timer)",
}


def hang_up(call: Call, what: inputs.HangUpAsked, now: datetime) -> Steps:
    return call.end(now, by=what.by, detail=what.detail)


def leg_hung_up(call: Call, what: inputs.LegHungUp, now: datetime) -> Steps:
    """Keeps cause and who it was: StasisEnd, which follows and ends the call, tells neither."""
    if what.channel == call.plan.leg and call.state is not State.ENDING:
        talked = now - call.answered_at if call.answered_at is not None else timedelta()
        expired = what.cause == NO_RESPONSE and talked >= SHORTEST_SESSION
        bye = 0 if call.answered_at is not None and not what.soft else None
        call.cause, call.hung_up_by_asterisk = _q850(call, what.cause or bye), what.soft or expired
        if expired:
            call.detail = call.detail or _WHY_ASTERISK[NO_RESPONSE]
    return []


def far_end(call: Call) -> str:
    """`ended_by`, if the person's leg is gone and we have not hung it up."""
    if call.hung_up_by_asterisk:
        return ASTERISK
    return "caller" if call.plan.direction == "inbound" else "callee"


def cause_known(call: Call, what: inputs.LegGone, _: datetime) -> Steps:
    """StasisEnd ends the call; ChannelDestroyed, which knows the cause, comes a moment later."""
    if what.channel == call.plan.leg and call.cause is None:
        call.cause = _q850(call, what.cause)
        if call.ended_by == ASTERISK:
            call.detail = call.detail or _WHY_ASTERISK.get(what.cause or 0)
    return []


def _q850(call: Call, cause: int | None) -> int | None:
    """Asterisk tells a BYE without a Reason as 0, and a CANCEL as 127 (of its own 487): both are normal ends."""
    bye = cause == 0 and call.answered_at is not None
    cancel = cause == INTERWORKING and call.plan.direction == "inbound" and call.answered_at is None
    return NORMAL if bye or cancel else cause


def session_over(call: Call, what: inputs.SessionOver, _: datetime) -> Steps:
    call.counters = what.counters
    call.state = State.ENDED
    return [commands.StopTimer("end")]


def worker_lost(call: Call, _: inputs.WorkerLost, __: datetime) -> Steps:
    call.state = State.ENDED
    return [commands.StopTimer("end")]


def overdue(call: Call, what: inputs.TimeUp, _: datetime) -> Steps:
    if what.timer == "end":
        call.state = State.ENDED
    return []


def unexpected(call: Call, what: inputs.Input) -> bool:
    """Whether an unexpected leg of ours has entered: it was given up, or replaced, before it answered."""
    return isinstance(what, inputs.LegEntered) and not _awaited(call, what.channel)


def _awaited(call: Call, channel: str) -> bool:
    if call.state is State.ENDING:
        return False
    if channel in (call.plan.leg, call.media):
        return True
    if channel in call.participants:
        return call.participants[channel].state in ("ringing", "joined")
    transfer, supervision = call.transfer, call.supervision
    if transfer is not None and channel == transfer.channel:
        return transfer.state != "failed"
    return supervision is not None and call.supervised and channel in (supervision.channel, supervision.snoop)


def too_late(call: Call, what: inputs.LegEntered, _: datetime) -> Steps:
    """It has answered all the same, and is hung up at once."""
    answered_late(call, what)
    return [commands.HangUp(what.channel)]


def answered_late(call: Call, what: inputs.Input) -> None:
    """The outcome must not say that nobody answered."""
    own = isinstance(what, inputs.LegEntered) and what.channel == call.plan.leg and call.plan.direction == "outbound"
    if own and call.outcome in (Outcome.NO_ANSWER, Outcome.FAILED) and call.answered_at is None:
        call.outcome, call.detail = Outcome.FAILED, "answered when the call had been given up, and hung up at once"


def asterisk_ended(call: Call, what: inputs.AsteriskEnded, now: datetime) -> Steps:
    return call.end(now, Outcome.FAILED, by=ASTERISK, detail=ASTERISK_ENDED)


def ended_with_asterisk(call: Call, what: inputs.AsteriskEnded, _: datetime) -> Steps:
    """What could not be done once Asterisk was gone has ended the call before anybody knew why."""
    if call.outcome is Outcome.FAILED and call.ended_by == "system" and call.ended_at and call.ended_at >= what.since:
        call.ended_by, call.detail = ASTERISK, ASTERISK_ENDED
    return []


def told_late(call: Call, what: inputs.Input, now: datetime) -> None:
    """After the end of the call."""
    answered_late(call, what)
    if isinstance(what, inputs.AsteriskEnded):
        ended_with_asterisk(call, what, now)


def not_confirmed(call: Call) -> None:
    """Everything was hung up, and Asterisk has not confirmed all of it."""
    call.state = State.ENDING
    call.detail = call.detail or "Asterisk did not confirm the hang-up at once"


def confirmed(call: Call) -> None:
    call.state = State.ENDED


ROW = Row(too_late)
ROWS: Rows = in_states(
    [State.ENDING],
    {
        inputs.LegGone: Row(cause_known),
        inputs.SessionOver: Row(session_over, to={State.ENDED}),
        inputs.WorkerLost: Row(worker_lost, to={State.ENDED}),
        inputs.TimeUp: Row(overdue, to={State.ENDED}),
        inputs.MediaLost: Row(nothing),
        inputs.AiFailed: Row(nothing),
        inputs.SessionRefused: Row(nothing),
        inputs.CommandFailed: Row(nothing),
        inputs.HangUpAsked: Row(nothing),
        inputs.AsteriskEnded: Row(ended_with_asterisk),
    },
)
ALWAYS: Always = {
    inputs.LegHungUp: Row(leg_hung_up),
    inputs.HangUpAsked: Row(hang_up, to=END),
    inputs.AsteriskEnded: Row(asterisk_ended, to=END),
}
