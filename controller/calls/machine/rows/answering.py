"""Until caller and agent talk: ringing, dialling, answering, the media leg. Rows of the call's table. [pure]"""

from datetime import datetime

from bridge.contract import AddMessage
from controller.calls.machine import commands, inputs
from controller.calls.machine.call import Call
from controller.calls.machine.outcome import Outcome, of_unanswered
from controller.calls.machine.plan import RING_GRACE, State
from controller.calls.machine.row import END, Row, Rows, Steps
from controller.calls.machine.rows import failover, wrap_up


def ring(call: Call, _: inputs.Started, __: datetime) -> Steps:
    """A caller hears ringing while the AI session opens."""
    plan = call.plan
    if plan.unserved is not None:
        return [inputs.Unserved(plan.unserved)]
    return [
        commands.PrepareAi(plan.agent.spec),
        commands.Ring(plan.leg),
        commands.SetVariables(plan.leg, plan.variables),
        commands.CreateBridge(call.ids.bridge),
        commands.StartTimer("answer", plan.agent.answer_timeout),
    ]


def prepare(call: Call, _: inputs.Started, __: datetime) -> Steps:
    """Nobody is dialled before there is an agent."""
    plan = call.plan
    return [commands.PrepareAi(plan.agent.spec), commands.StartTimer("prepare", plan.prepare_timeout)]


def answer_ready(call: Call, _: inputs.AiReady, now: datetime) -> Steps:
    call.ai_ready = True
    return answer(call, now)


def answer_overdue(call: Call, what: inputs.TimeUp, now: datetime) -> Steps:
    """The AI is slow: better an answered call with a moment of silence than a caller who gives up."""
    return answer(call, now) if what.timer == "answer" else []


def prepare_overdue(call: Call, what: inputs.TimeUp, now: datetime) -> Steps:
    if what.timer != "prepare":
        return []
    return call.end(now, Outcome.FAILED, detail="the AI session did not get ready in time")


def answer(call: Call, now: datetime) -> Steps:
    """A caller who has waited in line is answered already, and hears music."""
    call.answered_at = call.answered_at or now
    return [commands.StopTimer("answer"), commands.Answer(call.plan.leg), *call.stop_music(), *connect(call)]


def connect(call: Call) -> Steps:
    """Somebody has answered; `max_call` counts from here."""
    call.state = State.CONNECTING
    longest = call.plan.agent.max_call
    length = [commands.StartTimer("length", longest)] if longest is not None else []
    return [commands.OpenMedia(call.media), commands.StartTimer("media", call.plan.media_timeout), *length]


def dial(call: Call, _: inputs.AiReady, now: datetime) -> Steps:
    call.ai_ready = True
    call.state = State.DIALING
    target = call.plan.target
    assert target is not None, "an outbound call is planned with a target"
    return [
        commands.StopTimer("prepare"),
        commands.CreateBridge(call.ids.bridge),
        commands.Dial(call.plan.leg, target, call.plan.variables),
        commands.StartTimer("dial", target.timeout + RING_GRACE),
    ]


def callee_gone(call: Call, what: inputs.LegGone, now: datetime) -> Steps:
    if what.channel != call.plan.leg:
        return []
    call.cause, call.sip_status = what.cause, what.sip_status
    return call.end(now, of_unanswered(what.cause, what.sip_status), by="callee")


def dial_overdue(call: Call, what: inputs.TimeUp, now: datetime) -> Steps:
    return call.end(now, Outcome.NO_ANSWER) if what.timer == "dial" else []


def media_overdue(call: Call, what: inputs.TimeUp, now: datetime) -> Steps:
    if what.timer == "length":
        call.wrap_up_due = wrap_up.LENGTH
    if what.timer != "media":
        return []
    return failover.media_failed(call, "the media leg did not come up in time")


def media_leg_entered(call: Call, what: inputs.LegEntered, _: datetime) -> Steps:
    call.media_entered = call.media_entered or what.channel == call.media
    return join_when_both(call)


def silence_flows(call: Call, _: inputs.MediaFlowing, __: datetime) -> Steps:
    call.media_flowing = True
    return join_when_both(call)


def join_when_both(call: Call) -> Steps:
    """Both are needed: Asterisk can freeze if a media leg joins a bridge before its worker sends."""
    if not (call.media_entered and call.media_flowing):
        return []
    call.state = State.TALKING
    joined = commands.Join(call.ids.bridge, (call.plan.leg, call.media))
    greet = first_words(call) if call.ai_ready else []
    return [commands.StopTimer("media"), joined, *greet, *wrap_up.if_due(call)]


def ready_late(call: Call, _: inputs.AiReady, __: datetime) -> Steps:
    was, call.ai_ready = call.ai_ready, True
    return first_words(call) if call.state is State.TALKING and not was else []


def first_words(call: Call) -> Steps:
    """The agent hears the caller and begins to speak."""
    doubt, call.answer_note = call.answer_note, None
    told = [commands.OrderAi(AddMessage(call=call.plan.call, text=doubt))] if doubt else []
    return [*told, commands.GreetCaller()]


ROWS: Rows = {
    (State.RINGING, inputs.Started): Row(ring),
    (State.RINGING, inputs.AiReady): Row(answer_ready, to={State.CONNECTING}),
    (State.RINGING, inputs.TimeUp): Row(answer_overdue, to={State.CONNECTING}),
    (State.PREPARING, inputs.Started): Row(prepare),
    (State.PREPARING, inputs.AiReady): Row(dial, to={State.DIALING}),
    (State.PREPARING, inputs.TimeUp): Row(prepare_overdue, to=END),
    (State.DIALING, inputs.LegGone): Row(callee_gone, to=END),
    (State.DIALING, inputs.TimeUp): Row(dial_overdue, to=END),
    (State.CONNECTING, inputs.LegEntered): Row(media_leg_entered, to={State.TALKING, State.CLOSING}),
    (State.CONNECTING, inputs.MediaFlowing): Row(silence_flows, to={State.TALKING, State.CLOSING}),
    (State.CONNECTING, inputs.AiReady): Row(ready_late),
    (State.CONNECTING, inputs.TimeUp): Row(media_overdue),
    (State.TALKING, inputs.AiReady): Row(ready_late),
}
