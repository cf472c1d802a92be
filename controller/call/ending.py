"""The end, from the moment when it is decided until nothing is left. Rows of the call's table. [pure]"""

from datetime import datetime
from typing import TYPE_CHECKING

from controller.call import messages as m
from controller.call.plan import State

if TYPE_CHECKING:
    from controller.call.machine import Call


def hang_up(call: "Call", what: m.HangUpAsked, now: datetime) -> list[m.Command]:
    return call.end(now, by=what.by)


def cause_known(call: "Call", what: m.LegGone, _: datetime) -> list[m.Command]:
    """StasisEnd ends the call; ChannelDestroyed, which knows the cause, comes a moment later."""
    if what.channel == call.plan.leg and call.cause is None:
        call.cause = what.cause
    return []


def session_over(call: "Call", what: m.SessionOver, _: datetime) -> list[m.Command]:
    call.counters = what.counters
    call.state = State.ENDED
    return [m.StopTimer("end")]


def worker_lost(call: "Call", _: m.WorkerLost, __: datetime) -> list[m.Command]:
    call.state = State.ENDED
    return [m.StopTimer("end")]


def overdue(call: "Call", what: m.TimeUp, _: datetime) -> list[m.Command]:
    if what.timer == "end":
        call.state = State.ENDED
    return []


def nothing(_: "Call", __: m.Input, ___: datetime) -> list[m.Command]:
    return []
