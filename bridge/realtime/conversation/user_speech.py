"""What it means that the caller speaks, or stops. [pure]

Owns the decision: an interruption, a doubt (`interruption_filter`), the beginning of a turn, or nothing at all, because
the call is on hold or the agent says its last words. Held tools and a goodbye of the idle ladder are abandoned by what
counts. Owns who it was, too: what somebody says in a consultation is not the caller's, however late its text comes.
"""

from bridge.contract import NOT_TRANSCRIBED, Said, SessionSpec
from bridge.realtime.conversation.effects import CancelTimer, Emit, Note, StartTimer, Timer
from bridge.realtime.conversation.parts import Parts
from bridge.realtime.conversation.recent_ids import RecentIds
from bridge.realtime.conversation.responses import ResponseRequest, State

UNWRITTEN = 64
"""Turns of which the text may still come."""
WORDS_S = 5.0
"""A text is waited for so long before the connection is exchanged."""
FAILED_S = 2.0
"""After a failure: the text may come all the same."""
LATE_S = 15.0
"""A text that has not come by then is told to be missing. It is still taken when it comes."""


class UserSpeech:
    """See the module."""

    def __init__(self, spec: SessionSpec, parts: Parts) -> None:
        self._parts = parts
        self.apply(spec)
        self._begun_in: dict[str, bool] = {}
        """Whether a turn was begun in a consultation, by item."""
        self._ended_at: dict[str, float] = {}
        """When a turn was over of which the text has not come, by item."""
        self._started = RecentIds()
        self._written = RecentIds()
        """Turns whose text was told."""
        self._awaited: set[str] = set()
        """Turns whose text is likely to come soon."""
        self._failed = RecentIds()
        """Turns that could not be written down."""
        self._late = RecentIds()
        """Turns whose text is told to be missing."""
        self.begun = False
        """Somebody, caller or agent, has said something."""

    def apply(self, spec: SessionSpec) -> None:
        """Whether this agent can be interrupted, and by whom."""
        self._listens = spec.turn_detection.interrupt_response
        self._consultation = spec.consultation
        self._writes = spec.transcription is not None

    @property
    def has_the_word(self) -> bool:
        """A response that begins now would speak into the caller's words."""
        counts = self._parts.turns.speaking and self._interruptible and not self._parts.interruption_filter.pending
        return counts and not self._parts.closing.firm

    @property
    def _interruptible(self) -> bool:
        return self._listens and not self._parts.turn_detection.protected

    @property
    def _agent_speaks(self) -> bool:
        return not self._parts.playout.idle or self._parts.responses.state in (State.REQUESTED, State.ACTIVE)

    def started(self, item_id: str, now: float) -> None:
        """`speech_started`."""
        self._begun_in[item_id] = self._consultation
        self._ended_at.pop(item_id, None)
        if item_id in self._started:
            self._written.discard(item_id)  # this server has one name for several turns
        self._started.add(item_id)
        if len(self._begun_in) > UNWRITTEN:
            del self._begun_in[next(iter(self._begun_in))]
        if self._parts.commands.on_hold:
            return
        self._parts.turns.speech_started(item_id, now)
        self._parts.interruption_filter.speech_started(item_id, now)
        if self._parts.closing.firm:
            return
        self._parts.held_tools.stop()
        self._take_the_word()

    def may_interrupt(self, now: float) -> None:
        """The consent has been heard; the caller is speaking."""
        self._parts.interruption_filter.since = now
        self._take_the_word()

    def ended(self, item_id: str, now: float) -> None:
        """The caller's turn is over; its text comes later, mostly."""
        if item_id in self._written:
            return
        self._ended_at[item_id] = now
        while len(self._ended_at) > UNWRITTEN:
            del self._ended_at[next(iter(self._ended_at))]
        if self._writes and len(self._awaited) < UNWRITTEN:
            self._awaited.add(item_id)
            self._parts.out.add(StartTimer(Timer.WORDS, WORDS_S, item_id))

    def connection_lost(self) -> None:
        """Texts that are still to come were to come on it."""
        self._awaited.clear()

    @property
    def awaits_words(self) -> bool:
        """Another connection would not bring them."""
        return bool(self._awaited)

    def is_written(self, item_id: str) -> bool:
        """The text of this turn was told."""
        return bool(item_id) and item_id in self._written

    def said(self, item_id: str, text: str, now: float) -> None:
        """The text of a turn is known."""
        self._parts.out.add(CancelTimer(Timer.WORDS, item_id))
        self._awaited.discard(item_id)
        if text and text != NOT_TRANSCRIBED:
            self._written.add(item_id)
        consultation = self._begun_in.pop(item_id, self._consultation)
        ended = self._ended_at.pop(item_id, now)
        if text:
            said = Said(
                call=self._parts.call,
                who="caller",
                text=text,
                item=item_id,
                ago_ms=round(max(0.0, now - ended) * 1000),
                consultation=consultation,
            )
            self._parts.out.add(Emit(said))

    def not_transcribed(self, item_id: str, now: float) -> None:
        """There will be no text of a turn, most likely: it was said all the same."""
        known = item_id in self._begun_in or item_id in self._ended_at
        if not item_id:
            self.said(item_id, NOT_TRANSCRIBED, now)
        elif known and item_id not in self._failed:
            self._failed.add(item_id)
            self._ended_at.setdefault(item_id, now)
            self._parts.out.add(StartTimer(Timer.WORDS, FAILED_S, item_id))

    def unwritten(self, item_id: str, now: float) -> None:
        """The text of a turn has not come in time; that it could not be written down was told before, or was not."""
        self._awaited.discard(item_id)
        if item_id in self._failed and item_id in self._ended_at:
            self.said(item_id, NOT_TRANSCRIBED, now)

    def missing(self, now: float) -> int:
        """Turns whose text should have come long ago, and which were not counted before."""
        told = self._late, self._failed
        waited = [item for item, ended in self._ended_at.items() if now - ended >= LATE_S]
        late = [item for item in waited if not any(item in each for each in told)]
        for item in late if self._writes else ():
            self._late.add(item)
        return len(late) if self._writes else 0

    def close(self, now: float) -> None:
        """The call ends: texts that have not come never will."""
        for item_id in list(self._ended_at):
            if self._writes or item_id in self._failed:
                self.said(item_id, NOT_TRANSCRIBED, now)

    def lasted(self) -> None:
        """The speech that was in doubt has lasted long enough."""
        if self._parts.interruption_filter.pending:
            self._counts()

    def stopped(self, audio_end_ms: int | None, now: float) -> None:
        """`speech_stopped`."""
        if self._parts.commands.on_hold:
            self._parts.commands.waiting = True
            return
        self._parts.interruption_filter.speech_stopped(now)
        if self._parts.interruption_filter.pending and self._agent_speaks:
            self._dismissed()
            return
        self.lasted()
        running, turn_detection = self._parts.responses.response_id, self._parts.turn_detection
        we_answer, server_answers = turn_detection.we_answer, turn_detection.server_answers
        spoken_s = self._parts.turns.spoken_s(now)
        self._parts.turns.speech_stopped(now, audio_end_ms, running, server_answers=server_answers)
        if self._parts.closing.firm:
            pass
        elif not self._parts.greeting.caller_stopped(spoken_s) and we_answer:
            self._parts.responses.request(ResponseRequest())
        self._parts.responses.flush()

    def stop_overdue(self, now: float) -> None:
        """The caller's turn has lasted very long. Nobody speaks into it while it goes on."""
        if not self._parts.turns.goes_on(now):
            self.stop_missed(now)

    def stop_missed(self, now: float) -> None:
        """The server did not tell the end of the caller's turn: nobody is to wait for it for ever."""
        if self._parts.turns.speaking:
            self._parts.out.add(Note("the server did not say that the caller stopped, taken as said"))
            self.stopped(None, now)

    def unanswered(self) -> None:
        """The server did not answer in time."""
        if self._parts.turns.answer_missed() and not self._parts.closing.firm:
            self._parts.out.add(Note("the server did not answer the caller, asking for it"))
            if self._parts.greeting.pending:
                self._parts.responses.flush()
            else:
                self._parts.responses.request(ResponseRequest())

    # ------------------------------------------------------------ inside

    def _take_the_word(self) -> None:
        if self._parts.interruption_filter.wanted and self._interruptible and self._agent_speaks:
            self._parts.interruption_filter.begin()
        else:
            self._counts()

    def _counts(self) -> None:
        self._parts.interruption_filter.settle()
        self.begun = True
        if self._interruptible:
            self._parts.greeting.interrupted()
            cancels = self._parts.turn_detection.server_interrupts
            if self._parts.interruption.barge_in(self._parts.interruption_filter.since, server_cancels=cancels):
                self._parts.interruption_filter.cut()
            self._parts.commands.spoke_up()
        self._parts.tools.abandon()

    def _dismissed(self) -> None:
        """It was too short to be an interruption: the agent goes on."""
        self._parts.interruption_filter.settle()
        self._parts.turns.dismissed()
        self._parts.held_tools.wait()
        self._parts.responses.flush()
