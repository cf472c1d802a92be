"""A supervisor listens to a call, whispers to a colleague in it, or takes it over. Rows of the call's table. [pure]

Owns the supervisor's leg, and the snoop channel by which they hear the call without being in its bridge. What concerns
them comes here in every state. There is one at a time; the call goes on whatever becomes of them, with one exception.

    listen       a snoop of the caller's leg: hears both sides, is heard by nobody
    whisper      a snoop of the colleague's leg, after a transfer: the colleague hears them, the caller does not
    take_over    in the call's bridge: the agent leaves for good; a colleague stays

    the colleague leaves, and others are there     back to listen
    who has taken over leaves, nobody is there     the call is over
    the mode is not possible (any more)            listen
"""

from datetime import datetime

from controller.calls.machine import commands, inputs
from controller.calls.machine.call import SUPERVISOR, Call
from controller.calls.machine.outcome import Outcome, of_failed, of_unanswered
from controller.calls.machine.plan import RING_GRACE, State, Supervision
from controller.calls.machine.row import END, Always, Row, Rows, Steps, in_states
from controller.calls.machine.rows import participants
from controller.calls.machine.types import SupervisionMode

OPEN = (State.TALKING, State.HOLDING, State.TRANSFERRING, State.CONSULTING, State.TRANSFERRED)
"""States in which a supervision may begin."""

WHY = "a supervisor has taken the call over"
_WITH_AGENT = (State.TALKING, State.HOLDING)


def possible(call: Call, mode: SupervisionMode) -> bool:
    """Whether a supervision in this mode could begin now."""
    match mode:
        case "listen":
            return call.state in OPEN
        case "whisper":
            return call.state is State.TRANSFERRED and _colleague(call) is not None
    return call.state in (State.TALKING, State.HOLDING, State.TRANSFERRED)


def changeable(call: Call, supervision: Supervision, mode: SupervisionMode) -> bool:
    """Whether the supervisor who is there may change to this mode."""
    if supervision.mode == "take_over" and supervision.state == "on" and not call.other_parties - {supervision.channel}:
        return False  # nobody else is with the caller
    return mode == "listen" or possible(call, mode)


def taking_over(call: Call) -> bool:
    """A supervisor is about to join the bridge, in the agent's place."""
    supervision = call.supervision
    taken = supervision is not None and supervision.mode == "take_over" and supervision.state == "on"
    return taken and call.state in (State.TALKING, State.HOLDING)


def takes(call: Call, what: inputs.Input) -> bool:
    """Whether an input is about the supervisor who is there, or is dialled."""
    supervision = call.supervision
    if supervision is None or not call.supervised or call.state is State.ENDING:
        return False
    match what:
        case inputs.SupervisionChanged() | inputs.SupervisionEnded() | inputs.TimeUp("supervisor"):
            return True
        case inputs.LegEntered(channel) | inputs.LegGone(channel):
            return channel in (supervision.channel, supervision.snoop)
        case inputs.CommandFailed(command=commands.Dial(channel) | commands.Join(channels=(channel,))):
            return channel in (supervision.channel, supervision.snoop)
        case inputs.CommandFailed(command=commands.Snoop()):
            return True
        case inputs.CommandFailed(command=commands.CreateBridge(bridge)):
            return bridge == call.ids.supervision
    return False


def asked(call: Call, what: inputs.SuperviseAsked, _: datetime) -> Steps:
    if call.supervised:
        return []  # another supervisor came first
    call.supervisions += 1
    call.supervision = Supervision(what.channel, what.target, what.mode, what.by)
    if call.state not in OPEN:
        call.supervision.state, call.supervision.outcome = "failed", Outcome.CANCELLED
        return []
    return [
        commands.Dial(what.channel, what.target, {"VOICEAI_CALL": call.plan.call}),
        commands.StartTimer(SUPERVISOR, what.target.timeout + RING_GRACE),
    ]


def handle(call: Call, what: inputs.Input, now: datetime) -> Steps:
    """The commands that follow from an input about the supervisor."""
    supervision = call.supervision
    assert supervision is not None, "see takes"
    match what:
        case inputs.LegEntered(channel) if channel == supervision.snoop:
            return [commands.Join(call.ids.supervision, (channel,))]
        case inputs.LegEntered() if supervision.state == "ringing":
            return _answered(call, supervision)
        case inputs.LegGone(channel) if channel == supervision.snoop:
            return _heard_leg_gone(call, supervision, now)
        case inputs.LegGone(_, cause, status):
            return _gone(call, supervision, now, of_unanswered(cause, status))
        case inputs.TimeUp("supervisor") if supervision.state == "ringing":
            return _gone(call, supervision, now, Outcome.NO_ANSWER)
        case inputs.CommandFailed(command=command) if _is_of_snoop(supervision, command):
            return _heard_leg_gone(call, supervision, now)
        case inputs.CommandFailed():
            return _gone(call, supervision, now, of_failed(what.gone, what.full))
        case inputs.SupervisionEnded():
            return _gone(call, supervision, now, Outcome.CANCELLED)
        case inputs.SupervisionChanged(mode):
            return _changed(call, supervision, mode)
    return []


