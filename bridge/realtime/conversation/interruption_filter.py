"""Whether speech of the caller counts as an interruption. [pure]

Owns the doubt about short speech, and the count of interruptions that were none. With `min_speech_ms` the agent goes
on speaking until the caller's speech has lasted so long. The server says that speech stopped only when
`silence_duration_ms` have passed in silence, so that is added to the wait: what is shorter never reaches the timer.

Without `min_speech_ms` the agent is cut at once. Either way an interruption was for nothing when the speech turns out
to have been a click (over within `CLICK_S`, the silence not counted) or when its transcript is empty, however late that
comes. Short speech that did not interrupt the agent is no interruption, and so it is not counted.
"""

from bridge.contract import ServerVad, SessionSpec
from bridge.realtime.conversation.effects import CancelTimer, EffectList, StartTimer, Timer
from bridge.realtime.conversation.recent_ids import RecentIds

CLICK_S = 0.15
SHORT_S = 0.3


class InterruptionFilter:
    """See the module. `false_barge_ins` are those of which we know."""

    def __init__(self, spec: SessionSpec, out: EffectList) -> None:
        self._out = out
        self.apply(spec)
        self.false_barge_ins = 0
        self.pending = False
        """The caller speaks over the agent, and it is not certain yet whether it counts."""
        self.since = 0.0
        self._item = ""
        """What the caller says at the moment."""
        self._cut = False
        """The agent was cut for it."""
        self._open = RecentIds()
        """Items for which the agent was cut, and of which the transcript has not come."""

    def apply(self, spec: SessionSpec) -> None:
        """This agent's patience."""
        vad = spec.turn_detection
        silence_s = vad.silence_duration_ms / 1000 if isinstance(vad, ServerVad) else 0.0
        self._window_s = spec.min_speech_ms / 1000 + silence_s if spec.min_speech_ms else 0.0
        self._click_s = max(SHORT_S, silence_s + CLICK_S)

    @property
    def wanted(self) -> bool:
        """Speech has to last before it counts."""
        return self._window_s > 0

    def speech_started(self, item_id: str, now: float) -> None:
        """The caller begins to speak."""
        self.since, self._item, self._cut = now, item_id, False

    def begin(self) -> None:
        """Wait and see."""
        self.pending = True
        self._out.add(StartTimer(Timer.COUNTS, self._window_s))

    def settle(self) -> None:
        """It counts, or it does not matter any more."""
        self.pending = False
        self._out.add(CancelTimer(Timer.COUNTS))

    def cut(self) -> None:
        """The agent was cut for what the caller says at the moment."""
        self._cut = True
        if self._item:
            self._open.add(self._item)

    def speech_stopped(self, now: float) -> None:
        """Perhaps it was just a click."""
        if self._cut and now - self.since <= self._click_s:
            self.false_barge_ins += 1
            self._open.discard(self._item)
        self._cut = False

    def transcribed(self, item_id: str, text: str) -> None:
        """What was said, if anything."""
        if item_id in self._open:
            self._cut = self._cut and item_id != self._item  # it has been judged
            self.false_barge_ins += not text
            self._open.discard(item_id)
