"""Whether a person or a machine has answered an outbound call. Rows of the call's table. [pure]

Asterisk's `AMD()` listens first: the channel leaves our app for a context of the dialplan (asterisk/extensions.conf)
and comes back with a verdict. It counts seconds of sound and silence, so it takes receptionists, call screeners and
people who wait for the first word for machines. No call is ended by it: the agent speaks in any case, is told of the
doubt, and has the tool `voicemail`, which decides. Without that context the call goes on as after the verdict "human".
"""

from datetime import datetime

from controller.calls.machine import commands, inputs
from controller.calls.machine.call import Call
from controller.calls.machine.outcome import Outcome
from controller.calls.machine.plan import State
from controller.calls.machine.row import END, Row, Rows, Steps
from controller.calls.machine.rows import answering, wrap_up

CONTEXT = "voiceai-answered"
EXTENSION = "detect"
LIMIT = 20.0
"""Seconds that the call waits for the verdict. AMD() takes 6 at most (`total_analysis_time` in amd.conf)."""
SILENT = (
    "Nobody has said a word since this call was answered. It may be a person who waits for you to speak first: do so. "
    "Use the tool `voicemail` only if you then hear a recorded announcement, a voice mailbox or its tone."
)
TALKATIVE = (
    "Whoever has answered this call talks, or talked, for long without a pause. It may be a recorded announcement of a "
    "voice mailbox: if you hear that, use the tool `voicemail` at once and say nothing. It may as well be a person, a "
    "receptionist, an assistant that asks who is calling, or a menu: then talk as usual, once they have finished."
)
SETTLED = "The call is ended."


def answered(call: Call, what: inputs.LegEntered, now: datetime) -> Steps:
    if what.channel != call.plan.leg:
        return []
    call.answered_at = now
    if not call.plan.answer_detection:
        return [commands.StopTimer("dial"), *answering.connect(call)]
    call.state = State.DETECTING
    return [
        commands.StopTimer("dial"),
        commands.StartTimer("detect", LIMIT),
        commands.Detect(call.plan.leg, CONTEXT, EXTENSION),
    ]


def verdict(call: Call, what: inputs.LegEntered, now: datetime) -> Steps:
    """Back from the dialplan. AMD() says HUMAN, MACHINE, NOTSURE or HANGUP, and why (`INITIALSILENCE-2000-2000`)."""
    if what.channel != call.plan.leg:
        return []
    _, status, cause, *_ = (*what.args, "", "", "")
    if status == "MACHINE":
        kind = cause.partition("-")[0]
        call.answer_note = SILENT if kind == "INITIALSILENCE" else TALKATIVE
        call.detail = f"AMD() took whoever answered for a machine ({kind or 'no cause'}); the agent had to find out"
    return [commands.StopTimer("detect"), *answering.connect(call)]


def not_detected(call: Call, what: inputs.CommandFailed, now: datetime) -> Steps:
    if what.gone or not isinstance(what.command, commands.Detect):
        return call.end(now, by="callee" if what.gone else "system", detail=what.reason)
    call.detail = what.reason
    return [commands.StopTimer("detect"), *answering.connect(call)]


def leg_gone(call: Call, what: inputs.LegGone, now: datetime) -> Steps:
    """The leg also leaves our Stasis app for the dialplan; that has no cause, an end has one."""
    if what.channel != call.plan.leg or what.cause is None:
        return []
    call.cause = what.cause
    return call.end(now, by="callee")


def overdue(call: Call, what: inputs.TimeUp, now: datetime) -> Steps:
    if what.timer != "detect":
        return []
    return call.end(now, Outcome.FAILED, detail="Asterisk did not say in time who has answered")


def machine_heard(call: Call, what: inputs.VoicemailTool, now: datetime) -> Steps:
    """The agent hears an answering machine."""
    if call.plan.direction == "inbound":
        return call.refuse(what.tool_call, "No: this person has called us. Go on talking.")
    call.answering_machine = True
    if call.plan.agent.voicemail is None:
        return call.end(now, by="agent", detail="an answering machine")
    return [*call.answer(what.tool_call, SETTLED, respond=False), *wrap_up.leave_message(call)]


ROWS: Rows = {
    (State.DIALING, inputs.LegEntered): Row(answered, to={State.DETECTING, State.CONNECTING}),
    (State.DETECTING, inputs.LegEntered): Row(verdict, to={State.CONNECTING}),
    (State.DETECTING, inputs.LegGone): Row(leg_gone, to=END),
    (State.DETECTING, inputs.CommandFailed): Row(not_detected, to={State.CONNECTING, *END}),
    (State.DETECTING, inputs.TimeUp): Row(overdue, to=END),
    (State.TALKING, inputs.VoicemailTool): Row(machine_heard, to={State.CLOSING, *END}),
}
