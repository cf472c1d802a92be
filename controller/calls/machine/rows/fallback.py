"""A call that loses a leg or its agent, and what is tried without an AI. Rows of the call's table. [pure]

Owns the state FALLBACK: the steps of the agent's `on_ai_failure` are tried in order (a sound, a transfer), then the
call ends. An outbound call that nobody has answered ends at once.
"""

from datetime import datetime

from controller.calls.machine import commands, inputs
from controller.calls.machine.call import Call
from controller.calls.machine.outcome import Outcome, of_unanswered
from controller.calls.machine.plan import State, TransferTo
from controller.calls.machine.row import END, Always, Row, Rows, Steps, in_states, nothing
from controller.calls.machine.rows import failover, participants, teardown

SOUND_LIMIT = 30.0  # seconds after which a sound whose end Asterisk has not told is taken for over


def leg_gone(call: Call, what: inputs.LegGone, now: datetime) -> Steps:
    if what.channel == call.plan.leg:
        if call.state is State.REFERRING and what.in_dialplan:
            return []
        call.cause = call.cause if what.cause is None else what.cause
        return call.end(now, by=teardown.far_end(call))
    if what.channel == call.media:
        why = "Asterisk ended the media leg"
        return failover.media_failed(call, why) if failover.connecting(call) else [inputs.AgentLost(why)]
    if call.transfer is None or what.channel != call.transfer.channel:
        if what.channel not in call.other_parties:
            return []
        call.other_parties.discard(what.channel)
        return [] if call.other_parties or call.state is not State.TRANSFERRED else call.end(now, by="participant")
    call.other_parties.discard(what.channel)
    if call.state is State.TRANSFERRED:
        return [] if call.other_parties else call.end(now, by="target")
    if call.state is State.TRANSFERRING:
        return [inputs.TransferFailed(of_unanswered(what.cause, what.sip_status))]
    if call.state is State.CONSULTING:
        return [inputs.TransferFailed(Outcome.DECLINED)]
    return []


def media_lost(call: Call, what: inputs.MediaLost, now: datetime) -> Steps:
    return [inputs.AgentLost(what.reason)]


def session_gone(call: Call, what: inputs.SessionOver, now: datetime) -> Steps:
    call.session_open, call.counters = False, what.counters
    return [inputs.AgentLost(f"session over: {what.reason}")]


def ai_failed(call: Call, what: inputs.AiFailed, now: datetime) -> Steps:
    return [inputs.AgentLost(f"no AI ({what.kind}): {what.message}", elsewhere=False)]


def lost_while_ringing(_: Call, what: inputs.AgentLost, __: datetime) -> Steps:
    return [inputs.NoAgentLeft(what.why, in_bridge=False)]


def agent_lost(call: Call, what: inputs.AgentLost, _: datetime) -> Steps:
    """Of a call in which caller and agent talk, or are about to."""
    joined = call.state is not State.CONNECTING
    if joined and call.other_parties:
        return participants.continue_without_agent(call, what.why)
    if what.elsewhere and failover.possible(call):
        return failover.begin(call, what.why)
    return [inputs.NoAgentLeft(what.why, in_bridge=joined)]


def no_agent_left(call: Call, what: inputs.NoAgentLeft, now: datetime) -> Steps:
    if what.in_bridge and call.other_parties:
        return participants.continue_without_agent(call, what.why)
    if call.fallback_steps:
        return begin(call, what.why, now, what.in_bridge)
    if call.unreached and not what.in_bridge and call.plan.overflow is not None:
        return _sent_away(call, call.plan.overflow, what.why, now)
    return _failed(call, what.why, now)


def lost_unanswered(call: Call, what: inputs.AgentLost, now: datetime) -> Steps:
    return _failed(call, what.why, now)


def _sent_away(call: Call, place: tuple[str, str], why: str, now: datetime) -> Steps:
    """Asterisk reaches no worker, which nobody knew when the caller was taken: as if there had been none."""
    extension, context = place
    hang_up, *others = call.end(now, Outcome.FAILED, detail=why)
    assert hang_up == commands.HangUp(call.plan.leg), "the caller's leg comes first"
    return [commands.SendAway(call.plan.leg, context, extension), *others]


def _failed(call: Call, why: str, now: datetime) -> Steps:
    """A caller who was not answered gets 503, which lets the trunk try another route."""
    return call.end(now, Outcome.FAILED, detail=why, sip_reason="congestion")


