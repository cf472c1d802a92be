"""A call whose worker is lost goes on with another one. Rows of the call's table. [pure]

Owns the state FAILOVER. A worker may be killed, or its media leg may break. The caller stays in the bridge and hears
soft tones after `QUIET` (or the music of the hold that they are on) until the agent is back. Phases:

    leaving    a session that may still live is told to end; its end tells what it recorded
    looking    a worker is asked for, with the conversation so far; if none has room, again after `AGAIN`. One that may
               still speak of the former session of this call is asked once that has ended
    joining    the AI is ready: a new media leg, which joins when it has entered and the worker's silence flows

A worker that Asterisk does not reach (its media leg does not come up) is not taken again for the call. One that refuses
the session has taken nothing: the next one is asked at once, which is no loss.

The phases together may take `LIMIT` seconds (`FIRST_LIMIT` before the agent was heard), and a call may lose its agent
`MOST` times. After that the call goes on without an AI (`fallback`). Before the call is answered, only a new session is
asked for: nobody notices. If others have joined, or the last words are said, the call is not moved to another worker:
`fallback` has the rows for that. While a target of a transfer rings, the agent is asked for again only if nobody
answers.

Mutes, the hold and the recording stay as they were. What ops ask meanwhile is refused.
"""

from datetime import datetime

from bridge import contract
from controller.calls.machine import commands, inputs
from controller.calls.machine.call import TOOL_ANSWERED, UNANSWERED, Call
from controller.calls.machine.plan import Failover, State
from controller.calls.machine.row import Always, Row, Rows, Steps, in_states
from controller.calls.machine.rows import wrap_up

MOST = 3
LIMIT = 10.0  # seconds from a loss until an agent is back; a worker that is started again needs about one
FIRST_LIMIT = 4.0  # the same for a caller who has heard no agent yet: rather the fall-back than a longer wait
LEAVE = 1.0  # seconds that a session may take to end
AGAIN = 0.2  # seconds between two looks for a worker
QUIET = 0.3  # seconds before the tones: most calls are back by then

_TIMERS = ("media", "failover", "leave", "again", "tone")


def possible(call: Call) -> bool:
    return call.losses < MOST


# ---------------------------------------------------------------- lost


def worker_lost(call: Call, what: inputs.WorkerLost, now: datetime) -> Steps:
    call.session_open = False
    failover = call.failover
    if call.state in UNANSWERED and possible(call):
        call.losses += 1
        call.ai_ready = False
        return _ask_for_worker(call)
    if call.state is State.FAILOVER and failover is not None and failover.phase == "leaving":
        return [commands.StopTimer("leave"), *_ask_for_worker(call)]
    return [inputs.AgentLost(what.reason)]


def begin(call: Call, why: str) -> Steps:
    """For a call in which caller and agent talk, or were about to."""
    before, call.state = call.state, State.FAILOVER
    joined = before is not State.CONNECTING
    call.failover = Failover(State.TALKING if before is State.CONNECTING else before, joined, "looking")
    call.losses += 1
    call.ai_ready = call.paused = False
    call.inherited_tools |= call.open_tools
    steps = [
        commands.StopTimer("media"),
        *_leave(call, why),
        *_next_leg(call),
        commands.StartTimer("failover", LIMIT if joined else FIRST_LIMIT),
    ]
    return steps if call.music else [*steps, commands.StartTimer("tone", QUIET)]


def media_failed(call: Call, why: str) -> Steps:
    """The media leg did not come up. If the worker has not seen it, Asterisk may not reach that worker."""
    if call.media_flowing:
        return [inputs.AgentLost(why)]
    call.unreached = True
    return [commands.ExcludeWorker(why), inputs.AgentLost(why)]


def connecting(call: Call) -> bool:
    """A media leg was asked for, and has not joined."""
    joining = call.failover is not None and call.failover.phase == "joining"
    return call.state is State.CONNECTING or (call.state is State.FAILOVER and joining)


def stranded(call: Call) -> bool:
    """The agent was lost during a transfer, nobody else is with the caller, and another worker may be had."""
    return call.stranded and not call.other_parties and possible(call)


def begin_stranded(call: Call, news: str) -> Steps:
    """The target of the transfer has not answered. `news`: told to the agent."""
    why, call.detail = call.detail or "", None
    call.state, call.media_lost, call.stranded = State.TALKING, False, False
    steps = begin(call, why)
    assert call.failover is not None, "it has just begun"
    call.failover.news.append(news)
    return steps


