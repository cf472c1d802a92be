"""The call: its states, as one table, and what to do at each input. [pure]

`Call.handle(input, now)` returns the commands to carry out, in order, and never waits for anything. The table below
is the whole of it (the rows of TRANSFERRED are in `transferred`); its rows live in `setup`, `detection`, `tools`,
`hold`, `inbound_audio`, `orders`, `participants`, `transfer`, `attended`, `refer`, `supervise`, `closing`, `ending`,
`rehome` and `rescue`. The states of an inbound call run down the left, of an outbound one down the right:

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

from bridge.contract import Counters
from controller.calls.machine import inputs as m, loops
from controller.calls.machine.outcome import Outcome
from controller.calls.machine.plan import Participant, Plan, Rehoming, State, Supervision, Transfer
from controller.calls.machine.rows import (
    agent_control as orders,
    agent_tools as tools,
    answer_detection as detection,
    answering as setup,
    attended_transfer as attended,
    caller_hold,
    failover as rehome,
    fallback as rescue,
    hold,
    inbound_audio,
    participants,
    refer,
    supervision as supervise,
    teardown as ending,
    transfer,
    transferred,
    waiting,
    wrap_up as closing,
)


class Call:
    """One call. Construct, `start()`, then `handle()` each input until `state` is ENDED.

    The attributes are the machine's; everybody else only reads them.
    """

    def __init__(self, plan: Plan, now: datetime) -> None:
        self.plan = plan
        self.ids = m.Ids(plan.call)
        self.media = self.ids.media
        """The media leg, or the one that will be."""
        self.state = _FIRST[plan.direction] if plan.waiting is None else State.WAITING
        self.started_at = now
        self.answered_at: datetime | None = None
        self.ended_at: datetime | None = None
        self.outcome: Outcome | None = None
        self.ended_by: str | None = None
        self.detail: str | None = None
        self.cause: int | None = None
        self.sip_status: int | None = None
        self.transfer: Transfer | None = None
        self.transfers = 0
        self.rehoming: Rehoming | None = None
        self.losses = 0
        """Of the agent's worker or leg."""
        self.rescues = list(plan.on_ai_failure)
        self.sounds = 0
        self.counters: Counters | None = None
        self.machine = False
        self.doubt: str | None = None
        """What the agent is to know of whoever has answered, until it is told."""
        self.ai_ready = False
        self.media_entered = False
        self.media_flowing = False
        self.hung_up_by_asterisk = False
        self.media_lost = False
        self.stranded = False
        """The agent was lost during a transfer, and another worker may have one if nobody answers."""
        self.session_open = plan.waiting is None and plan.unserved is None
        self.place: int | None = None
        """In the line of those who wait; 1 is next."""
        self.conversed = False
        self.music = self.paused = False
        self.hold: str | None = None
        """The tool call by which the agent put the caller on hold."""
        self.held_by: str | None = None
        self.caller_hold = caller_hold.CallerHold()
        self.muted: frozenset[m.Side] = frozenset()
        self.recording = "on" if plan.spec.recording else "off"
        self.participants: dict[str, Participant] = {}
        self.company: set[str] = set()
        """Legs of other people who hear the caller."""
        self.supervision: Supervision | None = None
        self.supervisions = 0
        self.snoops = 0
        self.origin = plan.origin
        self.transferred_at: datetime | None = None
        self.over_limit: str | None = None  # why a call without an agent is about to end
        self.due: str | None = None
        self.finished: str | None = None
        self.inbound = inbound_audio.InboundAudio()
        self.open_tools: set[str] = set()
        self.former_tools: set[str] = set()
        """Asked for by a session that is lost: the one that took over is told what came of them."""
        self._known_tools: set[str] = set()

    def __repr__(self) -> str:
        return f"<Call {self.plan.call} {self.plan.direction} {self.state} agent={self.plan.spec.agent}>"

    def start(self) -> list[m.Command]:
        """The first commands. Nothing has been done for this call before them."""
        plan = self.plan
        if (looped := loops.refusal(self.origin, plan.max_hops)) is not None:
            self.session_open = False
            return self.end(self.started_at, Outcome.FAILED, detail=looped, sip_reason="busy")
        if plan.unserved is not None:
            return rescue.unserved(self, plan.unserved, self.started_at)
        return setup.begin(self) if plan.waiting is None else waiting.begin(self)

    def handle(self, what: m.Input, now: datetime) -> list[m.Command]:
        """What to do about an input, in order. Never raises for an input that comes late or twice."""
        commands = self._react(what, now)
        commands = [*transferred.watched(self, now), *caller_hold.applied(self, commands, now)]
        return [*commands, *inbound_audio.watched(self)]

    def _react(self, what: m.Input, now: datetime) -> list[m.Command]:
        if self.state is State.ENDED or (isinstance(what, m.Tool) and not self._opened(what.tool_call)):
            return []
        if caller_hold.concerned(self, what):
            return caller_hold.happened(self, what, now)
        if isinstance(what, m.LegEntered) and ending.unexpected(self, what.channel):
            return ending.too_late(self, what)
        if self.state is not State.ENDING and (found := participants.concerned(self, what)):
            return participants.happened(self, found, what, now)
        if self.state is not State.ENDING and supervise.concerned(self, what):
            return supervise.happened(self, what, now)
        if inbound_audio.concerned(what):
            return inbound_audio.happened(self, what, now)
        if isinstance(what, m.TimeUp) and what.timer == "again":
            return rehome.again(self)
        handler = _TABLE[self.state].get(type(what)) or _ALWAYS.get(type(what))
        return handler(self, what, now) if handler else []

    def abandon(self, now: datetime, reason: str | None = None) -> None:
        """The actor can't go on (an error of ours, or the process stops): the call is over where it stands."""
        if self.state not in (State.ENDING, State.ENDED):
            self.end(now, Outcome.FAILED, detail=reason or "the controller gave the call up")
        self.state = State.ENDED

    @property
    def with_agent(self) -> bool:
        """There is an agent, or there will be one."""
        return self.state not in _AGENT_AWAY and not self.media_lost

    # ------------------------------------------------------------ for the rows of the table

    def answer(
        self, tool_call: str | None, output: str, ok: bool = True, respond: bool = True, reason: str | None = None
    ) -> list[m.Command]:
        """What the model gets to read, once; nothing where it was not the model that asked, or where it is gone."""
        if tool_call not in self.open_tools:
            return []
        self.open_tools.discard(tool_call)
        here = self.session_open and self.state not in _AGENT_AWAY
        if tool_call in self.former_tools:
            return rehome.told_later(self, tool_call, output, respond=respond)
        return [m.AnswerAiTool(tool_call, output, ok, respond, reason)] if here else []

    def refuse(self, tool_call: str | None, reason: str) -> list[m.Command]:
        return self.answer(tool_call, reason, ok=False)

    def start_music(self) -> list[m.Command]:
        was, self.music = self.music, True
        return [] if was else [m.StartMusic(self.plan.leg)]

    def stop_music(self) -> list[m.Command]:
        was, self.music = self.music, False
        return [m.StopMusic(self.plan.leg)] if was else []

    def pause(self) -> list[m.Command]:
        """The agent is deaf and silent, and the caller hears music."""
        was, self.paused = self.paused, True
        paused: list[m.Command] = [] if was or not self.session_open else [m.PauseAi()]
        return paused + self.start_music()

    def resume(self, note: str | None = None) -> list[m.Command]:
        """Undoes `pause`, as far as it was done."""
        was, self.paused = self.paused, False
        resumed: list[m.Command] = [m.ResumeAi(note)] if was and self.session_open else []
        return self.stop_music() + resumed

    def take_over_tools(self, asked: Iterable[str]) -> None:
        """Those that the model has asked an earlier controller for, and that it has no answer to."""
        self.open_tools |= set(asked)
        self._known_tools |= set(asked)

    def _opened(self, tool_call: str | None) -> bool:
        """False: it was asked for before. After its link broke, a worker may tell the same thing twice."""
        if tool_call is None:
            return True
        if tool_call in self._known_tools:
            return False
        self._known_tools.add(tool_call)
        self.open_tools.add(tool_call)
        return True

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
        answered = Outcome.MACHINE if self.machine else Outcome.ANSWERED
        self.outcome = outcome or (answered if self.answered_at else Outcome.CANCELLED)
        self.ended_by, self.detail, self.ended_at = by, detail or self.detail, now
        self.state = State.ENDING if self.session_open else State.ENDED
        self.company.clear()
        transfers = attended.hang_up(self.transfer) if self.transfer else []
        others = [*transfers, *participants.hang_up(self), *supervise.hang_up(self)]
        ours: list[m.Command] = [m.HangUp(self.media), m.DestroyBridge(self.ids.bridge)]
        commands: list[m.Command] = [m.HangUp(self.plan.leg, sip_reason), *others, *ours]
        if self.session_open:
            commands += [m.CloseAi("the call ended"), m.StartTimer("end", self.plan.end_deadline)]
        return commands


