"""The call: its states, as one table, and what to do at each input. [pure]

`handle(call, input, now)` returns the commands to carry out, in order, and never waits for anything. The table below
is the whole of it (the rows of TRANSFERRED and REHOMING are in `transferred` and `failover`); what the rows do is in
`rows/`, and the state of a call in `call`. The states of an inbound call run down the left, of an outbound one down
the right:

    WAITING    there is no room: music, and the
       |       place in the line (or RESCUING)
    RINGING    the caller hears ringing,        PREPARING  the AI session is being opened: nobody is
               the AI session is being opened              dialled before there is somebody to talk to
       |                                        DIALING    the callee's phone rings
       |                                        DETECTING  who has answered, if somebody wants to know
       +--------------------+---------------------+
                        CONNECTING     answered; the media leg and the worker's silence are awaited
                        TALKING        caller and agent hear each other
                        HOLDING        the caller hears music for a while, the agent is paused
                        CLOSING        the agent says its last words, then the call ends
                        TRANSFERRING   the target of a transfer rings; caller and agent go on, or the caller hears
                                       music if it was one of them who asked for it
                        CONSULTING     the target has answered and talks with the agent, the caller hears music
                        REFERRING      the caller's far end was asked (SIP REFER) to call somebody else
                        TRANSFERRED    caller and target hear each other, the agent is gone
                        REHOMING       the agent's worker or leg is lost: another takes over, the caller hears tones
                        RESCUING       there is no AI: what the agent's `on_ai_failure` says is tried
                        ENDING         all is being taken down
                        ENDED

A caller may be gone in the middle of any of these. An input that a state has no row for is late or does not
concern it (a leg that we hung up reports its end, a deadline passes that lost its race) and changes nothing.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from controller.calls.machine import inputs as m, loops
from controller.calls.machine.call import Call
from controller.calls.machine.outcome import Outcome
from controller.calls.machine.plan import State
from controller.calls.machine.rows import (
    agent_control,
    agent_tools,
    answer_detection,
    answering,
    attended_transfer,
    caller_hold,
    failover,
    fallback,
    hold,
    inbound_audio,
    participants,
    refer,
    supervision,
    teardown,
    transfer,
    transferred,
    waiting,
    wrap_up,
)


def start(call: Call) -> list[m.Command]:
    """The first commands. Nothing has been done for this call before them."""
    return _resolved(call, _begun(call), call.started_at)


def handle(call: Call, what: m.Input, now: datetime) -> list[m.Command]:
    """What to do about an input, in order. Never raises for an input that comes late or twice."""
    commands = _resolved(call, _reaction(call, what, now), now)
    steps = [*transferred.watched(call, now), *caller_hold.applied(call, commands, now), *inbound_audio.watched(call)]
    return _resolved(call, steps, now)


def _begun(call: Call) -> list[m.Step]:
    plan = call.plan
    if (looped := loops.refusal(call.origin, plan.max_hops)) is not None:
        call.session_open = False
        return [*call.end(call.started_at, Outcome.FAILED, detail=looped, sip_reason="busy")]
    if plan.unserved is not None:
        return fallback.unserved(call, plan.unserved, call.started_at)
    return [*(answering.begin(call) if plan.waiting is None else waiting.begin(call))]


def _reaction(call: Call, what: m.Input, now: datetime) -> list[m.Step]:
    if call.state is State.ENDED or (isinstance(what, m.Tool) and not call.opened(what.tool_call)):
        return []
    if caller_hold.concerned(call, what):
        return caller_hold.happened(call, what, now)
    if isinstance(what, m.LegEntered) and teardown.unexpected(call, what.channel):
        return teardown.too_late(call, what)
    if call.state is not State.ENDING and (found := participants.concerned(call, what)):
        return participants.happened(call, found, what, now)
    if call.state is not State.ENDING and supervision.concerned(call, what):
        return supervision.happened(call, what, now)
    if inbound_audio.concerned(what):
        return inbound_audio.happened(call, what, now)
    if isinstance(what, m.TimeUp) and what.timer == "again":
        return failover.again(call)
    handler = _TABLE[call.state].get(type(what)) or _ALWAYS.get(type(what))
    return handler(call, what, now) if handler else []


def _resolved(call: Call, steps: Iterable[m.Step], now: datetime) -> list[m.Command]:
    """What a row has left to another one is done in its place."""
    commands: list[m.Command] = []
    for step in steps:
        if isinstance(step, m.Internal):
            commands += _resolved(call, _INTERNAL[type(step)](call, step, now), now)
        else:
            commands.append(step)
    return commands


Handler = Callable[[Call, Any, datetime], list[m.Step]]

_TOOLS_OF_TALKING = (m.HangUpTool, m.SendDigitsTool, m.HoldTool, m.VoicemailTool, m.RunTool, m.TransferAsked)
_ALWAYS: dict[type, Handler] = {
    m.LegGone: fallback.leg_gone,
    m.LegHungUp: teardown.leg_hung_up,
    m.MediaLost: fallback.media_lost,
    m.SessionOver: fallback.session_gone,
    m.WorkerLost: failover.worker_lost,
    m.NoWorkerFound: failover.no_worker,
    m.AiFailed: fallback.ai_failed,
    m.CommandFailed: fallback.command_failed,
    m.HangUpAsked: teardown.hang_up,
    m.Conversed: agent_tools.conversed,
    m.RecordingTold: agent_control.recording_told,
    m.ToolRefused: agent_tools.refused,
    m.WaitTool: agent_tools.wait,
    m.ToolDone: agent_tools.done,
    **dict.fromkeys(_TOOLS_OF_TALKING, agent_tools.not_now),
    m.DecideTool: attended_transfer.not_asked,
    m.WrapUpDue: wrap_up.later,
    m.ParticipantAsked: participants.asked,
    m.SuperviseAsked: supervision.asked,
}
"""What any state does unless its own row says otherwise."""

_WITH_AGENT: dict[type, Handler] = {
    m.MuteAsked: agent_control.mute,
    m.DigitsAsked: agent_control.digits,
    m.SayAsked: agent_control.say,
    m.SwitchAsked: agent_control.switch,
    m.RecordAsked: agent_control.record,
}
"""What ops may do wherever there is an agent, heard or not."""

_TABLE: dict[State, dict[type, Handler]] = {
    State.WAITING: {
        m.PlaceKnown: waiting.place_known,
        m.RoomFound: waiting.room_found,
        m.SoundOver: waiting.announced,
        m.TimeUp: waiting.time_up,
    },
    State.RINGING: {m.AiReady: answering.answer_ready, m.TimeUp: answering.answer_overdue},
    State.PREPARING: {m.AiReady: answering.dial, m.TimeUp: answering.prepare_overdue},
    State.DIALING: {
        m.AiReady: failover.ready_early,
        m.LegEntered: answer_detection.answered,
        m.LegGone: answering.callee_gone,
        m.TimeUp: answering.dial_overdue,
    },
    State.DETECTING: {
        m.AiReady: failover.ready_early,
        m.LegEntered: answer_detection.told,
        m.LegGone: answer_detection.left,
        m.CommandFailed: answer_detection.impossible,
        m.TimeUp: answer_detection.overdue,
    },
    State.CONNECTING: {
        m.LegEntered: answering.media_leg_entered,
        m.MediaFlowing: answering.silence_flows,
        m.AiReady: answering.ready_late,
        m.TimeUp: answering.media_overdue,
    },
    State.TALKING: {
        m.AiReady: answering.ready_late,
        **_WITH_AGENT,
        m.TransferAsked: transfer.asked,
        m.DigitPressed: transfer.digit_pressed,
        m.HoldAsked: hold.asked,
        m.HangUpTool: agent_tools.hang_up,
        m.SendDigitsTool: agent_tools.send_digits,
        m.HoldTool: agent_tools.hold,
        m.VoicemailTool: answer_detection.recognised,
        m.RunTool: agent_tools.run,
        m.WrapUpDue: wrap_up.due,
        m.LastSaid: wrap_up.last_said,
        m.TimeUp: wrap_up.time_up,
    },
    State.HOLDING: {
        **_WITH_AGENT,
        m.TransferAsked: transfer.asked,
        m.HoldAsked: hold.taken_over,
        m.ResumeAsked: hold.resumed,
        m.DigitPressed: transfer.digit_pressed,
        m.SendDigitsTool: agent_tools.send_digits,
        m.RunTool: agent_tools.run,
        m.ToolDone: hold.tool_done,
        m.WrapUpDue: wrap_up.due,
        m.LastSaid: wrap_up.last_said,
        m.TimeUp: hold.time_up,
    },
    State.CLOSING: {
        m.DigitsAsked: agent_control.digits,
        m.HangUpTool: wrap_up.hang_up,
        m.ToolDone: wrap_up.tool_done,
        m.WrapUpDue: teardown.nothing,
        m.LastSaid: wrap_up.last_said,
        m.TimeUp: wrap_up.overdue,
    },
    State.TRANSFERRING: {
        **_WITH_AGENT,
        m.LegEntered: transfer.target_answered,
        m.TransferAsked: transfer.asked_again,
        m.TransferCancelled: transfer.cancelled,
        m.DigitPressed: transfer.digit_pressed,
        m.HangUpTool: transfer.hang_up_refused,
        m.RunTool: agent_tools.run,
        m.LastSaid: wrap_up.finished_meanwhile,
        m.TimeUp: transfer.target_overdue,
    },
    State.CONSULTING: {
        m.TransferAsked: transfer.asked_again,
        m.TransferCancelled: transfer.cancelled,
        m.TransferDecided: attended_transfer.decided,
        m.DecideTool: attended_transfer.decided,
        m.DigitPressed: attended_transfer.digit_pressed,
        m.HangUpTool: transfer.hang_up_refused,
        m.LastSaid: wrap_up.finished_meanwhile,
        m.TimeUp: attended_transfer.time_up,
    },
    State.REFERRING: {
        m.LegReturned: refer.returned,
        m.LegHungUp: refer.hung_up,
        m.TransferAsked: transfer.asked_again,
        m.HangUpTool: transfer.hang_up_refused,
        m.LastSaid: wrap_up.finished_meanwhile,
        m.TimeUp: refer.overdue,
    },
    State.TRANSFERRED: transferred.ROWS,
    State.REHOMING: failover.ROWS,
    State.RESCUING: {
        m.SoundOver: fallback.sound_over,
        m.TimeUp: fallback.sound_overdue,
        m.SessionOver: fallback.session_left,
    },
    State.ENDING: {
        m.LegGone: teardown.cause_known,
        m.SessionOver: teardown.session_over,
        m.WorkerLost: teardown.worker_lost,
        m.TimeUp: teardown.overdue,
        **dict.fromkeys((m.MediaLost, m.AiFailed, m.CommandFailed, m.HangUpAsked), teardown.nothing),
    },
    State.ENDED: {},
}

_INTERNAL: dict[type, Handler] = {
    m.AgentLost: fallback.agent_lost,
    m.NextFallback: fallback.next_one,
    m.TransferAccepted: transfer.accepted,
    m.TransferFailed: transfer.failed,
    m.CallerBack: transfer.back_with_agent,
}
"""What rows leave to others (`inputs.internal`)."""
