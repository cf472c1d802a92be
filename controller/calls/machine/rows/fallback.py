"""A caller who loses a part of the call: the agent, the media leg, the other side. Rows of the call's table. [pure]

Without an AI the steps of the plan's `on_ai_failure` are tried in order: a sound, a transfer. Then the call ends. It
does not matter how far the call had come, except that nobody who was dialled and has not answered is rescued.
"""

from datetime import datetime

from controller.calls.machine import commands, inputs
from controller.calls.machine.call import Call
from controller.calls.machine.outcome import Outcome, of_unanswered
from controller.calls.machine.plan import PlaySound, State, TransferTo
from controller.calls.machine.rows import (
    agent_tools,
    attended_transfer,
    failover,
    participants,
    refer,
    teardown,
    transfer,
)

SOUND_LIMIT = 30.0  # seconds; a sound whose end is not told does not keep the caller longer


def leg_gone(call: Call, what: inputs.LegGone, now: datetime) -> list[inputs.Step]:
    if what.channel == call.plan.leg:
        if call.state is State.REFERRING and what.in_dialplan:
            return []
        call.cause = call.cause if what.cause is None else what.cause
        return call.end(now, by=teardown.far_end(call))
    if what.channel == call.media:
        why = "Asterisk ended the media leg"
        return failover.media_failed(call, why, now) if failover.connecting(call) else [inputs.AgentLost(why)]
    if call.transfer is None or what.channel != call.transfer.channel:
        if what.channel not in call.other_parties:
            return []
        call.other_parties.discard(what.channel)
        return [] if call.other_parties or call.state is not State.TRANSFERRED else call.end(now, by="participant")
    call.other_parties.discard(what.channel)
    if call.state is State.TRANSFERRED:
        return [] if call.other_parties else call.end(now, by="target")
    if call.state is State.TRANSFERRING:
        return transfer.target_unanswered(call, now, of_unanswered(what.cause, what.sip_status))
    if call.state is State.CONSULTING:
        return transfer.target_unanswered(call, now, Outcome.DECLINED)
    return []


def media_lost(call: Call, what: inputs.MediaLost, now: datetime) -> list[inputs.Step]:
    return [inputs.AgentLost(what.reason)]


def session_gone(call: Call, what: inputs.SessionOver, now: datetime) -> list[inputs.Step]:
    call.session_open, call.counters = False, what.counters
    return [inputs.AgentLost(f"session over: {what.reason}")]


def ai_failed(call: Call, what: inputs.AiFailed, now: datetime) -> list[inputs.Step]:
    return [inputs.AgentLost(f"no AI ({what.kind}): {what.message}", elsewhere=False)]


def agent_lost(call: Call, what: inputs.AgentLost, now: datetime) -> list[inputs.Step]:
    why, elsewhere = what.why, what.elsewhere
    match call.state:
        case State.TALKING | State.HOLDING if call.other_parties:
            return participants.continue_without_agent(call, why)
        case State.FAILOVER:
            return failover.lost_again(call, why, now)
        case State.TALKING | State.HOLDING | State.CONNECTING if elsewhere and failover.possible(call):
            return failover.begin(call, why)
        case State.TRANSFERRED | State.FALLBACK:
            return []  # the agent was taken away by us
        case State.TRANSFERRING | State.REFERRING if call.media_lost:
            return []
        case State.TRANSFERRING:
            call.media_lost, call.stranded = True, elsewhere  # the target may still answer: keep the caller
            call.detail = call.detail or why
            music = [] if call.other_parties else call.start_music()
            return [*music, commands.CloseAi(why)] if call.session_open else music
        case State.CONSULTING:
            return attended_transfer.agent_lost(call, why)
        case State.REFERRING:
            return refer.agent_lost(call, why)
        case State.CLOSING:
            return call.end(now, detail=why)  # it had only goodbye to say
        case State.RINGING | State.CONNECTING | State.TALKING | State.HOLDING if call.fallback_steps:
            return begin(call, why, now)
    # A caller who was not answered gets 503, which lets the trunk try another route.
    return call.end(now, Outcome.FAILED, detail=why, sip_reason="congestion")


def unserved(call: Call, why: str, now: datetime) -> list[inputs.Step]:
    """There never was an agent for this caller, who has just come or has waited in vain."""
    plan, waited = call.plan, call.state is State.WAITING
    call.state = State.RINGING
    over: list[inputs.Step] = [commands.StopTimer("wait"), commands.StopTimer("announce")] if waited else []
    return [
        *over,
        commands.SetVariables(plan.leg, plan.variables),
        commands.CreateBridge(call.ids.bridge),
        *begin(call, why, now),
    ]


