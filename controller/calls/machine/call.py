"""The state of one call, and what rows of its table do to it in the same way. [pure]

Knows no row: `table` says what happens when.
"""

from collections.abc import Iterable
from datetime import datetime

from bridge.contract import AddMessage, Counters
from controller.calls.machine import commands, inputs
from controller.calls.machine.call_loops import Origin
from controller.calls.machine.caller_sound import CallerHold, InboundAudio
from controller.calls.machine.ids import Ids
from controller.calls.machine.outcome import Outcome
from controller.calls.machine.plan import Failover, FallbackStep, Participant, Plan, State, Supervision, Transfer
from controller.calls.machine.types import RecordingState
from controller.calls.metadata import Metadata

SUPERVISOR = "supervisor"
"""The timer for a supervisor whose telephone rings."""
TOOL_ANSWERED = "A tool that you called before the interruption has answered: {}"

_FIRST = {"inbound": State.RINGING, "outbound": State.PREPARING}
UNANSWERED = (State.RINGING, State.PREPARING, State.DIALING, State.DETECTING)
_AGENT_AWAY = (State.WAITING, State.TRANSFERRED, State.FAILOVER, State.FALLBACK, State.ENDING, State.ENDED)


class Call:
    """One call. Construct, `table.start`, then `table.handle` each input until `state` is ENDED.

    The attributes are written by the rows of the table (and by `recovery`, once); everybody else only reads them.
    """

    plan: Plan
    ids: Ids
    state: State
    started_at: datetime
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    outcome: Outcome | None = None
    ended_by: str | None = None
    """`caller`, `callee`, `agent`, `asterisk`, `system`, `target`, `participant` …, or a token's name."""
    detail: str | None = None
    """Why it ended, or what went wrong; in English, for ops."""
    cause: int | None = None
    """Q.850, of the person's leg."""
    sip_status: int | None = None
    hung_up_by_asterisk = False
    origin: Origin

    # the agent

    session_open: bool
    """A worker has been asked for the AI session, and has not said yet that it is over."""
    session = 1
    """The number of the present AI session of this call: each one that is asked for gets the next."""
    ai_ready = False
    media: str
    """The media leg, or the one that will be."""
    media_entered = False
    """Asterisk has told of the media leg. Set in CONNECTING and FAILOVER, as is `media_flowing`."""
    media_flowing = False
    """The worker sends silence to the media leg."""
    media_lost = False
    """There is no agent any more. Set in FALLBACK, TRANSFERRED, and in TRANSFERRING, CONSULTING and REFERRING when
    the agent is lost there; taken back only for a call that is `stranded`."""
    stranded = False
    """Set in TRANSFERRING: the agent was lost, and another worker may have one if the target does not answer."""
    paused = False
    """The agent neither hears nor speaks. Set in HOLDING, TRANSFERRING, CONSULTING and REFERRING."""
    music = False
    """On the person's leg. Set in WAITING (until the call is answered), HOLDING, TRANSFERRING, CONSULTING, and in
    FAILOVER for a call that was on hold."""
    losses = 0
    """How often the agent's worker or media leg was lost."""
    failover: Failover | None = None
    """In FAILOVER only."""
    fallback_steps: list[FallbackStep]
    """The steps that have not been tried."""
    metadata: Metadata
    conversed = False
    """Somebody has said or pressed something."""
    counters: Counters | None = None
    """Of the last session that is over."""
    wrap_up_due: str | None = None
    """Why the agent has to say its last words, once it talks with the caller again."""
    last_said: str | None = None
    """Why the agent has said its last words in a transfer, which is not ended by them."""
    open_tools: set[str]
    """Tool calls that the model has no answer to."""
    inherited_tools: set[str]
    """Tool calls of a lost session: the session that took over is told their results."""
    _known_tools: set[str]

    # who else

    place: int | None = None
    """In WAITING: in the line; 1 is next."""
    answering_machine = False
    """An answering machine has answered, says the agent."""
    answer_note: str | None = None
    """A note for the agent about the person or machine that has answered, until the agent is told."""
    hold_tool_call: str | None = None
    """The tool call by which the agent put the caller on hold."""
    held_by: str | None = None
    """`agent`, or a token's name."""
    caller_hold: CallerHold
    muted: frozenset[inputs.Side]
    recording: RecordingState
    transfer: Transfer | None = None
    transfers = 0
    participants: dict[str, Participant]
    """By channel."""
    other_parties: set[str]
    """Legs of other people who hear the caller."""
    supervision: Supervision | None = None
    supervisions = 0
    snoops = 0
    sounds = 0
    transferred_at: datetime | None = None
    unreached: bool = False
    """Asterisk did not reach a worker of this call."""
    over_limit: str | None = None
    """In TRANSFERRED: why the call is about to end."""
    inbound_audio: InboundAudio
    undeclared: str | None = None
    """A transition that no row declares, for the log (`table.undeclared`)."""

    def __init__(self, plan: Plan, now: datetime) -> None:
        self.plan = plan
        self.ids = Ids(plan.call)
        self.state = _FIRST[plan.direction] if plan.waiting is None else State.WAITING
        self.started_at = now
        self.origin = plan.origin
        self.metadata = plan.metadata
        self.session_open = plan.waiting is None and plan.unserved is None
        self.media = self.ids.media
        self.fallback_steps = list(plan.agent.on_ai_failure)
        self.open_tools = set()
        self.inherited_tools = set()
        self._known_tools = set()
        self.caller_hold = CallerHold()
        self.muted = frozenset()
        self.recording = "on" if plan.agent.spec.recording else "off"
        self.participants = {}
        self.other_parties = set()
        self.inbound_audio = InboundAudio()

    def __repr__(self) -> str:
        return f"<Call {self.plan.call} {self.plan.direction} {self.state} agent={self.plan.agent.name}>"

    def abandon(self, now: datetime, reason: str | None = None) -> None:
        """For a call that can't go on (an internal error, or the process stops): it is over as it stands."""
        if self.state not in (State.ENDING, State.ENDED):
            self.end(now, Outcome.FAILED, detail=reason or "the controller gave the call up")
        self.state = State.ENDED

    @property
    def with_agent(self) -> bool:
        """There is an agent, or there will be one."""
        return self.state not in _AGENT_AWAY and not self.media_lost

    @property
    def media_up(self) -> bool:
        """Its worker has the media leg, as far as it has told."""
        if self.state is State.CONNECTING:
            return self.media_flowing
        if self.failover is not None:
            return self.failover.phase == "joining" and self.media_flowing
        return self.with_agent and self.state not in UNANSWERED

    # ------------------------------------------------------------ for the rows of the table

    def answer(
        self, tool_call: str | None, output: str, ok: bool = True, respond: bool = True, reason: str | None = None
    ) -> list[commands.Command]:
        """The answer to a tool call, once. Nothing if no tool call is open by that id, or if its session is lost."""
        if tool_call not in self.open_tools:
            return []
        self.open_tools.discard(tool_call)
        here = self.session_open and self.state not in _AGENT_AWAY
        if tool_call in self.inherited_tools:
            self.inherited_tools.discard(tool_call)
            later = self.with_agent and self.session_open
            return [self.news(TOOL_ANSWERED.format(output), respond=respond)] if later else []
        return [commands.AnswerAiTool(tool_call, output, ok, respond, reason)] if here else []

    def refuse(self, tool_call: str | None, reason: str) -> list[commands.Command]:
        return self.answer(tool_call, reason, ok=False)

    def start_music(self) -> list[commands.Command]:
        was, self.music = self.music, True
        return [] if was else [commands.StartMusic(self.plan.leg)]

    def stop_music(self) -> list[commands.Command]:
        was, self.music = self.music, False
        return [commands.StopMusic(self.plan.leg)] if was else []

    def pause(self) -> list[commands.Command]:
        """The agent neither hears nor speaks, and the caller hears music."""
        was, self.paused = self.paused, True
        paused = [] if was or not self.session_open else [commands.PauseAi()]
        return paused + self.start_music()

    def resume(self, note: str | None = None) -> list[commands.Command]:
        """Undoes `pause`, as far as it was done. `note`: told to the model."""
        was, self.paused = self.paused, False
        resumed = [commands.ResumeAi(note)] if was and self.session_open else []
        return self.stop_music() + resumed

    def take_over_tools(self, asked: Iterable[str]) -> None:
        """Tool calls that an earlier controller has not answered."""
        self.open_tools |= set(asked)
        self._known_tools |= set(asked)

    def opened(self, tool_call: str | None) -> bool:
        """Whether the model asks for the first time: a worker whose link broke may tell the same thing twice."""
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
    ) -> list[commands.Command]:
        """Takes everything down. To hang up what is gone already is no error, so everything is named."""
        answered = Outcome.MACHINE if self.answering_machine else Outcome.ANSWERED
        self.outcome = outcome or (answered if self.answered_at else Outcome.CANCELLED)
        self.ended_by, self.detail, self.ended_at = by, detail or self.detail, now
        self.state = State.ENDING if self.session_open else State.ENDED
        self.other_parties.clear()
        session = [commands.CloseAi("the call ended"), commands.StartTimer("end", self.plan.end_timeout)]
        return [
            commands.HangUp(self.plan.leg, sip_reason),
            *self._hang_up_target(),
            *self._hang_up_participants(),
            *(self.end_supervision(Outcome.CANCELLED) if self.supervised else ()),
            commands.HangUp(self.media),
            commands.DestroyBridge(self.ids.bridge),
            *(session if self.session_open else ()),
        ]

    def news(self, text: str, *, respond: bool) -> commands.Command:
        """Tells the model of the present session."""
        return commands.OrderAi(AddMessage(call=self.plan.call, text=text, respond=respond))

    def present_participants(self) -> list[Participant]:
        """The participants who ring or have joined."""
        return [each for each in self.participants.values() if each.state in ("ringing", "joined")]

    @property
    def supervised(self) -> bool:
        return self.supervision is not None and self.supervision.state in ("ringing", "on")

    def end_supervision(self, outcome: Outcome) -> list[commands.Command]:
        """`outcome`: for a supervisor who was not there yet."""
        supervision = self.supervision
        assert supervision is not None, "nobody else can be sent away"
        if supervision.state == "on":
            supervision.state = "left"
        else:
            supervision.state, supervision.outcome = "failed", outcome
        snoop, supervision.snoop = supervision.snoop, None
        gone = [commands.HangUp(snoop)] if snoop else []
        return [
            commands.StopTimer(SUPERVISOR),
            commands.HangUp(supervision.channel),
            *gone,
            commands.DestroyBridge(self.ids.supervision),
        ]

    def _hang_up_target(self) -> list[commands.Command]:
        """The leg of a transfer's target, and the bridge of its talk with the agent."""
        if self.transfer is None:
            return []
        talk = self.transfer.consultation
        return [commands.HangUp(self.transfer.channel), *([commands.DestroyBridge(talk)] if talk else ())]

    def _hang_up_participants(self) -> list[commands.Command]:
        steps: list[commands.Command] = []
        for each in self.present_participants():
            joined = each.state == "joined"
            each.state, each.outcome = ("left", each.outcome) if joined else ("failed", Outcome.CANCELLED)
            steps += [commands.StopTimer(each.channel), commands.HangUp(each.channel)]
        return steps
