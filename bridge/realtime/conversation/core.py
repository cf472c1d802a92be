"""One conversation: who speaks, what to cut, ask, run and tell. [pure]

`handle(input, now)` takes the server's events and the session's signals one after the other and returns what to
do. It reads no clock and touches no socket; the playout, pure as well, is filled and cleared here, so that between
measuring what was heard and clearing the queue there is nothing.

    input              what happens
    ----------------   -------------------------------------------------------------------------------------
    Greet              the consent and the greeting are asked for, word for word
    AudioDelta         queued for Asterisk; dropped when its response was interrupted
    SpeechStarted      barge-in, unless the first words are protected or the agent is not interruptible; held tools
                       are abandoned
    SpeechStopped      a turn to measure; the server should answer, or we ask it to
    ItemDone           a tool is run, or held until what was said has been played
    ResponseDone       usage; tool outputs go out; a failed or silent response is asked for again
    Drained            finished utterances are reported; held tools go on after a tail
    Digit              collected, then told to the model as text
    Speak WrapUp Hold  what the controller orders: `agent_commands`
    Mute Inform Switch likewise; another agent: `handoff`
    RemoteTool         the server waits for somebody else: no watchdog barks
    ServerError        a race that is counted, a refused request that is repeated, or the end

The rules live with their state, in the other files of this package: `responses` and `tool_calls` have tables of their
own. This file only says who hears of what, in which order.

Watchdogs and their recovery: no reaction to a request (asked again, three times, then the session ends); a response
that stands still (cancelled, then given up); a response without sound or tool (asked for again once); a failed one
(asked for again after a pause, then the session ends); a caller left without answer (we ask); a tool not answered
(the model is told); a caller whose turn has no end (its transcript ends it, or a minute and then nothing to be heard
of the caller; the server should answer then, or we ask); a server that makes us tell too much (`event_budget`: the
connection ends, and is made again).
"""

from bridge.contract import Hold, Inform, Mute, SessionSpec, Speak, Switch, WrapUp
from bridge.media.playout import Playout
from bridge.realtime.conversation.agent_commands import AgentCommands
from bridge.realtime.conversation.agent_speech import AgentSpeech
from bridge.realtime.conversation.agent_transcript import AgentTranscript
from bridge.realtime.conversation.ai_warnings import AiWarnings
from bridge.realtime.conversation.announcement import Announcement
from bridge.realtime.conversation.closing import HeldTools, LastWords
from bridge.realtime.conversation.connection import Connection
from bridge.realtime.conversation.dtmf import DtmfCollector
from bridge.realtime.conversation.effective_session import EffectiveSession
from bridge.realtime.conversation.effects import (
    Closing,
    ConnectionLost,
    ConnectionOpened,
    Digit,
    Drained,
    Effect,
    EffectList,
    Emit,
    EndSession,
    Greet,
    Input,
    Note,
    Ticked,
    Timer,
    TimerFired,
    ToolAnswered,
)
from bridge.realtime.conversation.event_budget import EventBudget
from bridge.realtime.conversation.greeting import Greeting
from bridge.realtime.conversation.handoff import AgentHandoff
from bridge.realtime.conversation.interruption import Interruptions
from bridge.realtime.conversation.interruption_filter import InterruptionFilter
from bridge.realtime.conversation.mcp_failures import McpFailures
from bridge.realtime.conversation.no_input import NoInputPolicy
from bridge.realtime.conversation.recovery import Recovery
from bridge.realtime.conversation.response_errors import ResponseErrors
from bridge.realtime.conversation.responses import Responses
from bridge.realtime.conversation.tool_calls import ToolCalls
from bridge.realtime.conversation.turn_detection import TurnDetection
from bridge.realtime.conversation.turns import Turns
from bridge.realtime.conversation.usage import UsageMeter
from bridge.realtime.conversation.user_speech import UserSpeech
from bridge.realtime.protocol import server_events
from bridge.realtime.protocol.errors import without_quotes