def begin(call: Call, why: str, now: datetime) -> list[inputs.Step]:
    """The caller is answered and alone in the bridge; the agent is taken away for good."""
    before, call.state = call.state, State.FALLBACK
    call.media_lost, call.paused, call.detail = True, False, why
    steps: list[inputs.Step] = [commands.StopTimer("answer"), commands.StopTimer("media")]
    if before is State.RINGING:
        call.answered_at = now
        steps.append(commands.Answer(call.plan.leg))
    if before in (State.RINGING, State.CONNECTING):
        steps.append(commands.Join(call.ids.bridge, (call.plan.leg,)))
    steps += [*call.stop_music(), commands.HangUp(call.media)]
    if call.session_open:
        steps.append(commands.CloseAi(why))
    return steps + next_step(call, now)


def next_step(call: Call, now: datetime) -> list[inputs.Step]:
    """What has not been tried yet. Without anything left the call has failed."""
    if call.other_parties:
        return participants.continue_without_agent(call, call.detail or "")
    if not call.fallback_steps:
        return call.end(now, Outcome.FAILED, detail=call.detail)
    call.state = State.FALLBACK
    match call.fallback_steps.pop(0):
        case PlaySound(media):
            call.sounds += 1
            sound = call.ids.sound(call.sounds)
            return [
                *call.stop_music(),
                commands.Play(call.plan.leg, sound, (media,)),
                commands.StartTimer("sound", SOUND_LIMIT),
            ]
        case TransferTo(target):
            return [*call.start_music(), *transfer.ring_target(call, target, by="rescue")]


def next_one(call: Call, _: inputs.NextFallback, now: datetime) -> list[inputs.Step]:
    return next_step(call, now)


def sound_over(call: Call, what: inputs.SoundOver, now: datetime) -> list[inputs.Step]:
    if what.playback != call.ids.sound(call.sounds):
        return []
    return [commands.StopTimer("sound"), *next_step(call, now)]


def sound_overdue(call: Call, what: inputs.TimeUp, now: datetime) -> list[inputs.Step]:
    return next_step(call, now) if what.timer == "sound" else []


def session_left(call: Call, what: inputs.SessionOver, _: datetime) -> list[inputs.Step]:
    """Of an agent that we took away ourselves."""
    call.session_open, call.counters = False, what.counters
    return []


def command_failed(call: Call, what: inputs.CommandFailed, now: datetime) -> list[inputs.Step]:
    command, moved = what.command, call.transfer
    concerned: tuple[str, ...] = ()
    match command:
        case commands.Dial():
            concerned = (command.channel,)
        case commands.Join():
            concerned = command.channels
        case commands.Play() if not what.gone:
            return next_step(call, now)
        case commands.SendDigits() if not what.gone:
            return agent_tools.digits_not_sent(command)
        case commands.Answer():
            call.answered_at = None
    if moved is not None and moved.consultation and _concerns(command, moved.consultation):
        concerned = (moved.channel,)
        attended_transfer.not_begun(call, moved)
    if isinstance(command, commands.Refer):
        return refer.not_sent(call, what, now)
    if moved is not None and moved.channel in concerned:
        call.state = State.TRANSFERRING  # a target that vanished while joining was never connected
        moved.detail = what.reason if what.full else None
        return transfer.target_unanswered(call, now, Outcome.NO_ROOM if what.full else Outcome.FAILED)
    if call.media in concerned and call.plan.leg not in concerned:
        return [inputs.AgentLost(f"its leg could not be moved: {what.reason}")]
    if what.gone:
        return call.end(now, by="caller", detail=what.reason)
    kind = type(command).__name__
    if isinstance(command, commands.Dial) and what.unreachable:
        return call.end(now, Outcome.CONGESTION, detail=f"Asterisk has no way to the trunk: {what.reason}")
    if isinstance(command, commands.OpenMedia) and what.unreachable:
        return failover.media_failed(call, "Asterisk can't connect to its worker", now)
    if isinstance(command, commands.OpenMedia | commands.GreetCaller | commands.AnswerAiTool | commands.SayLast):
        return [inputs.AgentLost(f"{kind}: {what.reason}")]
    return call.end(now, Outcome.FAILED, detail=f"{kind}: {what.reason}", sip_reason="congestion")


def _concerns(command: commands.Command, bridge: str) -> bool:
    return isinstance(command, commands.CreateBridge | commands.Join) and command.bridge == bridge
