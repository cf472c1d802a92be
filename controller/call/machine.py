"""The call: its states, as one table, and what to do at each input. [pure]

`Call.handle(input, now)` returns the commands to carry out, in order, and never waits for anything. The table below
is the whole of it; its rows live in `setup`, `transfer` and `rescue`. The states of an inbound call run down the
left, of an outbound one down the right:

    RINGING    the caller hears ringing,        PREPARING  the AI session is being opened: nobody is
               the AI session is being opened              dialled before there is somebody to talk to
       |                                        DIALING    the callee's phone rings
       +--------------------+---------------------+
                        CONNECTING     answered; the media leg and the worker's silence are awaited
                        TALKING        caller and agent hear each other
                        TRANSFERRING   the same, while the target of a transfer rings
                        TRANSFERRED    caller and target hear each other, the agent is gone
                        RESCUING       there is no AI: what the agent's `on_ai_failure` says is tried
                        ENDING         all is being taken down
                        ENDED

A caller may be gone in the middle of any of these. An input that a state has no row for is late or does not
concern it (a leg that we hung up reports its end, a deadline passes that lost its race) and changes nothing.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from bridge.contract import Counters
from controller.call import messages as m
from controller.call import rescue, setup, transfer
from controller.call.outcome import Outcome
from controller.call.plan import Plan, State, Transfer


class Call:
    """One call. Construct, `start()`, then `handle()` each input until `state` is ENDED.

    The attributes are the machine's; everybody else only reads them.
    """

    def __init__(self, plan: Plan, now: datetime) -> None:
        self.plan = plan
        self.ids = m.Ids(plan.call)
        self.state = State.RINGING if plan.direction == "inbound" else State.PREPARING
        self.started_at = now
        self.answered_at: datetime | None = None
        self.ended_at: datetime | None = None
        self.outcome: Outcome | None = None
        self.ended_by: str | None = None
        self.detail: str | None = None
        self.cause: int | None = None
        self.transfer: Transfer | None = None
        self.transfers = 0
        self.rescues = list(plan.on_ai_failure)
        self.sounds = 0
        self.counters: Counters | None = None
        self.ai_ready = False
        self.media_entered = False
        self.media_flowing = False
        self.media_lost = False
        self.session_open = True

    def __repr__(self) -> str:
        return f"<Call {self.plan.call} {self.plan.direction} {self.state} agent={self.plan.spec.agent}>"

    def start(self) -> list[m.Command]:
        """The first commands. Nothing has been done for this call before them."""
        plan = self.plan
        if plan.direction == "inbound":
            return [
                m.PrepareAi(plan.spec),
                m.Ring(plan.leg),
                m.SetVariables(plan.leg, plan.variables),
                m.CreateBridge(self.ids.bridge),
                m.StartTimer("answer", plan.answer_deadline),
            ]
        return [m.PrepareAi(plan.spec), m.StartTimer("prepare", plan.prepare_deadline)]

    def handle(self, what: m.Input, now: datetime) -> list[m.Command]:
        """What to do about an input, in order. Never raises for an input that comes late or twice."""
        if self.state is State.ENDED:
            return []
        handler = _TABLE[self.state].get(type(what)) or _ALWAYS.get(type(what))
        return handler(self, what, now) if handler else []

    def abandon(self, now: datetime) -> None:
        """The actor can't go on (an error of ours, or the process stops): the call is over where it stands."""
        if self.state is not State.ENDED:
            self.end(now, Outcome.FAILED, detail="the controller gave the call up")
            self.state = State.ENDED

    # ------------------------------------------------------------ for the rows of the table

    def refuse(self, tool_call: str | None, reason: str) -> list[m.Command]:
        """What the model gets to read; nothing where it was not the model that asked."""
        return [] if tool_call is None else [m.AnswerAiTool(tool_call, reason, ok=False)]

    def end(
        self,
        now: datetime,
        outcome: Outcome | None = None,
        *,
        by: str = "system",
        detail: str | None = None,
        sip_reason: str = "normal",
    ) -> list[m.Command]:
        """Take everything down. Hanging up what is gone already is no error, so everything is named."""
        self.outcome = outcome or (Outcome.ANSWERED if self.answered_at else Outcome.CANCELLED)
        self.ended_by, self.detail, self.ended_at = by, detail or self.detail, now
        self.state = State.ENDING if self.session_open else State.ENDED
        commands: list[m.Command] = [m.HangUp(self.plan.leg, sip_reason)]
        if self.transfer:
            commands.append(m.HangUp(self.transfer.channel))
        commands += [m.HangUp(self.ids.media), m.DestroyBridge(self.ids.bridge)]
        if self.session_open:
            commands += [m.CloseAi("the call ended"), m.StartTimer("end", self.plan.end_deadline)]
        return commands


