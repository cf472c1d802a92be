"""One conversation: who speaks, what to cut, ask, run and tell. [pure]

`handle(input, now)` takes the server's events and the session's signals one after the other and returns what to
do. It reads no clock and touches no socket; the playout, pure as well, is filled and cleared here, so that between
measuring what was heard and clearing the queue there is nothing.

    input              what happens
    ----------------   -------------------------------------------------------------------------------------
    Greet              the greeting is asked for, word for word
    AudioDelta         queued for Asterisk; dropped when its response was interrupted
    SpeechStarted      barge-in, unless the greeting is protected or the agent is not interruptible; held tools
                       are abandoned
    SpeechStopped      a turn to measure; the server should answer, or we ask it to
    ItemDone           a tool is run, or held until what was said has been played
    ResponseDone       usage; tool outputs go out; a failed or silent response is asked for again
    Drained            finished utterances are reported; held tools go on after a tail
    Digit              collected, then told to the model as text
    ServerError        a race that is counted, a refused request that is repeated, or the end

The rules live with their state: `responses` (one at a time, its table), `interruptions`, `tools` (its table),
`turns`, `utterances`, `greeting`. This file only says who hears of what, in which order.

Watchdogs and their recovery: no reaction to a request (asked again, three times, then the session ends); a response
that stands still (cancelled, then given up); a response without sound or tool (asked for again once); a failed one
(asked for again after a pause, then the session ends); a caller left without answer (we ask); a tool not answered
(the model is told).
"""

from collections.abc import Mapping

from bridge.contract import DigitPressed, Said, SessionSpec
from bridge.greeting import Greeting
from bridge.interruptions import Interruptions
from bridge.outage import Outage
from bridge.playout import Playout
from bridge.realtime import events
from bridge.realtime.failures import AccountRefused, SessionExpired, from_codes, is_benign
from bridge.realtime.frames import user_text
from bridge.responses import ATTEMPTS, RETRY_S, Responses, State, Wish
from bridge.signals import (
    CancelTimer,
    Closing,
    Digit,
    Drained,
    Effect,
    Emit,
    EndSession,
    Greet,
    Input,
    LineBack,
    LineLost,
    Note,
    Outbox,
    Send,
    StartTimer,
    Ticked,
    Timer,
    TimerFired,
    ToolAnswered,
)
from bridge.tools import ToolCalls
from bridge.turns import Turns
from bridge.utterances import Utterances

DIGITS_S = 1.5
TAIL_S = 0.25
"""After the last frame of a goodbye: what Asterisk, the trunk and the phone still hold."""
SPEECH_BOUND_S = 2.0
"""How long beyond the sound that remains a goodbye or transfer waits for it to be played."""