TOO_MUCH = "the server sends more turns, texts, bills or errors than a phone call has"
TRANSCRIPTION_HINT = "look at `transcription` of the agent: model, language, and whether the key may use the model"


class Conversation:
    """See the module. `playout` is shared with the session, which only pops from it."""

    def __init__(self, call: str, spec: SessionSpec, playout: Playout) -> None:
        out = self._out = EffectList()
        self._call = call
        self._playout = playout
        self.warnings = AiWarnings(call, out)
        self.responses = Responses(out, self._blocked)
        self.tools = ToolCalls(call, spec.tools, out, self.responses)
        self.turns = Turns(call, spec, out, playout)
        self.utterances = AgentTranscript(call, spec, out, playout, self.warnings)
        self.ears = TurnDetection(spec, out)
        self.connection = Connection(call, self.ears)
        self._session = EffectiveSession(out, self.ears, self.warnings)
        self.greeting = Greeting(spec, out, self.ears, playout, self.responses)
        self.interruptions = Interruptions(call, spec.playout_delay_ms, out, playout, self.responses, self.utterances)
        self.doubts = InterruptionFilter(spec, out)
        self.closing = LastWords(call, out, playout, self.doubts)
        turns, tools, responses, greeting = self.turns, self.tools, self.responses, self.greeting
        doubts, ears, cuts, closing = self.doubts, self.ears, self.interruptions, self.closing
        held_tools = self._held_tools = HeldTools(out, playout, responses, tools, doubts)
        orders = self.orders = AgentCommands(
            spec, out, playout, ears, closing, held_tools, responses, tools, turns, cuts
        )
        self._announcement = Announcement(out, orders, turns)
        caller = self._caller = UserSpeech(
            call, spec, out, playout, ears, doubts, turns, responses, cuts, tools, held_tools, orders, closing, greeting
        )
        said = self.utterances
        outage = self.outage = Recovery(spec, playout, responses, tools, turns, said, self.connection)
        meter = self.meter = UsageMeter(call, spec, out)
        setbacks = self.setbacks = ResponseErrors(spec, out, responses, tools, turns, self.warnings)
        self._agent = AgentSpeech(
            playout,
            responses,
            said,
            turns,
            tools,
            greeting,
            cuts,
            setbacks,
            meter,
            orders,
            closing,
            outage,
            held_tools,
            caller,
        )
        self._idle = NoInputPolicy(spec.idle, out)
        self._digits = DtmfCollector(call, spec.digit_actions, out, responses)
        mcp = self._mcp = McpFailures(spec, self.warnings)
        by_spec = (turns, doubts, caller, meter, said, setbacks, mcp)
        self._cast = AgentHandoff(by_spec, ears, orders, tools, self._idle, self._digits)
        self._budget = EventBudget()
        self.closed = False
        self.watching = False
        """Whether `Ticked` is wanted after each tick."""
        self._listening = False
        """The caller is there: `Greet` has come."""

    def __repr__(self) -> str:
        return f"<Conversation [{self.responses!r} {self.tools!r} {self._playout!r}]>"

    def handle(self, what: server_events.Event | Input, now: float) -> list[Effect]:
        """What follows from this, in order. `now`: seconds of a monotonic clock, never going back."""
        if self.closed:
            return []
        self.utterances.now = now
        first = self._before(what, now)
        self._on(what, now)
        self.watching = self.interruptions.watching or self.turns.watching or self.greeting.watching
        self._idle.heed(quiet=self._listening and self._quiet and self.orders.talking)
        effects = [*first, *self.connection.passed_on(self._out.take())]
        told = sum(isinstance(each, Emit | Note) for each in effects)
        if isinstance(what, server_events.ServerError):
            told = max(told, 1)  # one that has been logged before is only counted, and costs time all the same
        if told and isinstance(what, server_events.Event) and not self._budget.spend(told, now):
            effects.append(EndSession("transient", TOO_MUCH))
        return effects

    def _before(self, what: server_events.Event | Input, now: float) -> list[Effect]:
        """The connection hears of everything before the others. Returns what a new one is told first."""
        if isinstance(what, ConnectionOpened):
            return self.connection.opened(what)
        if isinstance(what, ConnectionLost):
            self.connection.lost(now)
        self.connection.history.heard(what)
        return []

    def _on(self, what: server_events.Event | Input, now: float) -> None:
        """What happens all the time."""
        match what:
            case server_events.AudioDelta():
                self._agent.sound(what, now)
            case Ticked():
                self.interruptions.ticked(now)
                self.turns.ticked(now)
                self._first_words(now)
            case server_events.TranscriptDelta():
                self._agent.text(what, now)
            case server_events.TranscriptDone():
                self._agent.text_done(what, now)
            case server_events.AudioDone(item_id):
                self._agent.sound_done(item_id)
            case Drained():
                self._agent.drained()
            case server_events.SpeechStarted(item_id):
                self._idle.reset()
                self._caller.started(item_id, now)
            case server_events.SpeechStopped(item_id, audio_end_ms):
                self._caller.ended(item_id, now)
                self._caller.stopped(audio_end_ms, now)
                self._warn_of_missing(now)
            case server_events.ResponseCreated(response_id):
                self._agent.seen(response_id, now, announced=True)
            case server_events.ResponseDone():
                self._agent.response_done(what, now)
            case server_events.ItemDone():
                self._agent.item_done(what, now)
                if what.kind == "mcp_call" and what.status == "failed":
                    self._mcp_failed(server_events.McpFailed(what.item_id, True, what.label), now)
            case server_events.ItemAdded(item_id, label):
                self.responses.item_added(item_id)
                self._mcp.item_added(item_id, label)
            case _:
                self._on_rare(what, now)

    def _on_rare(self, what: server_events.Event | Input, now: float) -> None:
        """What happens now and then."""
        match what:
            case TimerFired(timer, subject):
                self._timer(timer, subject, now)
            case Greet(resumed, said):
                self._listening, self._caller.begun = True, self._caller.begun or resumed
                self.greeting.ask(resumed=resumed, said=said)
            case Digit(digit):
                self._idle.reset()
                self._caller.begun = True
                self._digits.pressed(digit)
            case Speak():
                self.orders.speak(what)
            case WrapUp():
                self.doubts.settle()
                self._wrap_up(what, now)
            case Hold():
                self.doubts.settle()
                self.orders.hold(what)
            case Mute():
                self.orders.mute(what)
            case Inform():
                self.orders.inform(what)
            case Switch(spec=spec):
                self._cast.switch(spec)
            case server_events.CallerIdle():
                self._idle.server_prompted()
            case server_events.McpFailed():
                self._mcp_failed(what, now)
            case server_events.RemoteTool(over):
                self._agent.remote_tool(over=over, now=now)
            case ToolAnswered(call_id, output, respond):
                self.tools.answered(call_id, output, respond=respond)
            case server_events.CallerTranscribed():
                self._caller_said(what, now)
            case server_events.TranscriptionFailed():
                self._not_transcribed(what, now)
            case server_events.SessionUpdated():
                self._session.updated(what)
            case server_events.ServerError():
                self.setbacks.error(what, now)
            case server_events.Malformed(kind, why):
                self.warnings.warn("malformed_event", (kind,), why)
            case ConnectionLost():
                self.doubts.settle()
                self._agent.response_over(self.outage.lost())
                self._caller.line_lost()
                self.utterances.no_more_words()
            case ConnectionOpened(info, updated):
                self.meter.provider = info.provider
                self.turns.appended.restart()
                self.setbacks.connected()
                self._session.connected(updated, info.refused)
                self.outage.back()
            case Closing():
                self._close(now)

    def _blocked(self) -> bool:
        """Nobody may be asked to speak for the agent: requests wait."""
        callers = self.turns.callers and not self.closing.firm
        return callers or self.orders.on_hold or self.closing.over or not self.connection.open

    @property
    def at_rest(self) -> bool:
        """All is quiet, and written down: another server may take over unnoticed."""
        return self._quiet and not (self._caller.awaits_words or self.utterances.awaits_words)

    @property
    def _quiet(self) -> bool:
        """Nobody speaks, nobody is about to, and nothing is open."""
        busy = self.turns.callers or self.tools.unsettled or self.greeting.watching or self.closed
        busy = busy or self.closing.active or self._digits.collecting
        return not busy and self.responses.at_rest and self._playout.idle

    def _wrap_up(self, order: WrapUp, now: float) -> None:
        if order.after_silence:
            self._announcement.wait(order, now)
        else:
            self.orders.wrap_up(order)

    def _first_words(self, now: float) -> None:
        speaking, muted, ending = self.turns.speaking, self.orders.agent_muted, self.closing.firm
        if self.greeting.ticked(speaking=speaking, muted=muted, ending=ending):
            self._caller.may_interrupt(now)

    def _close(self, now: float) -> None:
        self.turns.close()
        self._warn_of_missing(now)
        self._caller.close(now)
        self.interruptions.close()
        self.warnings.close()
        self.closed = True

    # ------------------------------------------------------------ the caller speaks

    def _caller_said(self, heard: server_events.CallerTranscribed, now: float) -> None:
        if self._caller.is_written(heard.item_id):
            return  # told twice
        if self.turns.written_down(heard.item_id):
            self._caller.stop_missed(now)
        self.meter.transcription(heard.usage)
        text = heard.transcript.strip()
        if not text:
            self.turns.was_noise(heard.item_id)
        self.doubts.transcribed(heard.item_id, text)
        self._caller.said(heard.item_id, text, now)

    def _mcp_failed(self, failed: server_events.McpFailed, now: float) -> None:
        if self._mcp.failed(failed):
            self._agent.remote_tool(over=True, now=now)

    def _warn_of_missing(self, now: float) -> None:
        for _ in range(self._caller.missing(now)):
            self.warnings.warn("transcription_failed", ("missing",), f"no transcript came; {TRANSCRIPTION_HINT}")

    def _not_transcribed(self, failed: server_events.TranscriptionFailed, now: float) -> None:
        if self.turns.written_down(failed.item_id):
            self._caller.stop_missed(now)
        why = f"{without_quotes(failed.message) or 'no message'}; {TRANSCRIPTION_HINT}"
        self.warnings.warn("transcription_failed", (failed.code, failed.type), why)
        self._caller.not_transcribed(failed.item_id, now)

    # ------------------------------------------------------------ trouble

    def _timer(self, timer: Timer, subject: str, now: float) -> None:
        match timer:
            case Timer.REQUEST:
                self.responses.request_expired()
            case Timer.PROGRESS:
                self.responses.progress_checked(now)
            case Timer.CANCEL:
                self._agent.cancel_expired()
            case Timer.RETRY:
                self.responses.retry()
            case Timer.ANSWER:
                self._caller.unanswered()
            case Timer.STOPPED:
                self._caller.stop_overdue(now)
            case Timer.DIGITS:
                self._digits.tell()
            case Timer.TAIL:
                self._held_tools.tail_reached()
            case Timer.SPEECH:
                self._held_tools.expired()
            case Timer.TOOL:
                self.tools.expired(subject)
            case Timer.FILLER:
                self.tools.slow(subject, agent_speaks=not self._playout.idle or self.turns.callers)
            case Timer.COUNTS:
                self._caller.lasted()
            case Timer.IDLE:
                self._caller_idle()
            case Timer.LAST:
                self.closing.expired()
            case Timer.SILENCE:
                self._announcement.looked(now)
            case Timer.WORDS:
                self._caller.unwritten(subject, now)
                self.utterances.wordless(subject)
            case Timer.SESSION:
                self._session.overdue()
            case Timer.END:
                self.closing.tail_reached()

    def _caller_idle(self) -> None:
        text, goodbye = self._idle.expired()
        if goodbye:
            self.orders.goodbye(text, "idle")
        elif text:
            self.orders.prompt(text)