def _hang_up(call: Call, what: m.HangUpAsked, now: datetime) -> list[m.Command]:
    return call.end(now, by=what.by)


def _hang_up_tool(call: Call, _: m.HangUpTool, now: datetime) -> list[m.Command]:
    return call.end(now, by="agent")


def _tool_refused(call: Call, what: m.ToolRefused, _: datetime) -> list[m.Command]:
    return call.refuse(what.tool_call, what.reason)


def _cause_known(call: Call, what: m.LegGone, _: datetime) -> list[m.Command]:
    """StasisEnd ends the call; ChannelDestroyed, which knows the cause, comes a moment later."""
    if what.channel == call.plan.leg and call.cause is None:
        call.cause = what.cause
    return []


def _session_over(call: Call, what: m.SessionOver, _: datetime) -> list[m.Command]:
    call.counters = what.counters
    call.state = State.ENDED
    return [m.StopTimer("end")]


def _end_overdue(call: Call, what: m.TimeUp, _: datetime) -> list[m.Command]:
    if what.timer == "end":
        call.state = State.ENDED
    return []


def _nothing(_: Call, __: m.Input, ___: datetime) -> list[m.Command]:
    return []


Handler = Callable[[Call, Any, datetime], list[m.Command]]

_ALWAYS: dict[type, Handler] = {
    m.LegGone: rescue.leg_gone,
    m.MediaLost: rescue.media_lost,
    m.SessionOver: rescue.session_gone,
    m.AiFailed: rescue.ai_failed,
    m.CommandFailed: rescue.command_failed,
    m.HangUpAsked: _hang_up,
    m.ToolRefused: _tool_refused,
}
"""What any state does unless its own row says otherwise."""

_TABLE: dict[State, dict[type, Handler]] = {
    State.RINGING: {m.AiReady: setup.answer_ready, m.TimeUp: setup.answer_overdue},
    State.PREPARING: {m.AiReady: setup.dial, m.TimeUp: setup.prepare_overdue},
    State.DIALING: {
        m.LegEntered: setup.callee_answered,
        m.LegGone: setup.callee_gone,
        m.TimeUp: setup.dial_overdue,
    },
    State.CONNECTING: {
        m.LegEntered: setup.media_leg_entered,
        m.MediaFlowing: setup.silence_flows,
        m.AiReady: setup.ready_late,
        m.TimeUp: setup.media_overdue,
    },
    State.TALKING: {
        m.AiReady: setup.ready_late,
        m.TransferAsked: transfer.asked,
        m.HangUpTool: _hang_up_tool,
    },
    State.TRANSFERRING: {
        m.LegEntered: transfer.target_answered,
        m.TransferAsked: transfer.asked_again,
        m.HangUpTool: transfer.hang_up_refused,
        m.TimeUp: transfer.target_overdue,
    },
    State.TRANSFERRED: {m.SessionOver: rescue.session_left},
    State.RESCUING: {
        m.SoundOver: rescue.sound_over,
        m.TimeUp: rescue.sound_overdue,
        m.SessionOver: rescue.session_left,
    },
    State.ENDING: {
        m.LegGone: _cause_known,
        m.SessionOver: _session_over,
        m.TimeUp: _end_overdue,
        m.MediaLost: _nothing,
        m.AiFailed: _nothing,
        m.CommandFailed: _nothing,
        m.HangUpAsked: _nothing,
        m.ToolRefused: _nothing,
    },
    State.ENDED: {},
}
