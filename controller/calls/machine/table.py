"""The call: its states, as one table, and what to do at each input. [pure]

`handle(call, input, now)` returns the commands to carry out, in order, and never waits for anything. The table below
is the whole of it (the rows of TRANSFERRED and FAILOVER are in `transferred` and `failover`); what the rows do is in
`rows/`, and the state of a call in `call`. The states of an inbound call run down the left, of an outbound one down
the right:

    WAITING    there is no room: music, and the
       |       place in the line (or FALLBACK)
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
                        FAILOVER       the agent's worker or leg is lost: another takes over, the caller hears tones
                        FALLBACK       there is no AI: what the agent's `on_ai_failure` says is tried
                        ENDING         all is being taken down
                        ENDED

A caller may be gone in the middle of any of these. An input that a state has no row for is late or does not
concern it (a leg that we hung up reports its end, a deadline passes that lost its race) and changes nothing.
"""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from controller.calls.machine import commands, inputs, loops
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


def start(call: Call) -> list[commands.Command]:
    """The first commands. Nothing has been done for this call before them."""
    return _resolved(call, _begun(call), call.started_at)


def handle(call: Call, what: inputs.Input, now: datetime) -> list[commands.Command]:
    """What to do about an input, in order. Never raises for an input that comes late or twice."""
    done = _resolved(call, _reaction(call, what, now), now)
    steps = [*transferred.watched(call, now), *caller_hold.applied(call, done, now), *inbound_audio.watched(call)]
    return _resolved(call, steps, now)


def _begun(call: Call) -> list[inputs.Step]:
    plan = call.plan
    if (looped := loops.refusal(call.origin, plan.max_hops)) is not None:
        call.session_open = False
        return [*call.end(call.started_at, Outcome.FAILED, detail=looped, sip_reason="busy")]
    if plan.unserved is not None:
        return fallback.unserved(call, plan.unserved, call.started_at)
    return [*(answering.begin(call) if plan.waiting is None else waiting.begin(call))]


def _reaction(call: Call, what: inputs.Input, now: datetime) -> list[inputs.Step]:
    if call.state is State.ENDED or (isinstance(what, inputs.Tool) and not call.opened(what.tool_call)):
        return []
    if caller_hold.concerned(call, what):
        return caller_hold.happened(call, what, now)
    if isinstance(what, inputs.LegEntered) and teardown.unexpected(call, what.channel):
        return teardown.too_late(call, what)
    if call.state is not State.ENDING and (found := participants.concerned(call, what)):
        return participants.happened(call, found, what, now)
    if call.state is not State.ENDING and supervision.concerned(call, what):
        return supervision.happened(call, what, now)
    if inbound_audio.concerned(what):
        return inbound_audio.happened(call, what, now)
    if isinstance(what, inputs.TimeUp) and what.timer == "again":
        return failover.again(call)
    handler = _TABLE[call.state].get(type(what)) or _ALWAYS.get(type(what))
    return handler(call, what, now) if handler else []


def _resolved(call: Call, steps: Iterable[inputs.Step], now: datetime) -> list[commands.Command]:
    """What a row has left to another one is done in its place."""
    done: list[commands.Command] = []
    for step in steps:
        if isinstance(step, inputs.Internal):
            done += _resolved(call, _INTERNAL[type(step)](call, step, now), now)
        else:
            done.append(step)
    return done


Handler = Callable[[Call, Any, datetime], list[inputs.Step]]

_TOOLS_OF_TALKING = (
    inputs.HangUpTool,
    inputs.SendDigitsTool,
    inputs.HoldTool,
    inputs.VoicemailTool,
    inputs.RunTool,
    inputs.TransferAsked,
)
_ALWAYS: dict[type, Handler] = {
    inputs.LegGone: fallback.leg_gone,
    inputs.LegHungUp: teardown.leg_hung_up,
    inputs.MediaLost: fallback.media_lost,
    inputs.SessionOver: fallback.session_gone,
    inputs.WorkerLost: failover.worker_lost,
    inputs.NoWorkerFound: failover.no_worker,
    inputs.AiFailed: fallback.ai_failed,
    inputs.CommandFailed: fallback.command_failed,
    inputs.HangUpAsked: teardown.hang_up,
    inputs.Conversed: agent_tools.conversed,
    inputs.RecordingTold: agent_control.recording_told,
    inputs.ToolRefused: agent_tools.refused,
    inputs.WaitTool: agent_tools.wait,
    inputs.ToolDone: agent_tools.done,
    **dict.fromkeys(_TOOLS_OF_TALKING, agent_tools.not_now),
    inputs.DecideTool: attended_transfer.not_asked,
    inputs.WrapUpDue: wrap_up.later,
    inputs.ParticipantAsked: participants.asked,
    inputs.SuperviseAsked: supervision.asked,
}
"""What any state does unless its own row says otherwise."""

_WITH_AGENT: dict[type, Handler] = {
    inputs.MuteAsked: agent_control.mute,
    inputs.DigitsAsked: agent_control.digits,
    inputs.SayAsked: agent_control.say,
    inputs.SwitchAsked: agent_control.switch,
    inputs.RecordAsked: agent_control.record,
}
"""What ops may do wherever there is an agent, heard or not."""