def _answered(call: Call, supervision: Supervision) -> Steps:
    stopped = [commands.StopTimer(SUPERVISOR)]
    if call.state not in OPEN:
        return call.end_supervision(Outcome.CANCELLED)
    supervision.state, supervision.outcome = "on", Outcome.ANSWERED
    mode = supervision.mode if possible(call, supervision.mode) else "listen"
    return [
        *stopped,
        *(_take_over(call, supervision) if mode == "take_over" else _hear(call, supervision, mode, alone=True)),
    ]


def _changed(call: Call, supervision: Supervision, mode: SupervisionMode) -> Steps:
    if supervision.state == "ringing":
        supervision.mode = mode
        return []
    if mode == supervision.mode or not changeable(call, supervision, mode):
        return []
    if mode == "take_over":
        return _take_over(call, supervision)
    return _hear(call, supervision, mode, alone=supervision.mode == "take_over")


def _hear(call: Call, supervision: Supervision, mode: SupervisionMode, *, alone: bool) -> Steps:
    """Through a new snoop. `alone`: the supervisor's leg has to join the bridge of the supervision first."""
    colleague = _colleague(call) if mode == "whisper" else None
    before, heard = supervision.snoop, colleague or call.plan.leg
    supervision.mode = "whisper" if colleague else "listen"
    call.snoops += 1
    supervision.snoop = call.ids.snoop(call.snoops)
    call.other_parties.discard(supervision.channel)
    bridge = call.ids.supervision
    entered = (commands.CreateBridge(bridge), commands.Join(bridge, (supervision.channel,))) if alone else ()
    silenced = [commands.HangUp(before)] if before else []
    return [*silenced, *entered, commands.Snoop(heard, supervision.snoop, whisper=colleague is not None)]


def _take_over(call: Call, supervision: Supervision) -> Steps:
    """The supervisor joins in the agent's place; the agent is back if that fails. What is queued meanwhile waits
    (`ConfirmJoin`)."""
    before, supervision.snoop = supervision.snoop, None
    supervision.mode = "take_over"
    call.other_parties.add(supervision.channel)
    silenced = (commands.HangUp(before), commands.DestroyBridge(call.ids.supervision)) if before else ()
    agent = call.media if call.state in _WITH_AGENT and not call.media_lost else None
    return [
        *silenced,
        commands.Join(call.ids.bridge, (supervision.channel,), agent),
        commands.ConfirmJoin(supervision.channel),
    ]


def taken_over(call: Call, what: inputs.LegJoined, _: datetime) -> Steps:
    """The supervisor is in the bridge: the agent is not needed any more."""
    there = call.supervised and call.supervision is not None and what.channel == call.supervision.channel
    return participants.continue_without_agent(call, WHY) if there else []


def _heard_leg_gone(call: Call, supervision: Supervision, now: datetime) -> Steps:
    """The leg to which the snoop listened is gone. If it was a colleague's, the supervisor goes on listening."""
    if supervision.mode == "whisper" and call.state in OPEN:
        return _hear(call, supervision, "listen", alone=False)
    return _gone(call, supervision, now, Outcome.FAILED)


def _gone(call: Call, supervision: Supervision, now: datetime, outcome: Outcome) -> Steps:
    ended = call.end_supervision(outcome)
    if supervision.channel not in call.other_parties:
        return ended
    call.other_parties.discard(supervision.channel)
    if call.state is not State.TRANSFERRED or call.other_parties:
        return ended
    return [*ended, *call.end(now, by="supervisor")]


def _colleague(call: Call) -> str | None:
    """Who talks with the caller in the agent's place: the target of the transfer, or somebody who was asked in."""
    others = call.other_parties - ({call.supervision.channel} if call.supervision else set())
    target = call.transfer.channel if call.transfer else None
    return target if target in others else min(others, default=None)


def _is_of_snoop(supervision: Supervision, command: commands.Command) -> bool:
    match command:
        case commands.Snoop(snoop=snoop) | commands.Join(channels=(snoop,)):
            return snoop == supervision.snoop
    return False


ROW = Row(handle, to=END)
ROWS: Rows = in_states([State.TALKING, State.HOLDING], {inputs.LegJoined: Row(taken_over, to={State.TRANSFERRED})})
ALWAYS: Always = {inputs.SuperviseAsked: Row(asked)}