def unserved(call: Call, what: inputs.Unserved, now: datetime) -> Steps:
    plan, waited = call.plan, call.state is State.WAITING
    call.state = State.RINGING
    over = [commands.StopTimer("wait"), commands.StopTimer("announce")] if waited else []
    return [
        *over,
        commands.SetVariables(plan.leg, plan.variables),
        commands.CreateBridge(call.ids.bridge),
        *begin(call, what.why, now, in_bridge=False),
    ]


def begin(call: Call, why: str, now: datetime, in_bridge: bool) -> Steps:
    """The caller is answered and alone in the bridge; the agent is taken away for good."""
    before, call.state = call.state, State.FALLBACK
    call.media_lost, call.paused, call.detail = True, False, why
    if before is State.RINGING:
        call.answered_at = now
    return [
        commands.StopTimer("answer"),
        commands.StopTimer("media"),
        *([commands.Answer(call.plan.leg)] if before is State.RINGING else ()),
        *(() if in_bridge else [commands.Join(call.ids.bridge, (call.plan.leg,))]),
        *call.stop_music(),
        commands.HangUp(call.media),
        *([commands.CloseAi(why)] if call.session_open else ()),
        inputs.NextFallback(),
    ]


def next_step(call: Call, _: inputs.NextFallback, now: datetime) -> Steps:
    """Tries the next step. If none is left, the call has failed."""
    if call.other_parties:
        return participants.continue_without_agent(call, call.detail or "")
    if not call.fallback_steps:
        return call.end(now, Outcome.FAILED, detail=call.detail)
    call.state = State.FALLBACK
    step = call.fallback_steps.pop(0)
    if isinstance(step, TransferTo):
        return [*call.start_music(), inputs.StartTransfer(step.target, by="rescue")]
    call.sounds += 1
    sound = commands.Play(call.plan.leg, call.ids.sound(call.sounds), (step.media,))
    return [*call.stop_music(), sound, commands.StartTimer("sound", SOUND_LIMIT)]


def sound_over(call: Call, what: inputs.SoundOver, now: datetime) -> Steps:
    if what.playback != call.ids.sound(call.sounds):
        return []
    return [commands.StopTimer("sound"), inputs.NextFallback()]


def sound_overdue(call: Call, what: inputs.TimeUp, now: datetime) -> Steps:
    return [inputs.NextFallback()] if what.timer == "sound" else []


def session_left(call: Call, what: inputs.SessionOver, _: datetime) -> Steps:
    """The session of an agent that is not needed any more."""
    call.session_open, call.counters = False, what.counters
    return []


ROWS: Rows = {
    **in_states([State.WAITING, State.RINGING], {inputs.Unserved: Row(unserved, to={State.FALLBACK})}),
    (State.RINGING, inputs.AgentLost): Row(lost_while_ringing),
    (State.CONNECTING, inputs.AgentLost): Row(agent_lost, to={State.FAILOVER}),
    **in_states(
        [State.TALKING, State.HOLDING], {inputs.AgentLost: Row(agent_lost, to={State.FAILOVER, State.TRANSFERRED})}
    ),
    **in_states([State.TRANSFERRED, State.FALLBACK], {inputs.AgentLost: Row(nothing)}),
    **in_states(
        [State.RINGING, State.CONNECTING, State.TALKING, State.HOLDING],
        {inputs.NoAgentLeft: Row(no_agent_left, to={State.FALLBACK, *END})},
    ),
    (State.FAILOVER, inputs.NoAgentLeft): Row(no_agent_left, to={State.FALLBACK, State.TRANSFERRED, *END}),
    **in_states(
        [State.TRANSFERRING, State.REFERRING, State.TRANSFERRED, State.FALLBACK],
        {inputs.NextFallback: Row(next_step, to={State.FALLBACK, State.TRANSFERRED, *END})},
    ),
    (State.FALLBACK, inputs.SoundOver): Row(sound_over),
    (State.FALLBACK, inputs.TimeUp): Row(sound_overdue),
    **in_states([State.FALLBACK, State.TRANSFERRED], {inputs.SessionOver: Row(session_left)}),
}
ALWAYS: Always = {
    inputs.LegGone: Row(leg_gone, to=END),
    inputs.MediaLost: Row(media_lost),
    inputs.SessionOver: Row(session_gone),
    inputs.AiFailed: Row(ai_failed),
    inputs.AgentLost: Row(lost_unanswered, to=END),
}
