"""The rules of one conversation between a caller and a Realtime server: events in, effects out. [pure]

`handle(input, now)` takes the server's events and the session's inputs one after the other and returns the effects. It
reads no clock and touches no socket. It fills and clears the playout itself, so that nothing can happen between
measuring what was heard and clearing the queue.

    input              what happens
    ----------------   -------------------------------------------------------------------------------------
    Greet              the consent and the greeting are asked for, word for word
    AudioDelta         queued for Asterisk; dropped when its response was interrupted
    SpeechStarted      barge-in, unless the first words are protected or the agent is not interruptible; held tools
                       are abandoned
    SpeechStopped      a turn to measure; the server should answer, or we ask it to
    ItemDone           a tool is run, or held until what was said has been played
    ResponseDone       usage; tool outputs go out; a failed or silent response is asked for again
    Drained            finished utterances are reported; held tools run a moment later (`closing`)
    Digit              collected, then told to the model as text
    Speak WrapUp Hold  commands of the controller: `agent_commands`
    Mute AddMessage    likewise
    SwitchAgent        another agent goes on: `handoff`
    UserMessage        of a text session: the user's words, to be answered: `text_turns`
    RemoteTool         the server waits for somebody else: the watchdog waits, too
    ServerError        a race that is counted, a refused request that is repeated, or the end

Each rule stands with its state, in the other files of this package; `responses` and `tool_calls` have tables of their
own. This file only says which parts get which input, and in which order.

Watchdogs and their recovery: no reaction to a request (asked again, three times, then the session ends); a response
that stands still (cancelled, then given up); a response without sound or tool (asked for again once); a failed one
(asked for again after a pause, then the session ends); a caller left without answer (we ask); a tool not answered
(the model is told); a caller whose turn has no end (its transcript ends it, or a minute and then nothing to be heard
of the caller; the server should answer then, or we ask); a server that makes us tell too much (`event_budget`: the
connection ends, and is made again).
"""

from bridge.contract import AddMessage, Hold, Mute, SessionSpec, Speak, SwitchAgent, UserMessage, WrapUp
from bridge.media.playout import Playout
from bridge.realtime.conversation.agent_speech import AgentSpeech
from bridge.realtime.conversation.announcement import Announcement
from bridge.realtime.conversation.effects import Effect, Emit, EndSession, Note, Timer
from bridge.realtime.conversation.event_budget import EventBudget
from bridge.realtime.conversation.handoff import AgentHandoff
from bridge.realtime.conversation.inputs import (
    Closing,
    ConnectionLost,
    ConnectionOpened,
    Digit,
    Drained,
    Greet,
    Input,
    Ticked,
    TimerFired,
    ToolAnswered,
)
from bridge.realtime.conversation.parts import make_parts
from bridge.realtime.conversation.user_speech import UserSpeech
from bridge.realtime.protocol import server_events
from bridge.realtime.protocol.errors import without_quotes

TOO_MUCH = "the server sends more turns, texts, bills or errors than a phone call has"
TRANSCRIPTION_HINT = "look at `transcription` of the agent: model, language, and whether the key may use the model"


