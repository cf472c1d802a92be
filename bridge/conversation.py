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
    Speak WrapUp Hold  what the controller orders: `orders`
    Mute Inform Switch likewise; another agent: `cast`
    RemoteTool         the server waits for somebody else: no watchdog barks
    ServerError        a race that is counted, a refused request that is repeated, or the end

The rules live with their state: `responses` (one at a time, its table), `interruptions`, `tools` (its table),
`turns`, `caller`, `doubts`, `tail`, `utterances`, `greeting`, `ears`, `orders`, `farewell`, `idle`, `digits`, `meter`,
`setbacks`, `outage`, `cast`. This file only says who hears of what, in which order.

Watchdogs and their recovery: no reaction to a request (asked again, three times, then the session ends); a response
that stands still (cancelled, then given up); a response without sound or tool (asked for again once); a failed one
(asked for again after a pause, then the session ends); a caller left without answer (we ask); a tool not answered
(the model is told); a caller whose turn has no end (its transcript, or a minute, ends it; the server should answer
then, or we ask).
"""

from bridge.caller import Caller
from bridge.cast import Cast
from bridge.contract import Hold, Inform, Mute, Said, SessionSpec, Speak, Switch, WrapUp
from bridge.digits import Digits
from bridge.doubts import Doubts
from bridge.ears import Ears
from bridge.farewell import Farewell
from bridge.greeting import Greeting
from bridge.idle import Idle
from bridge.interruptions import Interruptions
from bridge.meter import Meter
from bridge.orders import Orders
from bridge.outage import Outage
from bridge.playout import Playout
from bridge.realtime import events
from bridge.responses import Responses
from bridge.setbacks import Setbacks
from bridge.signals import (
    Closing,
    Digit,
    Drained,
    Effect,
    Emit,
    Greet,
    Input,
    LineBack,
    LineLost,
    Note,
    Outbox,
    Ticked,
    Timer,
    TimerFired,
    ToolAnswered,
)
from bridge.tail import Tail
from bridge.tools import ToolCalls
from bridge.turns import Turns
from bridge.utterances import Utterances

REMOTE_TOOL_S = 60.0
"""How long a response may be quiet while the server calls a tool by itself."""


class Conversation:
    """See the module. `playout` is shared with the session, which only pops from it."""

    def __init__(self, call: str, spec: SessionSpec, playout: Playout) -> None:
        out = self._out = Outbox()
        self._call = call
        self._playout = playout
        self.responses = Responses(out)
        self.tools = ToolCalls(call, spec.tools, out, self.responses)
        self.turns = Turns(call, spec, out, playout)
        self.utterances = Utterances(call, out, playout)
        self.ears = Ears(spec, out)
        self.greeting = Greeting(spec, self.ears, playout, self.responses)
        self.interruptions = Interruptions(call, spec.playout_delay_ms, out, playout, self.responses, self.utterances)
        self.doubts = Doubts(spec, out)
        self.farewell = Farewell(call, out, playout, self.doubts)
        self.orders = Orders(
            spec,
            out,
            playout,
            self.ears,
            self.farewell,
            self.responses,
            self.tools,
            self.turns,
            self.interruptions,
        )
        self._rule = self.orders.rule
        self._tail = Tail(out, playout, self.responses, self.tools, self.doubts)
        self._caller = Caller(
            spec,
            out,
            playout,
            self.ears,
            self.doubts,
            self.turns,
            self.responses,
            self.interruptions,
            self.tools,
            self._tail,
            self.orders,
            self.farewell,
        )
        self.outage = Outage(spec, playout, self.responses, self.tools, self.turns, self.utterances, self._rule)
        self._idle = Idle(spec.idle, out)
        self._digits = Digits(call, spec.digit_actions, out, self.responses)
        self.meter = Meter(call, spec, out)
        self.setbacks = Setbacks(out, self.responses)
        by_spec = (self.turns, self.doubts, self._caller, self.meter)
        self._cast = Cast(by_spec, self.ears, self.orders, self.tools, self._idle, self._digits)
        self.closed = False
        self._listening = False
        """The caller is there: `Greet` has come."""
        self._remote: set[str] = set()
        """Responses that had the server call a tool, and have not spoken since."""

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
        self._idle.heed(quiet=self._listening and self.at_rest and self.orders.talking)
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
            case events.TranscriptDelta(response_id, item_id, delta, part):
                self._seen(response_id, now)
                self.utterances.text_delta(response_id, item_id, delta, part)
            case events.TranscriptDone(response_id, item_id, transcript, part):
                self._seen(response_id, now)
                self.utterances.text_done(response_id, item_id, transcript, part)
                self._report_played()
            case events.AudioDone(item_id):
                self._playout.end(item_id)
                self.utterances.sound_done(item_id)
                self._report_played()
            case Drained():
                self._drained()
            case events.SpeechStarted(item_id):
                self._idle.reset()
                self._caller.started(item_id, now)
            case events.SpeechStopped(_, audio_end_ms):
                self._caller.stopped(audio_end_ms, now)
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
            case Greet(resumed):
                self._listening, self._caller.begun = True, self._caller.begun or resumed
                self.greeting.ask(resumed=resumed)
            case Digit(digit):
                self._idle.reset()
                self._caller.begun = True
                self._digits.pressed(digit)
            case Speak():
                self.orders.speak(what)
            case WrapUp():
                self.doubts.settle()
                self.orders.wrap_up(what)
            case Hold():
                self.doubts.settle()
                self.orders.hold(what)
            case Mute():
                self.orders.mute(what)
            case Inform():
                self.orders.inform(what)
            case Switch(spec=spec):
                self._cast.switch(spec)
            case events.CallerIdle():
                self._idle.server_prompted()
            case events.RemoteTool(over):
                self.responses.patient(0 if over else REMOTE_TOOL_S, now)
            case ToolAnswered(call_id, output, respond):
                self.tools.answered(call_id, output, respond=respond)
            case events.CallerTranscribed():
                self._caller_said(what, now)
            case events.TranscriptionFailed(code):
                self._out.add(Note("caller could not be transcribed", {"code": code}))
            case events.SessionUpdated():
                self.ears.confirmed()
            case events.ServerError():
                self.setbacks.error(what)
            case events.Malformed(kind, why):
                self._out.add(Note("malformed event from the server", {"event_type": kind, "why": why}))
            case LineLost():
                self.doubts.settle()
                self._response_over(self.outage.lost())
            case LineBack(provider):
                self.meter.provider = provider
                self.turns.appended.restart()
                self.ears.confirmed()
                self.outage.back()
            case Closing():
                self._close()

    @property
    def at_rest(self) -> bool:
        """Nobody speaks, nobody is about to, and nothing is open: another server may take over unnoticed."""
        busy = self.turns.callers or self.tools.unsettled or self.greeting.watching or self.closed
        busy = busy or self.farewell.active or self._digits.collecting
        return not busy and self.responses.at_rest and self._playout.idle

    def _close(self) -> None:
        self.turns.close()
        self.interruptions.close()
        self.closed = True

    # ------------------------------------------------------------ the agent speaks

    def _sound(self, delta: events.AudioDelta, now: float) -> None:
        response_id, item_id, pcm = delta.response_id, delta.item_id, delta.pcm
        self._seen(response_id, now)
        if not pcm:
            return
        self.utterances.sound(response_id, item_id, len(pcm))
        if self.interruptions.drops(response_id, item_id, delta.content_index):
            return
        self.setbacks.productive.add(response_id)
        self._remote.discard(response_id)
        self._caller.begun = True
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
        if self.orders.refuses or (self.responses.granted and self._caller.has_the_word):
            # The caller spoke up while our request was on its way; the server cancels only what ran before.
            self.responses.cancel()
        self.turns.answered()
        self._rule()

    def _response_done(self, done: events.ResponseDone) -> None:
        self.meter.response(done.usage)
        stuck = done.response_id == self.responses.stuck
        interrupted = self.responses.is_muted(done.response_id) and not stuck
        if not self.responses.done(done.response_id):
            return
        self._response_over(done.response_id)
        if done.status == "failed":
            self.setbacks.failed(done)
        elif stuck or not (interrupted or done.status == "cancelled"):
            self.setbacks.check(done.response_id)
        if done.response_id in self._remote:
            self._remote.discard(done.response_id)
            self.turns.expect_answer()
            self._rule()
        granted = self.responses.granted
        if granted and granted.last_words and done.response_id in self.setbacks.productive and done.status != "failed":
            self.farewell.said()
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
        self._tail.bound()

    def _report_played(self) -> None:
        if self._playout.idle:
            self.utterances.played()

    def _drained(self) -> None:
        self._report_played()
        self.outage.quiet()
        self.farewell.quiet()
        self._tail.quiet()

    # ------------------------------------------------------------ the caller speaks

    def _caller_said(self, heard: events.CallerTranscribed, now: float) -> None:
        if self.turns.written_down(heard.item_id):
            self._caller.stop_missed(now)
        self.meter.transcription(heard.usage)
        text = heard.transcript.strip()
        self.doubts.transcribed(heard.item_id, text)
        if text:
            self._out.add(Emit(Said(call=self._call, who="caller", text=text, item=heard.item_id)))

    # ------------------------------------------------------------ tools

    def _item_done(self, item: events.ItemDone, now: float) -> None:
        self._seen(item.response_id, now)
        if item.kind == "mcp_call":  # the server goes on by itself when it has its answer; else we ask
            self.setbacks.productive.add(item.response_id)
            self._remote.add(item.response_id)
            return
        if item.kind != "function_call":
            return
        spoke = self.turns.speaking or self.responses.is_muted(item.response_id)
        if self.tools.called(item, caller_spoke=spoke, first_act=not self._caller.begun):
            self.setbacks.productive.add(item.response_id)
            if self.responses.is_over(item.response_id):
                self._response_over(item.response_id)

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
                self._caller.unanswered()
            case Timer.STOPPED:
                self._caller.stop_missed(now)
            case Timer.DIGITS:
                self._digits.tell()
            case Timer.TAIL:
                self._tail.reached()
            case Timer.SPEECH:
                self._tail.over()
            case Timer.TOOL:
                self.tools.expired(subject)
            case Timer.FILLER:
                self.tools.slow(subject, agent_speaks=not self._playout.idle or self.turns.callers)
            case Timer.COUNTS:
                self._caller.lasted()
            case Timer.IDLE:
                self._caller_idle()
            case Timer.LAST:
                self.farewell.bound_reached()
            case Timer.END if self._playout.idle:
                self.farewell.end()

    def _caller_idle(self) -> None:
        text, goodbye = self._idle.expired()
        if goodbye:
            self.orders.goodbye(text, "idle")
        elif text:
            self.orders.prompt(text)

    def _cancel_expired(self) -> None:
        given_up = self.responses.cancel_expired()
        self._lost(given_up)
        if given_up and given_up == self.responses.stuck:
            self.setbacks.check(given_up)
        self.responses.flush()
