"""The caller's turns as the server reports them, and how long the caller waits for the agent. [pure]

Owns whether the caller speaks, whether the server is expected to answer by itself, and the latencies of each turn:
caller stopped -> `speech_stopped` came -> first audio from the model -> first frame to Asterisk (`TurnMeasured`).

The server says when the caller stopped as a position in the audio that it was sent (`appended`). OpenAI: `audio_end_ms`
is the end of the audio given to the model and includes `silence_duration_ms`, which is subtracted here.
"""

from bridge.contract import SemanticVad, ServerVad, SessionSpec, TurnMeasured
from bridge.media.input_clock import InputClock
from bridge.media.levels import CallerSound
from bridge.media.playout import Playout
from bridge.realtime.conversation.effects import CancelTimer, EffectList, Emit, StartTimer, Timer
from bridge.realtime.conversation.responses import UNATTRIBUTED_S

ANSWER_S = 5.0
SEMANTIC_ANSWER_S = 10.0
"""Semantic turn detection may wait up to 8 s for the caller to go on."""
LONGEST_S = 60.0
"""Speech without a pause seldom lasts longer: perhaps the server did not report its end."""
QUIET_S = 2.0
"""If the caller was silent this long after the silence that the server waits for, their turn is over."""
_AGAIN_S = 0.1
ENDLESS_S = 300.0
"""Nobody speaks this long without a pause: the sound is noise, and the caller waits for an answer."""


class Turns:
    """The turns of one conversation. `now`: seconds of a monotonic clock."""

    def __init__(self, call: str, spec: SessionSpec, out: EffectList, playout: Playout) -> None:
        self._call = call
        self._out = out
        self._playout = playout
        self.appended = InputClock()
        """How much caller audio the present connection was sent."""
        self.caller_sound = CallerSound()
        """When the caller was last heard; measured while the server says that they speak."""
        self.apply(spec)
        self.speaking = False
        self._since = 0.0
        """When the caller began to speak."""
        self._item = ""
        """The item of the caller's present or last turn."""
        self.answer_due = False
        """The caller stopped, and the server is expected to answer by itself."""
        self.count = 0
        self._stopped_at: float | None = None
        """When `speech_stopped` came, of the turn that is being measured; None: none is."""
        self._stopped_item = ""
        self._told_ms: float | None = None
        self._old_response = ""
        """The response that was running when the caller stopped; it is not the answer."""
        self._first_delta_ms: float | None = None
        self._first_item = ""

    def apply(self, spec: SessionSpec) -> None:
        """The times of the agent that goes on."""
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
        """The caller speaks, or the server is about to answer: no response may be requested."""
        return self.speaking or self.answer_due

    def speech_started(self, item_id: str, now: float) -> None:
        """The caller began to speak. A turn that was being measured ends here."""
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
        """How long the caller has spoken, without the silence that the server waited for."""
        told = now - self._since - self._silence_ms / 1000
        heard = self.caller_sound.last_at - self._since
        return max(0.0, min(told, heard) if heard >= 0 else told)

    def goes_on(self, now: float) -> bool:
        """The timer `STOPPED`: whether the caller is still heard. Then the timer is started again."""
        quiet_in = self.caller_sound.last_at + self._quiet_s - now
        if not self.speaking or quiet_in <= 0 or now - self._since >= ENDLESS_S:
            return False
        self._out.add(StartTimer(Timer.STOPPED, max(_AGAIN_S, quiet_in)))
        return True

    def dismissed(self) -> None:
        """What the caller said does not count as a turn."""
        self._hushed()

    def written_down(self, item_id: str) -> bool:
        """The transcript of a turn has come. Whether the server has not reported the end of that turn."""
        return self.speaking and bool(item_id) and item_id == self._item

    def was_noise(self, item_id: str) -> None:
        """The transcript of this turn is empty."""
        if item_id == self._stopped_item:
            self._stopped_item = ""

    def answered(self) -> None:
        """A response has begun."""
        self.answer_due = False
        self._out.add(CancelTimer(Timer.ANSWER))

    def answer_missed(self) -> bool:
        """The timer `ANSWER`: the server did not answer in time. False: no answer is expected any more."""
        missed, self.answer_due = self.answer_due, False
        return missed

    def error_unattributed(self) -> None:
        """An error names none of our events, and may come instead of the answer: wait only `UNATTRIBUTED_S` more."""
        if self.answer_due:
            self._out.add(StartTimer(Timer.ANSWER, UNATTRIBUTED_S))

    def connection_lost(self) -> None:
        """The connection is lost: nobody hears the caller, and nobody answers."""
        self._hushed()
        self.answer_due = False
        self._measured(None)
        self._out.add(CancelTimer(Timer.ANSWER))

    def expect_answer(self) -> None:
        """The server is expected to answer by itself."""
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
        """The call ends: report the turn that is being measured."""
        self._measured(None)

    # ------------------------------------------------------------ inside

    def _hushed(self) -> None:
        self.speaking = self.caller_sound.wanted = False
        self._out.add(CancelTimer(Timer.STOPPED))

    def _since_heard(self, now: float, audio_end_ms: int | None) -> float | None:
        """Milliseconds since the caller's last sound; None: the server gives no position, or an impossible one."""
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
