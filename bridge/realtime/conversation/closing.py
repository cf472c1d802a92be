"""Waiting until what was said is in the caller's ear: before held tools run, and before the call is over. [pure]

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
"""For last words to be generated."""
BOUND_S = 2.0
"""How long beyond the sound that remains it is waited for that to be played."""
TAIL_S = 0.25
"""What Asterisk, the trunk and the phone still hold after the last frame."""


class DrainWait:
    """Until all was handed to Asterisk, and `TAIL_S` later; bounded. Two timers fire: `tail` when it is so, `bound`
    when it takes too long."""

    def __init__(self, out: EffectList, playout: Playout, tail: Timer, bound: Timer) -> None:
        self._out = out
        self._playout = playout
        self._tail = tail
        self._bound = bound

    def wait(self, beyond_s: float = BOUND_S) -> None:
        """From now on the wait is bounded: by the sound that remains, and so much more."""
        self._out.add(StartTimer(self._bound, self._playout.remaining_ms / 1000 + beyond_s))

    def played(self) -> None:
        """All was handed to Asterisk: only the way to the ear remains."""
        self._out.add(StartTimer(self._tail, TAIL_S))

    def stop(self) -> None:
        """Nobody waits any more."""
        self._out.add(CancelTimer(self._tail), CancelTimer(self._bound))


class HeldTools:
    """See the module."""

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
        """No more comes: from here on the wait is bounded."""
        if self._tools.awaiting_playback:
            self._wait.wait()
            self.drained()

    def drained(self) -> None:
        """If everything said is handed to Asterisk: held tools run when it has reached the ear."""
        if self._tools.awaiting_playback and self._played:
            self._wait.played()

    def tail_reached(self) -> None:
        """It has reached the ear; unless something was said meanwhile."""
        if self._played:
            self.expired()

    def expired(self) -> None:
        """They run now, whatever is still to be played."""
        self._wait.stop()
        self._tools.speech_played()

    def stop(self) -> None:
        """Somebody speaks: wait no longer for this."""
        self._wait.stop()


class LastWords:
    """See the module."""

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
        """The request for them; a response to another one is not the last."""
        self.firm = False
        """The caller can't prevent it."""
        self.active = False
        self.over = False
        """`WrapUpDone` has been told."""

    def begin(self, why: str, *, firm: bool) -> None:
        """These are the last words, from the moment in which the response for them is wanted."""
        self.active, self.firm, self._why = True, firm, why
        self._said = self._extended = False
        self.request = None
        self._out.add(CancelTimer(Timer.END), StartTimer(Timer.LAST, BEGIN_S))

    def goes_on(self) -> None:
        """The server stopped in the middle of them, and is asked for the rest."""
        if self.active and not self.over:
            self._extended = False
            self._wait.wait(BEGIN_S)

    def abandon(self) -> None:
        """The call goes on after all."""
        self.active = self.firm = self._said = False
        self.request = None
        self._wait.stop()

    def said(self) -> None:
        """The response with the last words is over, and it had sound."""
        if self.active and not self.over:
            self._said = self._extended = True
            self._wait.wait()
            self.drained()

    def drained(self) -> None:
        """If everything has been handed to Asterisk, only the way to the ear remains."""
        if self.active and self._said and self._playout.idle and not self.over:
            self._wait.played()

    def tail_reached(self) -> None:
        """The way to the ear is over, unless something else is to be said last by now."""
        if self._said and self._playout.idle:
            self._end()

    def expired(self) -> None:
        """Too long. What is being played right now is let out, once."""
        if self._uncertain:
            self._out.add(StartTimer(Timer.LAST, BOUND_S))
        elif self._extended or self._playout.idle:
            self._end()
        else:
            self._extended = True
            self._wait.wait()

    @property
    def _uncertain(self) -> bool:
        """Perhaps the caller is preventing it right now. That does not last."""
        return self._interruption_filter.pending and not self.firm

    def _end(self) -> None:
        """The last words are in the caller's ear, or will never be."""
        if not self.active or self.over or self._uncertain:
            return
        self.over = True
        self._wait.stop()
        self._out.add(Emit(WrapUpDone(call=self._call, why=self._why)))
