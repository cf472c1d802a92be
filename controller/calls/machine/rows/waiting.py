"""A caller for whom there is no room yet: music, the place in the line, and then the agent. Rows of the table. [pure]

The line itself is `arrivals`': it says the place (`PlaceKnown`) and when there is room (`RoomFound`). Nothing but the
caller's own channel exists meanwhile; the session is opened when the turn comes, while the music still plays.
"""

from datetime import datetime

from controller.calls.machine import inputs as m
from controller.calls.machine.call import Call
from controller.calls.machine.outcome import Outcome
from controller.calls.machine.plan import State
from controller.calls.machine.rows import fallback

OVER = "no agent was free in time"


def begin(call: Call) -> list[m.Step]:
    plan = call.plan
    assert plan.waiting is not None, "a call that waits is planned so"
    wait = m.StartTimer("wait", plan.waiting.longest)
    return [m.Answer(plan.leg), m.SetVariables(plan.leg, plan.variables), *call.start_music(), wait, *_again(call)]


def place_known(call: Call, what: m.PlaceKnown, _: datetime) -> list[m.Step]:
    call.place = what.place
    return []


def room_found(call: Call, _: m.RoomFound, __: datetime) -> list[m.Step]:
    """The caller was answered long ago: what is left is to open the session."""
    call.state, call.session_open = State.RINGING, True
    return [
        m.StopTimer("wait"),
        m.StopTimer("announce"),
        m.PrepareAi(call.plan.agent.spec),
        m.CreateBridge(call.ids.bridge),
        *call.start_music(),
        m.StartTimer("answer", call.plan.agent.answer_deadline),
    ]


def time_up(call: Call, what: m.TimeUp, now: datetime) -> list[m.Step]:
    plan = call.plan
    assert plan.waiting is not None
    if what.timer == "announce":
        return _announce(call)
    if what.timer != "wait":
        return []
    if plan.waiting.rescued:
        return fallback.unserved(call, OVER, now)
    if plan.waiting.then is None:
        return call.end(now, Outcome.NO_ROOM, detail=OVER)
    music = call.stop_music()
    extension, context = plan.waiting.then
    call.outcome, call.ended_by, call.detail, call.ended_at = Outcome.NO_ROOM, "system", OVER, now
    call.state = State.ENDED
    return [*music, m.SendAway(plan.leg, context, extension)]


def announced(call: Call, what: m.SoundOver, _: datetime) -> list[m.Step]:
    if what.playback != _playback(call):
        return []
    return [*call.start_music(), *_again(call)]


def _announce(call: Call) -> list[m.Step]:
    if call.place is None:
        return _again(call)
    call.sounds += 1
    return [*call.stop_music(), m.Play(call.plan.leg, _playback(call), spoken(call.place))]


def spoken(place: int) -> tuple[str, ...]:
    """In the sounds that come with Asterisk, in the channel's language."""
    if place == 1:
        return ("sound:queue-youarenext",)
    return ("sound:queue-thereare", f"number:{place - 1}", "sound:queue-callswaiting")


def _again(call: Call) -> list[m.Step]:
    every = call.plan.waiting.announce if call.plan.waiting else None
    return [m.StartTimer("announce", every)] if every is not None else []


def _playback(call: Call) -> str:
    return call.ids.sound(call.sounds)
