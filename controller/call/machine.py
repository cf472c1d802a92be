"""The call: its states, as one table, and what to do at each input. [pure]

`Call.handle(input, now)` returns the commands to carry out, in order, and never waits for anything. Every change of
state happens in this file. The states of an inbound call run down the left, of an outbound one down the right:

    RINGING    the caller hears ringing,        PREPARING  the AI session is being opened: nobody is
               the AI session is being opened              dialled before there is somebody to talk to
       |                                        DIALING    the callee's phone rings
       +--------------------+---------------------+
                        CONNECTING     answered; the media leg and the worker's silence are awaited
                        TALKING        caller and agent hear each other
                        TRANSFERRING   the same, while the target of a transfer rings
                        TRANSFERRED    caller and target hear each other, the agent is gone
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
from controller.call.outcome import Outcome, of_unanswered
from controller.call.plan import Plan, State, Transfer

_GRACE = 5.0  # seconds beyond a ring timeout after which Asterisk's own end of the ringing is not awaited any longer


class Call:
    """One call. Construct, `start()`, then `handle()` each input until `state` is ENDED."""

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
        self.counters: Counters | None = None
        self._transfers = 0
        self._ai_ready = False
        self._media_entered = False
        self._media_flowing = False
        self._media_lost = False
        self._session_open = True

    def __repr__(self) -> str:
        return f"<Call {self.plan.call} {self.plan.direction} {self.state} agent={self.plan.spec.agent}>"

    # ------------------------------------------------------------ entry

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
            self._end(now, Outcome.FAILED, detail="the controller gave the call up")
            self.state = State.ENDED

    # ------------------------------------------------------------ setting up

    def _answer_ready(self, _: m.AiReady, now: datetime) -> list[m.Command]:
        self._ai_ready = True
        return self._answer(now)

    def _answer_overdue(self, what: m.TimeUp, now: datetime) -> list[m.Command]:
        """The AI is slow: better an answered call with a moment of silence than a caller who gives up."""
        return self._answer(now) if what.timer == "answer" else []

    def _prepare_overdue(self, what: m.TimeUp, now: datetime) -> list[m.Command]:
        if what.timer != "prepare":
            return []
        return self._end(now, Outcome.FAILED, detail="the AI session did not get ready in time")

    def _answer(self, now: datetime) -> list[m.Command]:
        self.answered_at = now
        return [m.StopTimer("answer"), m.Answer(self.plan.leg), *self._connect()]

    def _connect(self) -> list[m.Command]:
        self.state = State.CONNECTING
        return [m.OpenMedia(self.ids.media), m.StartTimer("media", self.plan.media_deadline)]

    def _dial(self, _: m.AiReady, now: datetime) -> list[m.Command]:
        self._ai_ready = True
        self.state = State.DIALING
        target = self.plan.target
        assert target is not None, "an outbound call is planned with a target"
        return [
            m.StopTimer("prepare"),
            m.CreateBridge(self.ids.bridge),
            m.Dial(self.plan.leg, target, self.plan.variables),
            m.StartTimer("dial", target.timeout + _GRACE),
        ]

    def _callee_answered(self, what: m.LegEntered, now: datetime) -> list[m.Command]:
        if what.channel != self.plan.leg:
            return []
        self.answered_at = now
        return [m.StopTimer("dial"), *self._connect()]

    def _callee_gone(self, what: m.LegGone, now: datetime) -> list[m.Command]:
        if what.channel != self.plan.leg:
            return []
        self.cause = what.cause
        return self._end(now, of_unanswered(what.cause, what.sip_status), by="callee")

    def _dial_overdue(self, what: m.TimeUp, now: datetime) -> list[m.Command]:
        return self._end(now, Outcome.NO_ANSWER) if what.timer == "dial" else []

    def _media_overdue(self, what: m.TimeUp, now: datetime) -> list[m.Command]:
        if what.timer != "media":
            return []
        return self._end(now, Outcome.FAILED, detail="the media leg did not come up in time")

    def _media_leg_entered(self, what: m.LegEntered, _: datetime) -> list[m.Command]:
        self._media_entered = self._media_entered or what.channel == self.ids.media
        return self._join_when_both()

    def _silence_flows(self, _: m.MediaFlowing, __: datetime) -> list[m.Command]:
        self._media_flowing = True
        return self._join_when_both()

    def _join_when_both(self) -> list[m.Command]:
        """A media leg that joins while its worker is silent is the race that freezes Asterisk: both are needed."""
        if not (self._media_entered and self._media_flowing):
            return []
        self.state = State.TALKING
        greet = [m.GreetCaller()] if self._ai_ready else []
        return [m.StopTimer("media"), m.Join(self.ids.bridge, (self.plan.leg, self.ids.media)), *greet]

    def _ready_late(self, _: m.AiReady, __: datetime) -> list[m.Command]:
        self._ai_ready = True
        return [m.GreetCaller()] if self.state is State.TALKING else []

    # ------------------------------------------------------------ transfer

    def _transfer(self, what: m.TransferAsked, _: datetime) -> list[m.Command]:
        self._transfers += 1
        channel = self.ids.target(self._transfers)
        self.transfer = Transfer(channel, what.target, what.by, what.tool_call)
        self.state = State.TRANSFERRING
        return [
            m.Dial(channel, what.target, {"VOICEAI_CALL": self.plan.call}),
            m.StartTimer("transfer", what.target.timeout + _GRACE),
        ]

    def _transfer_busy(self, what: m.TransferAsked, _: datetime) -> list[m.Command]:
        return self._refuse(what.tool_call, "A transfer is already under way.")

    def _tool_refused(self, what: m.ToolRefused, _: datetime) -> list[m.Command]:
        return self._refuse(what.tool_call, what.reason)

    def _target_answered(self, what: m.LegEntered, _: datetime) -> list[m.Command]:
        transfer = self.transfer
        if transfer is None or what.channel != transfer.channel:
            return []
        transfer.state, transfer.outcome = "answered", Outcome.ANSWERED
        self.state = State.TRANSFERRED
        return [
            m.StopTimer("transfer"),
            m.Join(self.ids.bridge, (transfer.channel,)),
            m.HangUp(self.ids.media),
            m.CloseAi("transferred"),
        ]

    def _target_overdue(self, what: m.TimeUp, now: datetime) -> list[m.Command]:
        return self._target_unanswered(now, Outcome.NO_ANSWER) if what.timer == "transfer" else []

    def _target_unanswered(self, now: datetime, outcome: Outcome) -> list[m.Command]:
        """The caller was kept, and is back with the agent, which is told; without an agent the call is over."""
        transfer = self.transfer
        assert transfer is not None, "only called while a transfer is under way"
        transfer.state, transfer.outcome = "failed", outcome
        hung_up: list[m.Command] = [m.StopTimer("transfer"), m.HangUp(transfer.channel)]
        if self._media_lost:
            return hung_up + self._end(now, Outcome.FAILED, detail="the agent was lost during a transfer")
        self.state = State.TALKING
        reason = f"The transfer did not succeed: {outcome.value.replace('_', ' ')}. The caller is still with you."
        return hung_up + self._refuse(transfer.tool_call, reason)

    @staticmethod
    def _refuse(tool_call: str | None, reason: str) -> list[m.Command]:
        return [] if tool_call is None else [m.AnswerAiTool(tool_call, reason, ok=False)]

    # ------------------------------------------------------------ losing a part

    def _leg_gone(self, what: m.LegGone, now: datetime) -> list[m.Command]:
        if what.channel == self.plan.leg:
            self.cause = what.cause
            return self._end(now, by="caller" if self.plan.direction == "inbound" else "callee")
        if what.channel == self.ids.media:
            return self._media_gone("Asterisk ended it", now)
        transfer = self.transfer
        if transfer is None or what.channel != transfer.channel:
            return []
        if self.state is State.TRANSFERRED:
            return self._end(now, by="target")
        if self.state is State.TRANSFERRING:
            return self._target_unanswered(now, of_unanswered(what.cause, what.sip_status))
        return []

    def _media_lost_input(self, what: m.MediaLost, now: datetime) -> list[m.Command]:
        return self._media_gone(what.reason, now)

    def _session_gone(self, what: m.SessionOver, now: datetime) -> list[m.Command]:
        self._session_open, self.counters = False, what.counters
        return self._media_gone(f"session over: {what.reason}", now)

    def _ai_failed(self, what: m.AiFailed, now: datetime) -> list[m.Command]:
        return self._media_gone(f"no AI ({what.kind}): {what.message}", now)

    def _media_gone(self, why: str, now: datetime) -> list[m.Command]:
        if self.state is State.TRANSFERRED:
            return []  # we took the agent away ourselves
        if self.state is State.TRANSFERRING:
            self._media_lost = True  # the target may still answer: keep the caller
            return []
        # A caller who was not answered gets 503, which lets the trunk try another route.
        return self._end(now, Outcome.FAILED, detail=why, sip_reason="congestion")

    def _command_failed(self, what: m.CommandFailed, now: datetime) -> list[m.Command]:
        command, transfer = what.command, self.transfer
        concerned: tuple[str, ...] = (command.channel,) if isinstance(command, m.Dial) else ()
        if isinstance(command, m.Join):
            concerned = command.channels
        if transfer is not None and transfer.channel in concerned:
            self.state = State.TRANSFERRING  # a target that vanished while joining was never connected
            return self._target_unanswered(now, Outcome.FAILED)
        if isinstance(command, m.Answer):
            self.answered_at = None
        if what.gone:
            return self._end(now, by="caller", detail=what.reason)
        kind = type(command).__name__
        return self._end(now, Outcome.FAILED, detail=f"{kind}: {what.reason}", sip_reason="congestion")

    # ------------------------------------------------------------ ending

    def _hang_up(self, what: m.HangUpAsked, now: datetime) -> list[m.Command]:
        return self._end(now, by=what.by)

    def _hang_up_tool(self, _: m.HangUpTool, now: datetime) -> list[m.Command]:
        return self._end(now, by="agent")

    def _hang_up_refused(self, what: m.HangUpTool, _: datetime) -> list[m.Command]:
        return self._refuse(what.tool_call, "Not now: a transfer is under way.")

    def _end(
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
        self.ended_by, self.detail, self.ended_at = by, detail, now
        self.state = State.ENDING if self._session_open else State.ENDED
        commands: list[m.Command] = [m.HangUp(self.plan.leg, sip_reason)]
        if self.transfer:
            commands.append(m.HangUp(self.transfer.channel))
        commands += [m.HangUp(self.ids.media), m.DestroyBridge(self.ids.bridge)]
        if self._session_open:
            commands += [m.CloseAi("the call ended"), m.StartTimer("end", self.plan.end_deadline)]
        return commands

    def _cause_known(self, what: m.LegGone, _: datetime) -> list[m.Command]:
        """StasisEnd ends the call; ChannelDestroyed, which knows the cause, comes a moment later."""
        if what.channel == self.plan.leg and self.cause is None:
            self.cause = what.cause
        return []

    def _session_over(self, what: m.SessionOver, _: datetime) -> list[m.Command]:
        self.counters = what.counters
        self.state = State.ENDED
        return [m.StopTimer("end")]

    def _end_overdue(self, what: m.TimeUp, _: datetime) -> list[m.Command]:
        if what.timer == "end":
            self.state = State.ENDED
        return []

    def _nothing(self, _: m.Input, __: datetime) -> list[m.Command]:
        return []


Handler = Callable[[Call, Any, datetime], list[m.Command]]


_ALWAYS: dict[type, Handler] = {
    m.LegGone: Call._leg_gone,
    m.MediaLost: Call._media_lost_input,
    m.SessionOver: Call._session_gone,
    m.AiFailed: Call._ai_failed,
    m.CommandFailed: Call._command_failed,
    m.HangUpAsked: Call._hang_up,
    m.ToolRefused: Call._tool_refused,
}
"""What any state does unless its own row says otherwise."""

_TABLE: dict[State, dict[type, Handler]] = {
    State.RINGING: {m.AiReady: Call._answer_ready, m.TimeUp: Call._answer_overdue},
    State.PREPARING: {m.AiReady: Call._dial, m.TimeUp: Call._prepare_overdue},
    State.DIALING: {
        m.LegEntered: Call._callee_answered,
        m.LegGone: Call._callee_gone,
        m.TimeUp: Call._dial_overdue,
    },
    State.CONNECTING: {
        m.LegEntered: Call._media_leg_entered,
        m.MediaFlowing: Call._silence_flows,
        m.AiReady: Call._ready_late,
        m.TimeUp: Call._media_overdue,
    },
    State.TALKING: {
        m.AiReady: Call._ready_late,
        m.TransferAsked: Call._transfer,
        m.HangUpTool: Call._hang_up_tool,
    },
    State.TRANSFERRING: {
        m.LegEntered: Call._target_answered,
        m.TransferAsked: Call._transfer_busy,
        m.HangUpTool: Call._hang_up_refused,
        m.TimeUp: Call._target_overdue,
    },
    State.TRANSFERRED: {},
    State.ENDING: {
        m.LegGone: Call._cause_known,
        m.SessionOver: Call._session_over,
        m.TimeUp: Call._end_overdue,
        m.MediaLost: Call._nothing,
        m.AiFailed: Call._nothing,
        m.CommandFailed: Call._nothing,
        m.HangUpAsked: Call._nothing,
        m.ToolRefused: Call._nothing,
    },
    State.ENDED: {},
}