class Conversation:
    """See the module. `playout` is shared with the session, which only pops from it."""

    def __init__(self, call: str, spec: SessionSpec, playout: Playout) -> None:
        out = self._out = Outbox()
        self._call = call
        self._spec = spec
        self._playout = playout
        self.responses = Responses(out)
        self.tools = ToolCalls(call, spec.tools, out, self.responses)
        self.turns = Turns(call, spec, out, playout)
        self.utterances = Utterances(call, out, playout)
        self.greeting = Greeting(spec, out, playout, self.responses)
        self.outage = Outage(spec, playout, self.responses, self.tools, self.turns, self.utterances)
        self.interruptions = Interruptions(call, spec.playout_delay_ms, out, playout, self.responses, self.utterances)
        self.usage: dict[str, int] = {}
        """Tokens and milliseconds, named as in `realtime.events`."""
        self.benign_errors = 0
        self.closed = False
        self._digits = ""
        self._productive: set[str] = set()
        """Responses that spoke or called a tool."""
        self._failures = 0
        """Responses in a row that did neither."""

    def __repr__(self) -> str:
        return f"<Conversation [{self.responses!r} {self.tools!r} {self._playout!r}]>"

    @property
    def watching(self) -> bool:
        """Whether `Ticked` is wanted after each tick."""
        return self.interruptions.watching or self.turns.watching or self.greeting.watching

    def handle(self, what: events.Event | Input, now: float) -> list[Effect]:
        """What follows from this, in order. `now`: seconds of a monotonic clock, never going back."""
        if self.closed:
            return []
        self._on(what, now)
        return self._out.take()

    def _on(self, what: events.Event | Input, now: float) -> None:
        """What happens all the time."""
        match what:
            case events.AudioDelta():
                self._sound(what, now)
            case Ticked():
                self.interruptions.ticked(now)
                self.turns.ticked(now)
                self.greeting.ticked()
            case events.TranscriptDelta(response_id, item_id, delta):
                self._seen(response_id, now)
                self.utterances.text_delta(response_id, item_id, delta)
            case events.TranscriptDone(response_id, item_id, transcript):
                self._seen(response_id, now)
                self.utterances.text_done(response_id, item_id, transcript)
                self._report_played()
            case events.AudioDone(item_id):
                self._playout.end(item_id)
                self.utterances.sound_done(item_id)
                self._report_played()
            case Drained():
                self._drained()
            case events.SpeechStarted():
                self._speech_started(now)
            case events.SpeechStopped():
                self._speech_stopped(now)
            case events.ResponseCreated(response_id):
                self._seen(response_id, now, announced=True)
            case events.ResponseDone():
                self._response_done(what)
            case events.ItemDone():
                self._item_done(what, now)
            case events.ItemAdded(item_id):
                self.responses.item_added(item_id)
            case _:
                self._on_rare(what, now)

    def _on_rare(self, what: events.Event | Input, now: float) -> None:
        """What happens now and then."""
        match what:
            case TimerFired(timer, subject):
                self._timer(timer, subject, now)
            case Greet():
                self.greeting.ask()
            case Digit(digit):
                self._digit(digit)
            case ToolAnswered(call_id, output, respond):
                self.tools.answered(call_id, output, respond=respond)
            case events.CallerTranscribed():
                self._caller_said(what)
            case events.TranscriptionFailed(code):
                self._out.add(Note("caller could not be transcribed", {"code": code}))
            case events.SessionUpdated():
                self.greeting.session_updated()
            case events.ServerError():
                self._server_error(what)
            case events.Malformed(kind, why):
                self._out.add(Note("malformed event from the server", {"event_type": kind, "why": why}))
            case LineLost():
                self._response_over(self.outage.lost())
            case LineBack():
                self.outage.back()
            case Closing():
                self._close()

    @property
    def at_rest(self) -> bool:
        """Nobody speaks, nobody is about to, and nothing is open: another server may take over unnoticed."""
        busy = self.turns.callers or self.tools.unsettled or self.greeting.watching or self.closed
        return not busy and self.responses.at_rest and self._playout.idle

    def _close(self) -> None:
        self.interruptions.close()
        self.closed = True

    # ------------------------------------------------------------ the agent speaks

    def _sound(self, delta: events.AudioDelta, now: float) -> None:
        response_id, item_id, pcm = delta.response_id, delta.item_id, delta.pcm
        self._seen(response_id, now)
        if not pcm:
            return
        self.utterances.sound(response_id, item_id, len(pcm))
        if self.interruptions.drops(response_id, item_id):
            return
        self._productive.add(response_id)
        self._playout.push(response_id, item_id, delta.content_index, pcm)
        self.turns.sound(response_id, item_id, now)
        self.greeting.sound(item_id)

    def _seen(self, response_id: str, now: float, *, announced: bool = False) -> None:
        """A response shows a sign of life; the first one is its beginning, `response.created` or not."""
        before = self.responses.response_id
        notice = self.responses.created if announced else self.responses.seen
        self._lost(notice(response_id, now))
        if self.responses.response_id == before:
            return
        if self.responses.granted and self.turns.speaking and self._interruptible:
            # The caller spoke up while our request was on its way; the server cancels only what ran before.
            self.responses.cancel()
        self.turns.answered()
        self.responses.hold = self.turns.callers

    def _response_done(self, done: events.ResponseDone) -> None:
        self._count(done.usage)
        stuck = done.response_id == self.responses.stuck
        interrupted = self.responses.is_muted(done.response_id) and not stuck
        if not self.responses.done(done.response_id):
            return
        self._response_over(done.response_id)
        if done.status == "failed":
            self._failed(done)
        elif stuck or not (interrupted or done.status == "cancelled"):
            self._check_reply(done.response_id)
        self.responses.flush()

    def _lost(self, response_id: str) -> None:
        """A response that is over without a `response.done`."""
        if response_id:
            self._response_over(response_id)

    def _response_over(self, response_id: str) -> None:
        for item_id in self.utterances.items_of(response_id):
            self._playout.end(item_id)
        self.utterances.response_over(response_id)
        self.tools.response_over(response_id)
        self._report_played()
        if self.tools.holding:
            self._out.add(StartTimer(Timer.SPEECH, self._playout.remaining_ms / 1000 + SPEECH_BOUND_S))
            self._await_tail()

    def _failed(self, done: events.ResponseDone) -> None:
        self._failures += 1
        error = from_codes(done.error_code, done.error_type, done.error_message)
        self._out.add(Note("response failed", {"code": done.error_code, "in_a_row": self._failures}))
        broke = isinstance(error, AccountRefused)
        if broke or self._failures >= ATTEMPTS:
            self._out.add(EndSession("account" if broke else "transient", str(error)))
        else:
            self.responses.back_off(RETRY_S * self._failures)
        self._ask_again()  # here, or on the next line

    def _check_reply(self, response_id: str) -> None:
        """A response that neither spoke nor acted leaves the caller in silence: ask once more."""
        if response_id in self._productive:
            self._failures = 0
            return
        self._failures += 1
        self._out.add(Note("response without sound", {"response": response_id}))
        if self._failures == 1:
            self._ask_again()

    def _ask_again(self) -> None:
        """Of the last response's kind: what was to be said has not been said."""
        self.responses.want(self.responses.granted or Wish())

    def _report_played(self) -> None:
        if self._playout.idle:
            self.utterances.played()

    def _drained(self) -> None:
        self._report_played()
        self.outage.quiet()
        self._await_tail()

    # ------------------------------------------------------------ the caller speaks

    @property
    def _interruptible(self) -> bool:
        return self._spec.turn_detection.interrupt_response and not self.greeting.protected

    def _speech_started(self, now: float) -> None:
        self.turns.speech_started()
        self.responses.hold = self.turns.callers
        if self._interruptible:
            self.interruptions.barge_in(now, server_cancels=self.greeting.server_interrupts)
        self._out.add(CancelTimer(Timer.TAIL), CancelTimer(Timer.SPEECH))
        self.tools.caller_spoke()

    def _speech_stopped(self, now: float) -> None:
        self.turns.speech_stopped(now, self.responses.response_id)
        self.responses.hold = self.turns.callers
        self.responses.flush()

    def _answer_missed(self) -> None:
        if self.turns.answer_missed():
            self._out.add(Note("the server did not answer the caller, asking for it"))
            self.responses.hold = self.turns.callers
            self.responses.want(Wish())

    def _caller_said(self, heard: events.CallerTranscribed) -> None:
        self._count(heard.usage)
        if text := heard.transcript.strip():
            self._out.add(Emit(Said(call=self._call, who="caller", text=text, item=heard.item_id)))

    # ------------------------------------------------------------ tools, digits

    def _item_done(self, item: events.ItemDone, now: float) -> None:
        self._seen(item.response_id, now)
        if item.kind != "function_call":
            return
        spoke = self.turns.speaking or self.responses.is_muted(item.response_id)
        if self.tools.called(item, caller_spoke=spoke):
            self._productive.add(item.response_id)
            if self.responses.is_over(item.response_id):
                self._response_over(item.response_id)

    def _await_tail(self) -> None:
        """Everything said is handed to Asterisk: held tools go on when it has reached the ear."""
        if self.tools.holding and self._speech_is_played:
            self._out.add(StartTimer(Timer.TAIL, TAIL_S))

    @property
    def _speech_is_played(self) -> bool:
        return self._playout.idle and self.responses.state is State.IDLE

    def _speech_played(self) -> None:
        self._out.add(CancelTimer(Timer.TAIL), CancelTimer(Timer.SPEECH))
        self.tools.speech_played()

    def _digit(self, digit: str) -> None:
        self._out.add(Emit(DigitPressed(call=self._call, digit=digit)))
        self._digits += digit
        if digit == "#":
            self._tell_digits()
        else:
            self._out.add(StartTimer(Timer.DIGITS, DIGITS_S))

    def _tell_digits(self) -> None:
        self._out.add(CancelTimer(Timer.DIGITS))
        if not self._digits:
            return
        item_id = self._out.new_id("item")
        text, self._digits = f"[DTMF] {self._digits}", ""
        self._out.add(Send(user_text(self._out.new_id("digits"), item_id, text)))
        self.responses.want(Wish(items={item_id}))

    # ------------------------------------------------------------ trouble

    def _timer(self, timer: Timer, subject: str, now: float) -> None:
        match timer:
            case Timer.REQUEST:
                self.responses.request_expired()
            case Timer.PROGRESS:
                self.responses.progress_checked(now)
            case Timer.CANCEL:
                self._cancel_expired()
            case Timer.RETRY:
                self.responses.retry()
            case Timer.ANSWER:
                self._answer_missed()
            case Timer.DIGITS:
                self._tell_digits()
            case Timer.TAIL if self._speech_is_played:
                self._speech_played()
            case Timer.SPEECH:
                self._speech_played()
            case Timer.TOOL:
                self.tools.expired(subject)

    def _cancel_expired(self) -> None:
        given_up = self.responses.cancel_expired()
        self._lost(given_up)
        if given_up and given_up == self.responses.stuck:
            self._check_reply(given_up)
        self.responses.flush()

    def _server_error(self, error: events.ServerError) -> None:
        active = error.code == "conversation_already_has_active_response"
        refused = self.responses.refused(error.event_id, active=active)
        if is_benign(error.code, error.message):
            self.benign_errors += 1
            return
        failure = from_codes(error.code, error.type, error.message)
        if isinstance(failure, AccountRefused | SessionExpired):
            self._out.add(EndSession(failure.kind, str(failure)))
            return
        text = "response.create was refused" if refused else "error event from the server"
        code = error.code or error.type
        self._out.add(Note(text, {"code": code, "param": error.param, "message_pii": error.message}))

    def _count(self, usage: Mapping[str, int]) -> None:
        for name, count in usage.items():
            self.usage[name] = self.usage.get(name, 0) + count