_TABLE: dict[State, dict[type, Handler]] = {
    State.WAITING: {
        inputs.PlaceKnown: waiting.place_known,
        inputs.RoomFound: waiting.room_found,
        inputs.SoundOver: waiting.announced,
        inputs.TimeUp: waiting.time_up,
    },
    State.RINGING: {inputs.AiReady: answering.answer_ready, inputs.TimeUp: answering.answer_overdue},
    State.PREPARING: {inputs.AiReady: answering.dial, inputs.TimeUp: answering.prepare_overdue},
    State.DIALING: {
        inputs.AiReady: failover.ready_early,
        inputs.LegEntered: answer_detection.answered,
        inputs.LegGone: answering.callee_gone,
        inputs.TimeUp: answering.dial_overdue,
    },
    State.DETECTING: {
        inputs.AiReady: failover.ready_early,
        inputs.LegEntered: answer_detection.told,
        inputs.LegGone: answer_detection.left,
        inputs.CommandFailed: answer_detection.impossible,
        inputs.TimeUp: answer_detection.overdue,
    },
    State.CONNECTING: {
        inputs.LegEntered: answering.media_leg_entered,
        inputs.MediaFlowing: answering.silence_flows,
        inputs.AiReady: answering.ready_late,
        inputs.TimeUp: answering.media_overdue,
    },
    State.TALKING: {
        inputs.AiReady: answering.ready_late,
        **_WITH_AGENT,
        inputs.TransferAsked: transfer.asked,
        inputs.DigitPressed: transfer.digit_pressed,
        inputs.HoldAsked: hold.asked,
        inputs.HangUpTool: agent_tools.hang_up,
        inputs.SendDigitsTool: agent_tools.send_digits,
        inputs.HoldTool: agent_tools.hold,
        inputs.VoicemailTool: answer_detection.recognised,
        inputs.RunTool: agent_tools.run,
        inputs.WrapUpDue: wrap_up.due,
        inputs.LastSaid: wrap_up.last_said,
        inputs.TimeUp: wrap_up.time_up,
    },
    State.HOLDING: {
        **_WITH_AGENT,
        inputs.TransferAsked: transfer.asked,
        inputs.HoldAsked: hold.taken_over,
        inputs.ResumeAsked: hold.resumed,
        inputs.DigitPressed: transfer.digit_pressed,
        inputs.SendDigitsTool: agent_tools.send_digits,
        inputs.RunTool: agent_tools.run,
        inputs.ToolDone: hold.tool_done,
        inputs.WrapUpDue: wrap_up.due,
        inputs.LastSaid: wrap_up.last_said,
        inputs.TimeUp: hold.time_up,
    },
    State.CLOSING: {
        inputs.DigitsAsked: agent_control.digits,
        inputs.HangUpTool: wrap_up.hang_up,
        inputs.ToolDone: wrap_up.tool_done,
        inputs.WrapUpDue: teardown.nothing,
        inputs.LastSaid: wrap_up.last_said,
        inputs.TimeUp: wrap_up.overdue,
    },
    State.TRANSFERRING: {
        **_WITH_AGENT,
        inputs.LegEntered: transfer.target_answered,
        inputs.TransferAsked: transfer.asked_again,
        inputs.TransferCancelled: transfer.cancelled,
        inputs.DigitPressed: transfer.digit_pressed,
        inputs.HangUpTool: transfer.hang_up_refused,
        inputs.RunTool: agent_tools.run,
        inputs.LastSaid: wrap_up.finished_meanwhile,
        inputs.TimeUp: transfer.target_overdue,
    },
    State.CONSULTING: {
        inputs.TransferAsked: transfer.asked_again,
        inputs.TransferCancelled: transfer.cancelled,
        inputs.TransferDecided: attended_transfer.decided,
        inputs.DecideTool: attended_transfer.decided,
        inputs.DigitPressed: attended_transfer.digit_pressed,
        inputs.HangUpTool: transfer.hang_up_refused,
        inputs.LastSaid: wrap_up.finished_meanwhile,
        inputs.TimeUp: attended_transfer.time_up,
    },
    State.REFERRING: {
        inputs.LegReturned: refer.returned,
        inputs.LegHungUp: refer.hung_up,
        inputs.TransferAsked: transfer.asked_again,
        inputs.HangUpTool: transfer.hang_up_refused,
        inputs.LastSaid: wrap_up.finished_meanwhile,
        inputs.TimeUp: refer.overdue,
    },
    State.TRANSFERRED: transferred.ROWS,
    State.FAILOVER: failover.ROWS,
    State.FALLBACK: {
        inputs.SoundOver: fallback.sound_over,
        inputs.TimeUp: fallback.sound_overdue,
        inputs.SessionOver: fallback.session_left,
    },
    State.ENDING: {
        inputs.LegGone: teardown.cause_known,
        inputs.SessionOver: teardown.session_over,
        inputs.WorkerLost: teardown.worker_lost,
        inputs.TimeUp: teardown.overdue,
        **dict.fromkeys(
            (inputs.MediaLost, inputs.AiFailed, inputs.CommandFailed, inputs.HangUpAsked), teardown.nothing
        ),
    },
    State.ENDED: {},
}

_INTERNAL: dict[type, Handler] = {
    inputs.AgentLost: fallback.agent_lost,
    inputs.NextFallback: fallback.next_one,
    inputs.TransferAccepted: transfer.accepted,
    inputs.TransferFailed: transfer.failed,
    inputs.CallerBack: transfer.back_with_agent,
}
"""What rows leave to others (`inputs.internal`)."""
