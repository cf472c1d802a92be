"""What follows when the caller speaks or stops: the caller's side of the conversation. [pure]

Decides what the speech is: an interruption, perhaps one (`interruption_filter`), the beginning of a turn, or nothing,
because the call is on hold or the agent says its last words. Speech that counts abandons held tools and a goodbye of
`no_input`. Owns the caller's transcripts, too: which are still to come, and which belong to a consultation.
"""

from bridge.contract import NOT_TRANSCRIBED, Said, ServerVad, SessionSpec
from bridge.realtime.conversation.effects import CancelTimer, Emit, Note, StartTimer, Timer
from bridge.realtime.conversation.parts import Parts
from bridge.realtime.conversation.recent_ids import RecentIds
from bridge.realtime.conversation.responses import ResponseRequest, State

UNWRITTEN = 64
"""Turns whose transcript may still come."""
WORDS_S = 5.0
"""A transcript is likely to come within this time; the connection is not replaced meanwhile."""
FAILED_S = 2.0
"""After a reported failure the transcript may still come within this time."""
LATE_S = 15.0
"""After this time a transcript is reported as missing. It is still taken if it comes."""


class UserSpeech:
    """Takes what the server reports of the caller. `now`: seconds of a monotonic clock."""

    def __init__(self, spec: SessionSpec, parts: Parts) -> None:
        self._parts = parts
        self.apply(spec)
        self._begun: dict[str, tuple[float, bool]] = {}
        """When a turn began, and whether in a consultation, by item id."""
        self._ended_at: dict[str, float] = {}
        """The end times of the turns whose transcript has not come, by item id."""
        self._started = RecentIds()
        self._written = RecentIds()
        """Turns whose transcript was reported."""
        self._awaited: set[str] = set()
        """Turns whose transcript is likely to come soon."""
        self._failed = RecentIds()
        """Turns whose transcription failed."""
        self._late = RecentIds()
        """Turns whose transcript was reported as missing."""
        self.begun = False
        """Somebody, caller or agent, has said something."""

    def apply(self, spec: SessionSpec) -> None:
        """The settings of the agent that goes on."""
        self._listens = spec.turn_detection.interrupt_response
        self._consultation = spec.consultation
        self._writes = spec.transcription is not None
        vad = spec.turn_detection
        self._padding_ms = vad.prefix_padding_ms if isinstance(vad, ServerVad) else None

    @property
    def has_the_word(self) -> bool:
        """A response that begins now would interrupt the caller."""
        counts = self._parts.turns.speaking and self._interruptible and not self._parts.interruption_filter.pending
        return counts and not self._parts.closing.firm

    @property
    def _interruptible(self) -> bool:
        return self._listens and not self._parts.turn_detection.protected

    @property
    def _agent_speaks(self) -> bool:
        return not self._parts.playout.idle or self._parts.responses.state in (State.REQUESTED, State.ACTIVE)

    def started(self, item_id: str, now: float, audio_start_ms: int | None = None) -> None:
        """`speech_started`."""
        self._begun[item_id] = self._first_sound(audio_start_ms, now), self._consultation
        self._ended_at.pop(item_id, None)
        if item_id in self._started:
            self._written.discard(item_id)  # this server uses one item id for several turns
        self._started.add(item_id)
        if len(self._begun) > UNWRITTEN:
            del self._begun[next(iter(self._begun))]
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
        """The caller's turn is over; its transcript mostly comes later."""
        if item_id in self._written:
            return
        self._ended_at[item_id] = now
        while len(self._ended_at) > UNWRITTEN:
            del self._ended_at[next(iter(self._ended_at))]
        if self._writes and len(self._awaited) < UNWRITTEN:
            self._awaited.add(item_id)
            self._parts.out.add(StartTimer(Timer.WORDS, WORDS_S, item_id))

    def connection_lost(self) -> None:
        """The connection is lost: transcripts that were to come on it will not come."""
        self._awaited.clear()

    @property
    def awaits_words(self) -> bool:
        """Transcripts are still to come on this connection, and would not come on another one."""
        return bool(self._awaited)

    def is_written(self, item_id: str) -> bool:
        """Whether the transcript of this turn was reported."""
        return bool(item_id) and item_id in self._written

    def said(self, item_id: str, text: str, now: float) -> None:
        """The transcript of a turn has come. Empty: nothing was said."""
        self._parts.out.add(CancelTimer(Timer.WORDS, item_id))
        self._awaited.discard(item_id)
        if text and text != NOT_TRANSCRIBED:
            self._written.add(item_id)
        ended = self._ended_at.pop(item_id, now)
        began, consultation = self._begun.pop(item_id, (None, self._consultation))
        if text:
            said = Said(
                call=self._parts.call,
                who="caller",
                text=text,
                item=item_id,
                ago_ms=round(max(0.0, now - ended) * 1000),
                took_ms=None if began is None else round(max(0.0, ended - began) * 1000),
                consultation=consultation,
            )
            self._parts.out.add(Emit(said))

    def not_transcribed(self, item_id: str, now: float) -> None:
        """The transcription of a turn has failed. It is reported as not transcribed, unless the text comes soon."""
        known = item_id in self._begun or item_id in self._ended_at
        if not item_id:
            self.said(item_id, NOT_TRANSCRIBED, now)
        elif known and item_id not in self._failed:
            self._failed.add(item_id)
            self._ended_at.setdefault(item_id, now)
            self._parts.out.add(StartTimer(Timer.WORDS, FAILED_S, item_id))

    def unwritten(self, item_id: str, now: float) -> None:
        """The timer `WORDS`: the transcript of a turn has not come in time."""
        self._awaited.discard(item_id)
        if item_id in self._failed and item_id in self._ended_at:
            self.said(item_id, NOT_TRANSCRIBED, now)

    def missing(self, now: float) -> int:
        """How many transcripts should have come long ago, and were not counted before."""
        told = self._late, self._failed
        waited = [item for item, ended in self._ended_at.items() if now - ended >= LATE_S]
        late = [item for item in waited if not any(item in each for each in told)]
        for item in late if self._writes else ():
            self._late.add(item)
        return len(late) if self._writes else 0

    def close(self, now: float) -> None:
        """The call ends: report the turns whose transcript has not come."""
        for item_id in list(self._ended_at):
            if self._writes or item_id in self._failed:
                self.said(item_id, NOT_TRANSCRIBED, now)

    def lasted(self) -> None:
        """The timer `COUNTS`: the speech has lasted long enough to count."""
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
        """The timer `STOPPED`: the caller's turn has lasted very long. Take it as over if they are not heard any
        more."""
        if not self._parts.turns.goes_on(now):
            self.stop_missed(now)

    def stop_missed(self, now: float) -> None:
        """The server did not report the end of the caller's turn: take it as over."""
        if self._parts.turns.speaking:
            self._parts.out.add(Note("the server did not say that the caller stopped, taken as said"))
            self.stopped(None, now)

    def unanswered(self) -> None:
        """The timer `ANSWER`: the server did not answer in time, so request it."""
        if self._parts.turns.answer_missed() and not self._parts.closing.firm:
            self._parts.out.add(Note("the server did not answer the caller, asking for it"))
            if self._parts.greeting.pending:
                self._parts.responses.flush()
            else:
                self._parts.responses.request(ResponseRequest())

    # ------------------------------------------------------------ inside

    def _first_sound(self, audio_start_ms: int | None, now: float) -> float:
        """The server's position is `prefix_padding_ms` before the speech. Without a position: `now`."""
        if audio_start_ms is None or self._padding_ms is None:
            return now
        heard = self._parts.turns.appended.heard_at(audio_start_ms + self._padding_ms)
        return now if heard is None else min(heard, now)

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
