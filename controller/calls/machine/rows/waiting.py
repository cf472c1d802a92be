"""A caller who waits in line: music and announcements of the place. Rows of the call's table. [pure]

The line itself is in `runtime`: it tells the place (`PlaceKnown`) and when there is room (`RoomFound`). Only the
caller's own channel exists meanwhile; the session is opened when there is room, while the music still plays.
"""

from datetime import datetime

from controller.calls.machine import commands, inputs
from controller.calls.machine.call import Call
from controller.calls.machine.outcome import Outcome
from controller.calls.machine.plan import State
from controller.calls.machine.row import END, Row, Rows, Steps, in_states

OVER = "no agent was free in time"


def begin(call: Call, _: inputs.Started, __: datetime) -> Steps:
    plan = call.plan
    assert plan.waiting is not None, "a call that waits is planned so"
    wait = commands.StartTimer("wait", plan.waiting.longest)
    return [
        commands.Answer(plan.leg),
        commands.SetVariables(plan.leg, plan.variables),
        *call.start_music(),
        wait,
        *_again(call),
    ]


def place_known(call: Call, what: inputs.PlaceKnown, _: datetime) -> Steps:
    call.place = what.place
    return []


def room_found(call: Call, _: inputs.RoomFound, __: datetime) -> Steps:
    """The caller is answered already; the session is opened."""
    call.state, call.session_open = State.RINGING, True
    return [
        commands.StopTimer("wait"),
        commands.StopTimer("announce"),
        commands.PrepareAi(call.plan.agent.spec),
        commands.CreateBridge(call.ids.bridge),
        *call.start_music(),
        commands.StartTimer("answer", call.plan.agent.answer_timeout),
    ]


def time_up(call: Call, what: inputs.TimeUp, now: datetime) -> Steps:
    plan = call.plan
    assert plan.waiting is not None
    if what.timer == "announce":
        return _announce(call)
    if what.timer != "wait":
        return []
    if plan.waiting.fallback:
        return [inputs.Unserved(OVER)]
    if plan.waiting.then is None:
        return call.end(now, Outcome.NO_ROOM, detail=OVER)
    music = call.stop_music()
    extension, context = plan.waiting.then
    call.outcome, call.ended_by, call.detail, call.ended_at = Outcome.NO_ROOM, "system", OVER, now
    call.state = State.ENDED
    return [*music, commands.SendAway(plan.leg, context, extension)]


def announced(call: Call, what: inputs.SoundOver, _: datetime) -> Steps:
    return not_announced(call) if what.playback == _playback(call) else []


def not_announced(call: Call) -> Steps:
    """The announcement is over, or was refused: the caller waits on, until the next."""
    return [*call.start_music(), *_again(call)]


def _announce(call: Call) -> Steps:
    if call.place is None:
        return _again(call)
    call.sounds += 1
    return [*call.stop_music(), commands.Play(call.plan.leg, _playback(call), spoken(call.place))]


def spoken(place: int) -> tuple[str, ...]:
    """Media URIs of sounds that come with Asterisk; they are played in the channel's language."""
    if place == 1:
        return ("sound:queue-youarenext",)
    return ("sound:queue-thereare", f"number:{place - 1}", "sound:queue-callswaiting")


def _again(call: Call) -> Steps:
    every = call.plan.waiting.announce if call.plan.waiting else None
    return [commands.StartTimer("announce", every)] if every is not None else []


def _playback(call: Call) -> str:
    return call.ids.sound(call.sounds)


ROWS: Rows = in_states(
    [State.WAITING],
    {
        inputs.Started: Row(begin),
        inputs.PlaceKnown: Row(place_known),
        inputs.RoomFound: Row(room_found, to={State.RINGING}),
        inputs.SoundOver: Row(announced),
        inputs.TimeUp: Row(time_up, to=END),
    },
)