class Conversation:
    """One conversation, over all connections of its call. The session, which shares `playout`, only pops from it."""

    def __init__(self, call: str, spec: SessionSpec, playout: Playout) -> None:
        self.parts = parts = make_parts(call, spec, playout)
        self._announcement = Announcement(parts.out, parts.commands, parts.turns)
        self._user_speech = UserSpeech(spec, parts)
        self._agent_speech = AgentSpeech(parts, self._user_speech)
        self._handoff = AgentHandoff(parts, self._user_speech)
        self._budget = EventBudget()
        self.closed = False
        self.watching = False
        """Whether `Ticked` is wanted after each tick."""
        self._listening = False
        """The caller is there: `Greet` has come."""

    def __repr__(self) -> str:
        return f"<Conversation [{self.parts.responses!r} {self.parts.tools!r} {self.parts.playout!r}]>"

    def handle(self, what: server_events.Event | Input, now: float) -> list[Effect]:
        """What follows from this, in order. `now`: seconds of a monotonic clock, never going back."""
        if self.closed:
            return []
        self.parts.transcript.now = now
        first = self._before(what, now)
        self._on(what, now)
        if self.parts.text_turns.on:
            self._first_words(now)  # there are no ticks
            self.parts.text_turns.settled(quiet=self._listening and self._quiet)
        self.watching = self.parts.interruption.watching or self.parts.turns.watching or self.parts.greeting.watching
        self.parts.no_input.update(quiet=self._listening and self._quiet and self.parts.commands.talking)
        effects = [*first, *self.parts.connection.passed_on(self.parts.out.take())]
        told = sum(isinstance(each, Emit | Note) for each in effects)
        if isinstance(what, server_events.ServerError):
            told = max(told, 1)  # one that has been logged before is only counted, and costs time all the same
        if told and isinstance(what, server_events.Event) and not self._budget.spend(told, now):
            effects.append(EndSession("transient", TOO_MUCH))
        return effects

    def _before(self, what: server_events.Event | Input, now: float) -> list[Effect]:
        """The connection hears of everything before the others. Returns what a new one is told first."""
        if isinstance(what, ConnectionOpened):
            return self.parts.connection.opened(what)
        if isinstance(what, ConnectionLost):
            self.parts.connection.lost(now)
        self.parts.connection.history.heard(what)
        return []

    def _on(self, what: server_events.Event | Input, now: float) -> None:
        """Inputs that are frequent."""
        match what:
            case server_events.AudioDelta():
                self.parts.text_turns.sound()
                self._agent_speech.sound(what, now)
            case Ticked():
                self.parts.interruption.ticked(now)
                self.parts.turns.ticked(now)
                self._first_words(now)
            case server_events.TranscriptDelta():
                self._agent_speech.text(what, now)
            case server_events.TranscriptDone():
                self._agent_speech.text_done(what, now)
            case server_events.AudioDone(item_id):
                self._agent_speech.sound_done(item_id)
            case UserMessage(text=text):
                self._user_speech.begun = True
                self.parts.text_turns.typed(text)
            case server_events.Text() if self.parts.text_turns.on:
                self._agent_speech.written(what, now)
            case Drained():
                self._agent_speech.drained()
            case server_events.SpeechStarted(item_id, audio_start_ms):
                self.parts.no_input.reset()
                self._user_speech.started(item_id, now, audio_start_ms)
            case server_events.SpeechStopped(item_id, audio_end_ms):
                self._user_speech.ended(item_id, now)
                self._user_speech.stopped(audio_end_ms, now)
                self._warn_of_missing(now)
            case server_events.ResponseCreated(response_id):
                self._agent_speech.seen(response_id, now, announced=True)
            case server_events.ResponseDone():
                self._agent_speech.response_done(what, now)
            case server_events.ItemDone():
                self._agent_speech.item_done(what, now)
                if what.kind == "mcp_call" and what.status == "failed":
                    self._mcp_failed(server_events.McpFailed(what.item_id, True, what.label), now)
            case server_events.ItemAdded(item_id, label):
                self.parts.responses.item_added(item_id)
                self.parts.mcp.item_added(item_id, label)
            case _:
                self._on_rare(what, now)

    def _on_rare(self, what: server_events.Event | Input, now: float) -> None:
        """Inputs that are rare."""
        match what:
            case TimerFired(timer, subject):
                self._timer(timer, subject, now)
            case Greet(resumed, said):
                self._listening, self._user_speech.begun = True, self._user_speech.begun or resumed
                self.parts.text_turns.begin()
                self.parts.greeting.ask(resumed=resumed, said=said)
            case Digit(digit):
                self.parts.no_input.reset()
                self._user_speech.begun = True
                self.parts.dtmf.pressed(digit)
            case Speak():
                self.parts.commands.speak(what)
            case WrapUp():
                self.parts.interruption_filter.settle()
                self._wrap_up(what, now)
            case Hold():
                self.parts.interruption_filter.settle()
                self.parts.commands.hold(what)
            case Mute():
                self.parts.commands.mute(what)
            case AddMessage():
                self.parts.commands.add_message(what)
            case SwitchAgent(spec=spec):
                self._handoff.switch(spec)
            case server_events.CallerIdle():
                self.parts.no_input.server_prompted()
            case server_events.McpFailed():
                self._mcp_failed(what, now)
            case server_events.RemoteTool(over):
                self._agent_speech.remote_tool(over=over, now=now)
            case ToolAnswered(call_id, output, respond):
                self.parts.tools.answered(call_id, output, respond=respond)
            case server_events.CallerTranscribed():
                self._caller_said(what, now)
            case server_events.TranscriptionFailed():
                self._not_transcribed(what, now)
            case server_events.SessionUpdated():
                self.parts.effective_session.updated(what)
            case server_events.ServerError():
                self.parts.errors.error(what, now)
            case server_events.Malformed(kind, why):
                self.parts.warnings.warn("malformed_event", (kind,), why)
            case ConnectionLost():
                self.parts.interruption_filter.settle()
                self._agent_speech.response_over(self.parts.recovery.lost())
                self._user_speech.connection_lost()
                self.parts.transcript.no_more_words()
            case ConnectionOpened(info, updated):
                self.parts.usage_meter.provider = info.provider
                self.parts.turns.appended.restart()
                self.parts.errors.connected()
                self.parts.effective_session.connected(updated, info.refused)
                self.parts.recovery.back()
            case Closing():
                self._close(now)

    @property
    def at_rest(self) -> bool:
        """Nobody speaks, and all texts have come: another connection may take over unnoticed."""
        return self._quiet and not (self._user_speech.awaits_words or self.parts.transcript.awaits_words)

    @property
    def _quiet(self) -> bool:
        """Nobody speaks, nobody is about to, and nothing is open."""
        busy = self.parts.turns.callers or self.parts.tools.unsettled or self.parts.greeting.watching or self.closed
        busy = busy or self.parts.closing.active or self.parts.dtmf.collecting
        return not busy and self.parts.responses.at_rest and self.parts.playout.idle

    def _wrap_up(self, command: WrapUp, now: float) -> None:
        if command.after_silence:
            self._announcement.wait(command, now)
        else:
            self.parts.commands.wrap_up(command)

    def _first_words(self, now: float) -> None:
        speaking, muted, ending = self.parts.turns.speaking, self.parts.commands.agent_muted, self.parts.closing.firm
        if self.parts.greeting.ticked(speaking=speaking, muted=muted, ending=ending):
            self._user_speech.may_interrupt(now)

    def _close(self, now: float) -> None:
        self.parts.turns.close()
        self._warn_of_missing(now)
        self._user_speech.close(now)
        self.parts.interruption.close()
        self.parts.warnings.close()
        self.closed = True

    # ------------------------------------------------------------ the caller speaks

    def _caller_said(self, heard: server_events.CallerTranscribed, now: float) -> None:
        if self._user_speech.is_written(heard.item_id):
            return  # told twice
        if self.parts.turns.written_down(heard.item_id):
            self._user_speech.stop_missed(now)
        self.parts.usage_meter.transcription(heard.usage)
        text = heard.transcript.strip()
        if not text:
            self.parts.turns.was_noise(heard.item_id)
        self.parts.interruption_filter.transcribed(heard.item_id, text)
        self._user_speech.said(heard.item_id, text, now)

    def _mcp_failed(self, failed: server_events.McpFailed, now: float) -> None:
        if self.parts.mcp.failed(failed):
            self._agent_speech.remote_tool(over=True, now=now)

    def _warn_of_missing(self, now: float) -> None:
        for _ in range(self._user_speech.missing(now)):
            self.parts.warnings.warn("transcription_failed", ("missing",), f"no transcript came; {TRANSCRIPTION_HINT}")

    def _not_transcribed(self, failed: server_events.TranscriptionFailed, now: float) -> None:
        if self.parts.turns.written_down(failed.item_id):
            self._user_speech.stop_missed(now)
        why = f"{without_quotes(failed.message) or 'no message'}; {TRANSCRIPTION_HINT}"
        self.parts.warnings.warn("transcription_failed", (failed.code, failed.type), why)
        self._user_speech.not_transcribed(failed.item_id, now)

    # ------------------------------------------------------------ trouble

    def _timer(self, timer: Timer, subject: str, now: float) -> None:
        match timer:
            case Timer.REQUEST:
                self.parts.responses.request_expired()
            case Timer.PROGRESS:
                self.parts.responses.progress_checked(now)
            case Timer.CANCEL:
                self._agent_speech.cancel_expired()
            case Timer.RETRY:
                self.parts.responses.retry()
            case Timer.ANSWER:
                self._user_speech.unanswered()
            case Timer.STOPPED:
                self._user_speech.stop_overdue(now)
            case Timer.DIGITS:
                self.parts.dtmf.tell()
            case Timer.TAIL:
                self.parts.held_tools.tail_reached()
            case Timer.SPEECH:
                self.parts.held_tools.expired()
            case Timer.TOOL:
                self.parts.tools.expired(subject)
            case Timer.FILLER:
                self.parts.tools.slow(subject, agent_speaks=not self.parts.playout.idle or self.parts.turns.callers)
            case Timer.COUNTS:
                self._user_speech.lasted()
            case Timer.IDLE:
                self._caller_idle()
            case Timer.LAST:
                self.parts.closing.expired()
            case Timer.SILENCE:
                self._announcement.looked(now)
            case Timer.WORDS:
                self._user_speech.unwritten(subject, now)
                self.parts.transcript.wordless(subject)
            case Timer.SESSION:
                self.parts.effective_session.overdue()
            case Timer.END:
                self.parts.closing.tail_reached()

    def _caller_idle(self) -> None:
        text, goodbye = self.parts.no_input.expired()
        if goodbye:
            self.parts.commands.goodbye(text, "idle")
        elif text:
            self.parts.commands.prompt(text)
