"""Whose turn it is, and how long the caller waits for the agent. [pure]

Owns the caller's side of turn taking as the server reports it, the expectation that the server answers by itself,
and the latencies of each turn: caller stopped -> told so -> first sound from the model -> first frame to Asterisk.

When the caller stopped is told by the server in sound that it was sent (`appended`). OpenAI: `audio_end_ms` is the end
of the sound given to the model and includes `silence_duration_ms`, which is therefore taken off.

Refuses to interrupt or to ask for responses: that is the conversation's decision.
"""

from bridge.contract import SemanticVad, ServerVad, SessionSpec, TurnMeasured
from bridge.media.input_clock import InputClock
from bridge.media.levels import CallerSound
from bridge.media.playout import Playout
from bridge.realtime.conversation.effects import CancelTimer, EffectList, Emit, StartTimer, Timer
from bridge.realtime.conversation.responses import DOUBT_S

ANSWER_S = 5.0
SEMANTIC_ANSWER_S = 10.0
"""Semantic turn detection may wait up to 8 s for the caller to go on."""
LONGEST_S = 60.0
"""Speech without a single pause seldom lasts longer. Then a server may have forgotten to tell its end."""
QUIET_S = 2.0
"""Beyond the silence that the server waits for: who was not heard for so long does not speak any more."""
_AGAIN_S = 0.1
ENDLESS_S = 300.0
"""Nobody speaks so long without a single pause: it is noise, and the caller waits for an answer."""


