"""A call that goes on without an agent, and its end: rows of the state TRANSFERRED. [pure]

No agent is in it that could end it. `transfer.max_s` and the caps of the day do: all who are in the call hear a warning
tone, and `WARNING_S` later it ends.
"""

from datetime import datetime

from controller.calls.machine import commands, inputs
from controller.calls.machine.call import Call
from controller.calls.machine.outcome import PER_CALL
from controller.calls.machine.plan import State
from controller.calls.machine.row import END, Row, Rows, Steps

WARNING_S = 30.0  # seconds between the tone and the end
LIMIT, AFTER_WARNING = "transferred", "transferred end"
LENGTH = "transfer.max_s"


def warned_after(longest: float) -> float:
    """Seconds in the state until the tone."""
    return longest - min(WARNING_S, longest / 2)


def after_input(call: Call, now: datetime) -> Steps:
    """After each input: starts the timer when the state begins."""
    if call.state is not State.TRANSFERRED:
        call.transferred_at = call.over_limit = None
        return []
    if call.transferred_at is not None:
        return []
    call.transferred_at = now
    longest = call.plan.max_transfer
    return [commands.StartTimer(LIMIT, warned_after(longest))] if longest is not None else []


def time_up(call: Call, what: inputs.TimeUp, now: datetime) -> Steps:
    if what.timer == AFTER_WARNING:
        return call.end(now, detail=call.over_limit)
    if what.timer != LIMIT:
        return []
    longest = call.plan.max_transfer or 0.0
    return _warn(call, LENGTH, longest - warned_after(longest))


def cap_reached(call: Call, what: inputs.WrapUpDue, _: datetime) -> Steps:
    """The cap on a call's cost is no reason: the agent, which cost it, has left."""
    return [] if what.why == PER_CALL else _warn(call, what.why, WARNING_S)


def _warn(call: Call, why: str, seconds: float) -> Steps:
    """Once a call."""
    if call.over_limit is not None:
        return []
    call.over_limit = why
    legs = (call.plan.leg, *sorted(call.other_parties))
    first, call.sounds = call.sounds + 1, call.sounds + len(legs)
    tones = (commands.StartTone(leg, call.ids.sound(n), commands.WARNING_TONE) for n, leg in enumerate(legs, first))
    return [commands.StartTimer(AFTER_WARNING, seconds), *tones]


ROWS: Rows = {
    (State.TRANSFERRED, inputs.TimeUp): Row(time_up, to=END),
    (State.TRANSFERRED, inputs.WrapUpDue): Row(cap_reached),
}