_FIRST = {"inbound": State.RINGING, "outbound": State.PREPARING}
_AGENT_AWAY = (State.WAITING, State.TRANSFERRED, State.REHOMING, State.RESCUING, State.ENDING, State.ENDED)

Handler = Callable[[Call, Any, datetime], list[m.Command]]

_TOOLS_OF_TALKING = (m.HangUpTool, m.SendDigitsTool, m.HoldTool, m.VoicemailTool, m.RunTool, m.TransferAsked)
_ALWAYS: dict[type, Handler] = {
    m.LegGone: rescue.leg_gone,
    m.LegHungUp: ending.leg_hung_up,
    m.MediaLost: rescue.media_lost,
    m.SessionOver: rescue.session_gone,
    m.WorkerLost: rehome.worker_lost,
    m.NoWorkerFound: rehome.no_worker,
    m.AiFailed: rescue.ai_failed,
    m.CommandFailed: rescue.command_failed,
    m.HangUpAsked: ending.hang_up,
    m.Conversed: tools.conversed,
    m.RecordingTold: orders.recording_told,
    m.ToolRefused: tools.refused,
    m.WaitTool: tools.wait,
    m.ToolDone: tools.done,
    **dict.fromkeys(_TOOLS_OF_TALKING, tools.not_now),
    m.DecideTool: attended.not_asked,
    m.WrapUpDue: closing.later,
    m.ParticipantAsked: participants.asked,
    m.SuperviseAsked: supervise.asked,
}
"""What any state does unless its own row says otherwise."""