def lost_again(call: Call, what: inputs.AgentLost, _: datetime) -> Steps:
    """The worker that was to take over is lost, too."""
    if not possible(call):
        return _give_up(call, what.why)
    call.losses += 1
    call.ai_ready = False
    return [commands.StopTimer("media"), *_next_leg(call), *_leave(call, what.why)]


def _next_leg(call: Call) -> Steps:
    """The media leg gets another id: what is told of the former one concerns the call no longer."""
    former, call.media = call.media, call.ids.later_media(call.losses + 1)
    return [commands.HangUp(former)]


def _give_up(call: Call, why: str) -> Steps:
    """There is no AI for this call."""
    assert call.failover is not None, "only called in FAILOVER"
    joined = call.failover.joined
    return [*_settled(call), inputs.NoAgentLeft(why, joined)]


def _settled(call: Call) -> Steps:
    """Ends timers and tones."""
    failover, call.failover = call.failover, None
    assert failover is not None, "only called in FAILOVER"
    tone = [commands.StopTone(failover.tone)] if failover.tone is not None else []
    return [*map(commands.StopTimer, _TIMERS), *tone]


def _leave(call: Call, why: str) -> Steps:
    assert call.failover is not None, "only called in FAILOVER"
    if not call.session_open:
        return _ask_for_worker(call)
    call.failover.phase = "leaving"
    return [commands.LeaveAi(why), commands.StartTimer("leave", LEAVE)]


# ---------------------------------------------------------------- another one


def _ask_for_worker(call: Call) -> Steps:
    call.session_open = True
    call.session += 1  # what is told of the former one concerns the call no longer
    if call.failover is not None:
        call.failover.phase = "looking"
    spec = call.plan.agent.spec
    wanted = None if call.recording == "off" else call.plan.agent.recording or spec.recording
    if wanted != spec.recording:
        spec = spec.model_copy(update={"recording": wanted})
    return [commands.PrepareAi(spec, resumed=True)]


def no_worker(call: Call, what: inputs.NoWorkerFound, now: datetime) -> Steps:
    """A call that has lost its worker waits until one is started again; one that never had a worker does not."""
    call.session_open = False
    if call.state is State.ENDING:
        return []
    if call.losses and call.state in (*UNANSWERED, State.FAILOVER):
        return [commands.StartTimer("again", AGAIN)]
    return [inputs.AgentLost(what.reason)]


def refused(call: Call, what: inputs.SessionRefused, _: datetime) -> Steps:
    """Several controllers may share a worker, so that it is full before this one knows."""
    looking = call.failover is not None and call.failover.phase == "looking"
    if call.state in UNANSWERED or (call.state is State.FAILOVER and looking):
        return _ask_for_worker(call)
    return [inputs.AgentLost(what.reason)]


def is_look(_: Call, what: inputs.Input) -> bool:
    return isinstance(what, inputs.TimeUp) and what.timer == "again"


def look_again(call: Call, _: inputs.TimeUp, __: datetime) -> Steps:
    return _ask_for_worker(call) if _looks_for_worker(call) else []


def _looks_for_worker(call: Call) -> bool:
    return call.losses > 0 and call.state in (*UNANSWERED, State.FAILOVER) and not call.session_open


def session_over(call: Call, what: inputs.SessionOver, now: datetime) -> Steps:
    call.session_open, call.counters = False, what.counters
    assert call.failover is not None, "the state goes with it"
    if call.failover.phase == "leaving":
        return [commands.StopTimer("leave"), *_ask_for_worker(call)]
    return [inputs.AgentLost(f"session over: {what.reason}")]


def of_former(call: Call, what: inputs.Input) -> Steps:
    """An input of a session that is the call's no longer. If it has ended, its worker may be asked again."""
    if not isinstance(what, inputs.SessionOver):
        return []
    call.counters = what.counters
    return [commands.StopTimer("again"), *_ask_for_worker(call)] if _looks_for_worker(call) else []


def ai_failed(call: Call, what: inputs.AiFailed, now: datetime) -> Steps:
    why = f"no AI ({what.kind}): {what.message}"
    assert call.failover is not None, "the state goes with it"
    if call.failover.phase == "leaving":
        return []
    return [inputs.AgentLost(why)] if what.kind == "transient" else _give_up(call, why)


def ready_early(call: Call, _: inputs.AiReady, __: datetime) -> Steps:
    """Before the call is answered."""
    call.ai_ready = True
    return []


