"""Whether speech of the caller counts as an interruption. [pure]

Owns `pending` (it is not known yet whether the caller's speech counts) and the number of false barge-ins. With
`min_speech_ms` the agent goes on speaking until the caller's speech has lasted that long. The server reports the end of
speech only after `silence_duration_ms` of silence, so that time is added to the wait.

Without `min_speech_ms` the agent is cut at once. In both cases an interruption was false if the speech was a click
(over within `CLICK_S`, the silence not counted) or if its transcript is empty, however late that comes. Short speech
that did not interrupt the agent is not counted.
"""

from bridge.contract import ServerVad, SessionSpec
from bridge.realtime.conversation.effects import CancelTimer, EffectList, StartTimer, Timer
from bridge.realtime.conversation.recent_ids import RecentIds

CLICK_S = 0.15
SHORT_S = 0.3


class InterruptionFilter:
    """The filter of one conversation. `now`: seconds of a monotonic clock."""

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
        """Items that have cut the agent and have no transcript yet."""

    def apply(self, spec: SessionSpec) -> None:
        """The thresholds of the agent that goes on."""
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
        """Wait until the speech has lasted long enough."""
        self.pending = True
        self._out.add(StartTimer(Timer.COUNTS, self._window_s))

    def settle(self) -> None:
        """It is decided, or does not matter any more."""
        self.pending = False
        self._out.add(CancelTimer(Timer.COUNTS))

    def cut(self) -> None:
        """The agent was cut for what the caller says at the moment."""
        self._cut = True
        if self._item:
            self._open.add(self._item)

    def speech_stopped(self, now: float) -> None:
        """The caller stopped: count a click."""
        if self._cut and now - self.since <= self._click_s:
            self.false_barge_ins += 1
            self._open.discard(self._item)
        self._cut = False

    def transcribed(self, item_id: str, text: str) -> None:
        """The transcript has come: count an empty one."""
        if item_id in self._open:
            self._cut = self._cut and item_id != self._item  # it is not judged again by its length
            self.false_barge_ins += not text
            self._open.discard(item_id)