class Turns:
    """See the module. `now` is seconds of any monotonic clock."""

    def __init__(self, call: str, spec: SessionSpec, out: EffectList, playout: Playout) -> None:
        self._call = call
        self._out = out
        self._playout = playout
        self.appended = InputClock()
        """What the present connection was sent of the caller."""
        self.caller_sound = CallerSound()
        """Whether there is sound of the caller: measured while the server says that they speak."""
        self.apply(spec)
        self.speaking = False
        self._since = 0.0
        """The caller speaks."""
        self._item = ""
        """What the caller says, or said last."""
        self.answer_due = False
        """The caller stopped; the server is about to answer by itself."""
        self.count = 0
        self._stopped_at: float | None = None
        """When we were told that the caller stopped: of the turn that is being measured."""
        self._stopped_item = ""
        self._told_ms: float | None = None
        self._old_response = ""
        """Was running when the caller stopped: it is not the answer."""
        self._first_delta_ms: float | None = None
        self._first_item = ""

    def apply(self, spec: SessionSpec) -> None:
        """How long this agent's server may think, and how much silence it waits for."""
        vad = spec.turn_detection
        self._answer_s = SEMANTIC_ANSWER_S if isinstance(vad, SemanticVad) else ANSWER_S
        self._silence_ms = vad.silence_duration_ms if isinstance(vad, ServerVad) else 0
        self._quiet_s = QUIET_S + (self._silence_ms / 1000 if isinstance(vad, ServerVad) else SEMANTIC_ANSWER_S)

    @property
    def watching(self) -> bool:
        """The first frame of the answer has not been seen yet."""
        return bool(self._first_item)

    @property
    def callers(self) -> bool:
        """The agent should not begin to speak unasked."""
        return self.speaking or self.answer_due

    def speech_started(self, item_id: str, now: float) -> None:
        """The caller took the turn; one that was being measured ends without (more) answer."""
        self.speaking, self.answer_due = True, False
        self._since, self.caller_sound.wanted = now, True
        self._item = item_id
        self._measured(None)
        self._out.add(CancelTimer(Timer.ANSWER), StartTimer(Timer.STOPPED, LONGEST_S))

    def speech_stopped(
        self, now: float, audio_end_ms: int | None, running_response: str, *, server_answers: bool
    ) -> None:
        """The caller's turn is over."""
        self._measured(None)
        self._hushed()
        self.count += 1
        self._stopped_at, self._stopped_item = now, self._item
        self._told_ms = self._since_heard(now, audio_end_ms)
        self._old_response = running_response
        if server_answers:
            self.answer_due = True
            self._out.add(StartTimer(Timer.ANSWER, self._answer_s))

    def spoken_s(self, now: float) -> float:
        """How long the caller has spoken who stops now: without the silence that the server waited for."""
        told = now - self._since - self._silence_ms / 1000
        heard = self.caller_sound.last_at - self._since
        return max(0.0, min(told, heard) if heard >= 0 else told)

    def goes_on(self, now: float) -> bool:
        """The server has not told the end of the turn for long. Whether the caller is heard: it is looked at again."""
        quiet_in = self.caller_sound.last_at + self._quiet_s - now
        if not self.speaking or quiet_in <= 0 or now - self._since >= ENDLESS_S:
            return False
        self._out.add(StartTimer(Timer.STOPPED, max(_AGAIN_S, quiet_in)))
        return True

    def dismissed(self) -> None:
        """What the caller said was no turn."""
        self._hushed()

    def written_down(self, item_id: str) -> bool:
        """All the words of a turn have come. Whether it is one whose end the server has not told."""
        return self.speaking and bool(item_id) and item_id == self._item

    def was_noise(self, item_id: str) -> None:
        """Nothing was said in this turn."""
        if item_id == self._stopped_item:
            self._stopped_item = ""

    def answered(self) -> None:
        """A response has begun."""
        self.answer_due = False
        self._out.add(CancelTimer(Timer.ANSWER))

    def answer_missed(self) -> bool:
        """The server did not answer in time. False: nobody waits for it any more."""
        missed, self.answer_due = self.answer_due, False
        return missed

    def doubt(self) -> None:
        """The server has told an error, perhaps instead of its answer."""
        if self.answer_due:
            self._out.add(StartTimer(Timer.ANSWER, DOUBT_S))

    def connection_lost(self) -> None:
        """No server hears the caller any more, and none answers."""
        self._hushed()
        self.answer_due = False
        self._measured(None)
        self._out.add(CancelTimer(Timer.ANSWER))

    def expect_answer(self) -> None:
        """The caller was speaking when the line broke: whoever hears the rest should answer."""
        self.answer_due = True
        self._out.add(StartTimer(Timer.ANSWER, self._answer_s))

    def sound(self, response_id: str, item_id: str, now: float) -> None:
        """Sound of the agent came and was queued."""
        if self._stopped_at is None or self._first_item or response_id == self._old_response:
            return
        self._first_delta_ms = (now - self._stopped_at) * 1000
        self._first_item = item_id

    def ticked(self, now: float) -> None:
        """A frame may have been handed to Asterisk."""
        if not self._first_item or self._stopped_at is None:
            return
        account = self._playout.heard(self._first_item)
        if account and account.heard_ms:
            self._measured((now - self._stopped_at) * 1000)

    def close(self) -> None:
        """The call ends: a turn that was not answered was a turn."""
        self._measured(None)

    # ------------------------------------------------------------ inside

    def _hushed(self) -> None:
        self.speaking = self.caller_sound.wanted = False
        self._out.add(CancelTimer(Timer.STOPPED))

    def _since_heard(self, now: float, audio_end_ms: int | None) -> float | None:
        """Milliseconds since the caller's last sound; None: the server does not say, or not what can be."""
        last = None if audio_end_ms is None else self.appended.heard_at(audio_end_ms - self._silence_ms)
        return None if last is None or last > now else (now - last) * 1000

    def _measured(self, first_frame_ms: float | None) -> None:
        if self._stopped_at is None:
            return
        event = TurnMeasured(
            call=self._call,
            turn=self.count,
            item=self._stopped_item,
            endpointing_ms=self._told_ms,
            first_delta_ms=self._first_delta_ms,
            first_frame_ms=first_frame_ms,
        )
        self._out.add(Emit(event))
        self._stopped_at, self._told_ms, self._first_delta_ms, self._first_item = None, None, None, ""
