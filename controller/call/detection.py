"""Who has answered our call, a person or a machine? And what is left with a machine. Rows of the call's table. [pure]

Asterisk's `AMD()` listens: the channel leaves our app for a context of the dialplan (asterisk/extensions.conf) and
comes back with the answer. Where there is a message to leave, the dialplan also waits until the machine has finished
talking. Without that context the call goes on as if a person had answered. An agent that has the tool `voicemail` may
find out by itself, and later.
"""

from datetime import datetime
from typing import TYPE_CHECKING

from controller.call import closing, setup
from controller.call import messages as m
from controller.call.outcome import Outcome
from controller.call.plan import State

if TYPE_CHECKING:
    from controller.call.machine import Call

CONTEXT = "voiceai-answered"
LIMIT = 45.0
"""Seconds: the greeting of a machine takes 25 at most (extensions.conf), AMD() 5 (amd.conf)."""
SETTLED = "The call is ended."


def answered(call: "Call", what: m.LegEntered, now: datetime) -> list[m.Command]:
    if what.channel != call.plan.leg:
        return []
    call.answered_at = now
    if not call.plan.answer_detection:
        return [m.StopTimer("dial"), *setup.connect(call)]
    call.state = State.DETECTING
    extension = "message" if call.plan.voicemail else "detect"
    return [m.StopTimer("dial"), m.StartTimer("detect", LIMIT), m.Detect(call.plan.leg, CONTEXT, extension)]


def told(call: "Call", what: m.LegEntered, now: datetime) -> list[m.Command]:
    """Back from the dialplan. AMD() says HUMAN, MACHINE, NOTSURE or HANGUP."""
    if what.channel != call.plan.leg:
        return []
    call.machine = "MACHINE" in what.args
    if call.machine and not call.plan.voicemail:
        return call.end(now, detail="an answering machine; there is no message for it (agents.<name>.voicemail)")
    return [m.StopTimer("detect"), *setup.connect(call)]


def impossible(call: "Call", what: m.CommandFailed, now: datetime) -> list[m.Command]:
    if what.gone or not isinstance(what.command, m.Detect):
        return call.end(now, by="callee" if what.gone else "system", detail=what.reason)
    call.detail = what.reason
    return [m.StopTimer("detect"), *setup.connect(call)]


def left(call: "Call", what: m.LegGone, now: datetime) -> list[m.Command]:
    """Leaving our app for the dialplan is no end: a real one has a cause."""
    if what.channel != call.plan.leg or what.cause is None:
        return []
    call.cause = what.cause
    return call.end(now, by="callee")


def overdue(call: "Call", what: m.TimeUp, now: datetime) -> list[m.Command]:
    if what.timer != "detect":
        return []
    return call.end(now, Outcome.FAILED, detail="Asterisk did not say in time who has answered")


def recognised(call: "Call", what: m.VoicemailTool, now: datetime) -> list[m.Command]:
    """By the agent."""
    if call.plan.direction == "inbound":
        return call.refuse(what.tool_call, "No: this person has called us. Go on talking.")
    call.machine = True
    if call.plan.voicemail is None:
        return call.end(now, by="agent", detail="an answering machine")
    return [*call.answer(what.tool_call, SETTLED, respond=False), *closing.leave_message(call)]