_WITH_AGENT: dict[type, Handler] = {
    m.MuteAsked: orders.mute,
    m.DigitsAsked: orders.digits,
    m.SayAsked: orders.say,
    m.SwitchAsked: orders.switch,
    m.RecordAsked: orders.record,
}
"""What ops may do wherever there is an agent, heard or not."""

_TABLE: dict[State, dict[type, Handler]] = {
    State.WAITING: {
        m.PlaceKnown: waiting.place_known,
        m.RoomFound: waiting.room_found,
        m.SoundOver: waiting.announced,
        m.TimeUp: waiting.time_up,
    },
    State.RINGING: {m.AiReady: setup.answer_ready, m.TimeUp: setup.answer_overdue},
    State.PREPARING: {m.AiReady: setup.dial, m.TimeUp: setup.prepare_overdue},
    State.DIALING: {
        m.AiReady: rehome.ready_early,
        m.LegEntered: detection.answered,
        m.LegGone: setup.callee_gone,
        m.TimeUp: setup.dial_overdue,
    },
    State.DETECTING: {
        m.AiReady: rehome.ready_early,
        m.LegEntered: detection.told,
        m.LegGone: detection.left,
        m.CommandFailed: detection.impossible,
        m.TimeUp: detection.overdue,
    },
    State.CONNECTING: {
        m.LegEntered: setup.media_leg_entered,
        m.MediaFlowing: setup.silence_flows,
        m.AiReady: setup.ready_late,
        m.TimeUp: setup.media_overdue,
    },
    State.TALKING: {
        m.AiReady: setup.ready_late,
        **_WITH_AGENT,
        m.TransferAsked: transfer.asked,
        m.DigitPressed: transfer.digit_pressed,
        m.HoldAsked: hold.asked,
        m.HangUpTool: tools.hang_up,
        m.SendDigitsTool: tools.send_digits,
        m.HoldTool: tools.hold,
        m.VoicemailTool: detection.recognised,
        m.RunTool: tools.run,
        m.WrapUpDue: closing.due,
        m.LastSaid: closing.last_said,
        m.TimeUp: closing.time_up,
    },
    State.HOLDING: {
        **_WITH_AGENT,
        m.TransferAsked: transfer.asked,
        m.HoldAsked: hold.taken_over,
        m.ResumeAsked: hold.resumed,
        m.DigitPressed: transfer.digit_pressed,
        m.SendDigitsTool: tools.send_digits,
        m.RunTool: tools.run,
        m.ToolDone: hold.tool_done,
        m.WrapUpDue: closing.due,
        m.LastSaid: closing.last_said,
        m.TimeUp: hold.time_up,
    },
    State.CLOSING: {
        m.DigitsAsked: orders.digits,
        m.HangUpTool: closing.hang_up,
        m.ToolDone: closing.tool_done,
        m.WrapUpDue: ending.nothing,
        m.LastSaid: closing.last_said,
        m.TimeUp: closing.overdue,
    },
    State.TRANSFERRING: {
        **_WITH_AGENT,
        m.LegEntered: transfer.target_answered,
        m.TransferAsked: transfer.asked_again,
        m.TransferCancelled: transfer.cancelled,
        m.DigitPressed: transfer.digit_pressed,
        m.HangUpTool: transfer.hang_up_refused,
        m.RunTool: tools.run,
        m.LastSaid: closing.finished_meanwhile,
        m.TimeUp: transfer.target_overdue,
    },
    State.CONSULTING: {
        m.TransferAsked: transfer.asked_again,
        m.TransferCancelled: transfer.cancelled,
        m.TransferDecided: attended.decided,
        m.DecideTool: attended.decided,
        m.DigitPressed: attended.digit_pressed,
        m.HangUpTool: transfer.hang_up_refused,
        m.LastSaid: closing.finished_meanwhile,
        m.TimeUp: attended.time_up,
    },
    State.REFERRING: {
        m.LegReturned: refer.returned,
        m.LegHungUp: refer.hung_up,
        m.TransferAsked: transfer.asked_again,
        m.HangUpTool: transfer.hang_up_refused,
        m.LastSaid: closing.finished_meanwhile,
        m.TimeUp: refer.overdue,
    },
    State.TRANSFERRED: transferred.ROWS,
    State.REHOMING: rehome.ROWS,
    State.RESCUING: {
        m.SoundOver: rescue.sound_over,
        m.TimeUp: rescue.sound_overdue,
        m.SessionOver: rescue.session_left,
    },
    State.ENDING: {
        m.LegGone: ending.cause_known,
        m.SessionOver: ending.session_over,
        m.WorkerLost: ending.worker_lost,
        m.TimeUp: ending.overdue,
        **dict.fromkeys((m.MediaLost, m.AiFailed, m.CommandFailed, m.HangUpAsked), ending.nothing),
    },
    State.ENDED: {},
}
