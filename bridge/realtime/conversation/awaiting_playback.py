"""When held tools may go on: what was said is in the caller's ear. [pure]

Owns the wait between the last word of a goodbye (or the notice of a transfer) and the act: until it is played, plus
`TAIL_S`; never longer than what remains to be played plus `SPEECH_BOUND_S`.
"""

from bridge.media.playout import Playout
from bridge.realtime.conversation.effects import CancelTimer, EffectList, StartTimer, Timer
from bridge.realtime.conversation.interruption_filter import InterruptionFilter
from bridge.realtime.conversation.responses import Responses, State
from bridge.realtime.conversation.tool_calls import ToolCalls

TAIL_S = 0.25
"""After the last frame of a goodbye: what Asterisk, the trunk and the phone still hold."""
SPEECH_BOUND_S = 2.0
"""How long beyond the sound that remains a goodbye or transfer waits for it to be played."""


class Tail:
    """See the module."""

    def __init__(
        self, out: EffectList, playout: Playout, responses: Responses, tools: ToolCalls, doubts: InterruptionFilter
    ) -> None:
        self._out = out
        self._playout = playout
        self._responses = responses
        self._tools = tools
        self._doubts = doubts

    @property
    def _played(self) -> bool:
        return self._playout.idle and self._responses.state is State.IDLE and not self._doubts.pending

    def bound(self) -> None:
        """No more comes: from here on the wait is bounded."""
        if self._tools.holding:
            self._out.add(StartTimer(Timer.SPEECH, self._playout.remaining_ms / 1000 + SPEECH_BOUND_S))
            self.quiet()

    def quiet(self) -> None:
        """If everything said is handed to Asterisk: held tools go on when it has reached the ear."""
        if self._tools.holding and self._played:
            self._out.add(StartTimer(Timer.TAIL, TAIL_S))

    def reached(self) -> None:
        """The tail is over; unless something was said meanwhile."""
        if self._played:
            self.over()

    def over(self) -> None:
        """Now, whatever is still to be played."""
        self.stop()
        self._tools.speech_played()

    def stop(self) -> None:
        """Somebody speaks: wait no longer for this."""
        self._out.add(CancelTimer(Timer.TAIL), CancelTimer(Timer.SPEECH))