def ready(call: Call, _: inputs.AiReady, __: datetime) -> Steps:
    failover = call.failover
    if failover is None or failover.phase != "looking":
        return []
    failover.phase, call.ai_ready = "joining", True
    call.media_entered = call.media_flowing = False
    return [commands.OpenMedia(call.media), commands.StartTimer("media", call.plan.media_timeout)]


def media_leg_entered(call: Call, what: inputs.LegEntered, _: datetime) -> Steps:
    call.media_entered = call.media_entered or what.channel == call.media
    return _join_when_both(call)


def silence_flows(call: Call, _: inputs.MediaFlowing, __: datetime) -> Steps:
    call.media_flowing = True
    return _join_when_both(call)


def media_lost(call: Call, what: inputs.MediaLost, now: datetime) -> Steps:
    """The former session's leg does not matter any more."""
    joining = call.failover is not None and call.failover.phase == "joining"
    return [inputs.AgentLost(what.reason)] if joining else []


def time_up(call: Call, what: inputs.TimeUp, now: datetime) -> Steps:
    match what.timer:
        case "tone":
            return _start_comfort_tone(call)
        case "length":
            call.wrap_up_due = wrap_up.LENGTH
        case "hold":
            call.hold_tool_call = None  # the music goes on until the agent is back, which then talks
            if call.failover is not None and call.held_by == "agent":
                call.held_by, call.failover.back_to = None, State.TALKING
        case "failover":
            return _give_up(call, "no other worker took the call over in time")
        case "media":
            return media_failed(call, "the media leg did not come up in time")
        case "leave" if call.failover is not None and call.failover.phase == "leaving":
            return _ask_for_worker(call)
    return []


def _start_comfort_tone(call: Call) -> Steps:
    if call.failover is None or call.failover.tone is not None or call.music:
        return []
    call.sounds += 1
    call.failover.tone = call.ids.sound(call.sounds)
    return [commands.StartTone(call.plan.leg, call.failover.tone)]


def tool_done(call: Call, what: inputs.ToolDone, _: datetime) -> Steps:
    call.open_tools.discard(what.tool_call)
    assert call.failover is not None, "the state goes with it"
    call.failover.news.append(TOOL_ANSWERED.format(what.output))
    return []


# ---------------------------------------------------------------- back


def _join_when_both(call: Call) -> Steps:
    failover = call.failover
    if failover is None or failover.phase != "joining" or not (call.media_entered and call.media_flowing):
        return []
    stopped = _settled(call)
    call.state = failover.back_to
    legs = (call.media,) if failover.joined else (call.plan.leg, call.media)
    steps = [*stopped, commands.Join(call.ids.bridge, legs), *_as_before(call)]
    steps += [call.news(text, respond=False) for text in failover.news]
    return [*steps, commands.GreetCaller(), *wrap_up.if_due(call)]


def _as_before(call: Call) -> Steps:
    """The new session is told who is muted, that the recording is paused, that the caller is on hold."""
    id_ = call.plan.call
    orders = []
    if call.muted:
        order = contract.Mute(call=id_, caller="caller" in call.muted, agent="agent" in call.muted)
        orders.append(commands.OrderAi(order))
    if call.recording == "paused":
        orders.append(commands.OrderAi(contract.Record(call=id_, action="pause")))
    if call.state is State.HOLDING:
        return [*orders, *call.pause()]
    return [*orders, *call.stop_music()]


_BACK = {State.TALKING, State.HOLDING, State.CLOSING}
ROW = Row(look_again)
ROWS: Rows = {
    **in_states([State.DIALING, State.DETECTING], {inputs.AiReady: Row(ready_early)}),
    **in_states(
        [State.FAILOVER],
        {
            inputs.AgentLost: Row(lost_again),
            inputs.AiReady: Row(ready),
            inputs.AiFailed: Row(ai_failed),
            inputs.LegEntered: Row(media_leg_entered, to=_BACK),
            inputs.MediaFlowing: Row(silence_flows, to=_BACK),
            inputs.MediaLost: Row(media_lost),
            inputs.SessionOver: Row(session_over),
            inputs.ToolDone: Row(tool_done),
            inputs.TimeUp: Row(time_up),
        },
    ),
}
ALWAYS: Always = {
    inputs.WorkerLost: Row(worker_lost),
    inputs.SessionRefused: Row(refused),
    inputs.NoWorkerFound: Row(no_worker),
}
