"""The agent's last words, when time or money is up or nobody speaks. Rows of the call's table. [pure]

Owns the state CLOSING. Nothing interrupts the last words; the call ends when they were heard, or at the latest after
`LAST_WORDS_LIMIT`. A transfer that is under way is waited for: the limits do not hold for a person who takes over.
"""

from datetime import datetime

from controller.calls.machine import commands, inputs
from controller.calls.machine.call import Call
from controller.calls.machine.plan import State
from controller.calls.machine.row import END, Always, Row, Rows, Steps, in_states, nothing
from controller.calls.machine.rows import agent_control, agent_tools

LAST_WORDS_LIMIT = 20.0  # seconds
MESSAGE_LIMIT = 120.0  # seconds, for what is left with a machine, and for the end of its announcement
LENGTH = "max_call_s"
VOICEMAIL = "voicemail"


def begin(call: Call, why: str, words: str | None = None) -> Steps:
    """`words`: what is left with an answering machine, instead of the agent's `wrap_up`."""
    resumed = agent_tools.end_hold(call, State.CLOSING, respond=False)
    call.state, call.wrap_up_due = State.CLOSING, None
    heard = agent_control.unmute_all(call)
    limit = LAST_WORDS_LIMIT if words is None else MESSAGE_LIMIT
    last = commands.SayLast(words or call.plan.agent.wrap_up, why, after_silence=words is not None)
    return [*resumed, *heard, last, commands.StartTimer("last", limit)]


def leave_message(call: Call) -> Steps:
    """The agent speaks to an answering machine once its announcement is over; then the call ends."""
    return begin(call, VOICEMAIL, call.plan.agent.voicemail)


def due(call: Call, what: inputs.WrapUpDue, _: datetime) -> Steps:
    return leave_message(call) if what.why == VOICEMAIL else begin(call, what.why)


def later(call: Call, what: inputs.WrapUpDue, _: datetime) -> Steps:
    """Waits until caller and agent talk (again)."""
    call.wrap_up_due = what.why
    return []


def if_due(call: Call) -> Steps:
    return begin(call, call.wrap_up_due) if call.wrap_up_due else []


def time_up(call: Call, what: inputs.TimeUp, _: datetime) -> Steps:
    return begin(call, LENGTH) if what.timer == "length" else []


def last_said(call: Call, what: inputs.LastSaid, now: datetime) -> Steps:
    return call.end(now, detail=what.why)


def finished_meanwhile(call: Call, what: inputs.LastSaid, _: datetime) -> Steps:
    """The agent gave up on a silent caller while a transfer was under way: the call ends if that fails."""
    call.last_said = what.why
    return []


def agent_lost(call: Call, what: inputs.AgentLost, now: datetime) -> Steps:
    """It had only goodbye to say."""
    return call.end(now, detail=what.why)


def overdue(call: Call, what: inputs.TimeUp, now: datetime) -> Steps:
    return call.end(now, detail="the last words took too long") if what.timer == "last" else []


def hang_up(call: Call, _: inputs.HangUpTool, now: datetime) -> Steps:
    return call.end(now, by="agent")


def tool_done(call: Call, what: inputs.ToolDone, _: datetime) -> Steps:
    return call.answer(what.tool_call, what.output, what.ok, respond=False, reason=what.reason)


ROWS: Rows = {
    **in_states(
        [State.TALKING, State.HOLDING],
        {inputs.WrapUpDue: Row(due, to={State.CLOSING}), inputs.LastSaid: Row(last_said, to=END)},
    ),
    (State.TALKING, inputs.TimeUp): Row(time_up, to={State.CLOSING}),
    **in_states(
        [State.CLOSING],
        {
            inputs.HangUpTool: Row(hang_up, to=END),
            inputs.ToolDone: Row(tool_done),
            inputs.WrapUpDue: Row(nothing),
            inputs.LastSaid: Row(last_said, to=END),
            inputs.TimeUp: Row(overdue, to=END),
            inputs.AgentLost: Row(agent_lost, to=END),
        },
    ),
    **in_states([State.TRANSFERRING, State.CONSULTING, State.REFERRING], {inputs.LastSaid: Row(finished_meanwhile)}),
}
ALWAYS: Always = {inputs.WrapUpDue: Row(later)}
