"""Waits until the caller has heard what was said: before held tools run, and before the call ends. [pure]

Owns `DrainWait`, the wait itself, and its two users.

`HeldTools`: tools that hang up or transfer run when the goodbye or the notice before them has been played.

`LastWords`: from the request for them to the moment in which the caller has heard them, and only then `WrapUpDone`.
Firm last words (`WrapUp`) are said whatever the caller does meanwhile; others (the goodbye of `no_input`) are given up
when the caller speaks, and are not over while it is uncertain whether that counts. However the AI behaves, `WrapUpDone`
comes: bounded by `BEGIN_S` for the words to be generated, and by what remains of them to be played.
"""

from bridge.contract import WrapUpDone
from bridge.media.playout import Playout
from bridge.realtime.conversation.effects import CancelTimer, EffectList, Emit, StartTimer, Timer
from bridge.realtime.conversation.interruption_filter import InterruptionFilter
from bridge.realtime.conversation.responses import ResponseRequest, Responses, State
from bridge.realtime.conversation.tool_calls import ToolCalls

BEGIN_S = 10.0
"""Last words must be generated within this time."""
BOUND_S = 2.0
"""Seconds that the wait may last beyond the audio that is still to be played."""
TAIL_S = 0.25
"""What Asterisk, the trunk and the phone still hold after the last frame."""


class DrainWait:
    """Waits until all audio was handed to Asterisk, and `TAIL_S` longer. Of its two timers `tail` fires when it is
    over, `bound` when it takes too long."""

    def __init__(self, out: EffectList, playout: Playout, tail: Timer, bound: Timer) -> None:
        self._out = out
        self._playout = playout
        self._tail = tail
        self._bound = bound

    def wait(self, beyond_s: float = BOUND_S) -> None:
        """Start the bound: the audio that is still to be played, plus `beyond_s`."""
        self._out.add(StartTimer(self._bound, self._playout.remaining_ms / 1000 + beyond_s))

    def played(self) -> None:
        """All was handed to Asterisk: start the tail."""
        self._out.add(StartTimer(self._tail, TAIL_S))

    def stop(self) -> None:
        """Stop both timers."""
        self._out.add(CancelTimer(self._tail), CancelTimer(self._bound))


class HeldTools:
    """Decides when tools with `after_speech` run."""

    def __init__(
        self,
        out: EffectList,
        playout: Playout,
        responses: Responses,
        tools: ToolCalls,
        interruption_filter: InterruptionFilter,
    ) -> None:
        self._playout = playout
        self._responses = responses
        self._tools = tools
        self._interruption_filter = interruption_filter
        self._wait = DrainWait(out, playout, Timer.TAIL, Timer.SPEECH)

    @property
    def _played(self) -> bool:
        return self._playout.idle and self._responses.state is State.IDLE and not self._interruption_filter.pending

    def wait(self) -> None:
        """The response is over, so no more audio comes: start the bound."""
        if self._tools.awaiting_playback:
            self._wait.wait()
            self.drained()

    def drained(self) -> None:
        """If all audio was handed to Asterisk: run the held tools after the tail."""
        if self._tools.awaiting_playback and self._played:
            self._wait.played()

    def tail_reached(self) -> None:
        """The tail is over: run them, unless something more was said meanwhile."""
        if self._played:
            self.expired()

    def expired(self) -> None:
        """Run them now, whatever is still to be played."""
        self._wait.stop()
        self._tools.speech_played()

    def stop(self) -> None:
        """The caller speaks: wait no longer."""
        self._wait.stop()


class LastWords:
    """Says when the last words of a call are over."""

    def __init__(self, call: str, out: EffectList, playout: Playout, interruption_filter: InterruptionFilter) -> None:
        self._call = call
        self._out = out
        self._playout = playout
        self._interruption_filter = interruption_filter
        self._wait = DrainWait(out, playout, Timer.END, Timer.LAST)
        self._why = ""
        self._said = False
        self._extended = False
        self.request: ResponseRequest | None = None
        """The request for them. A response to another request is not theirs."""
        self.firm = False
        """The caller can't prevent it."""
        self.active = False
        self.over = False
        """`WrapUpDone` was reported."""

    def begin(self, why: str, *, firm: bool) -> None:
        """Last words are going to be requested. `why`: for `WrapUpDone`. `firm`: the caller can't prevent them."""
        self.active, self.firm, self._why = True, firm, why
        self._said = self._extended = False
        self.request = None
        self._out.add(CancelTimer(Timer.END), StartTimer(Timer.LAST, BEGIN_S))

    def goes_on(self) -> None:
        """The server stopped in the middle of them; their rest was requested."""
        if self.active and not self.over:
            self._extended = False
            self._wait.wait(BEGIN_S)

    def abandon(self) -> None:
        """The call goes on after all."""
        self.active = self.firm = self._said = False
        self.request = None
        self._wait.stop()

    def said(self) -> None:
        """The response with the last words is over, and had audio; or there is nothing to say."""
        if self.active and not self.over:
            self._said = self._extended = True
            self._wait.wait()
            self.drained()

    def drained(self) -> None:
        """If they were said and all audio was handed to Asterisk: start the tail."""
        if self.active and self._said and self._playout.idle and not self.over:
            self._wait.played()

    def tail_reached(self) -> None:
        """The tail is over: end, unless other last words were begun meanwhile."""
        if self._said and self._playout.idle:
            self._end()

    def expired(self) -> None:
        """The bound has passed: end; but what is being played at this moment may be played out, once."""
        if self._uncertain:
            self._out.add(StartTimer(Timer.LAST, BOUND_S))
        elif self._extended or self._playout.idle:
            self._end()
        else:
            self._extended = True
            self._wait.wait()

    @property
    def _uncertain(self) -> bool:
        """The caller speaks, and it is not known yet whether that counts. This lasts a moment only."""
        return self._interruption_filter.pending and not self.firm

    def _end(self) -> None:
        """The caller has heard the last words, or never will."""
        if not self.active or self.over or self._uncertain:
            return
        self.over = True
        self._wait.stop()
        self._out.add(Emit(WrapUpDone(call=self._call, why=self._why)))
