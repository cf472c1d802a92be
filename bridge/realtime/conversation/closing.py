"""The agent's last words: said, played, and only then `Finished`. [pure]

Owns the way from the wish to say something last to the moment in which the caller has heard it. Firm last words
(`WrapUp`) are said whatever the caller does meanwhile; others (the end of the idle ladder) are given up when the
caller speaks, and are not over while it is in doubt whether that counts. However the AI behaves, `Finished` comes:
bounded by `BEGIN_S` for the words to be generated, and by what remains of them to be played.
"""

from bridge.contract import Finished
from bridge.media.playout import Playout
from bridge.realtime.conversation.effects import CancelTimer, EffectList, Emit, StartTimer, Timer
from bridge.realtime.conversation.interruption_filter import InterruptionFilter
from bridge.realtime.conversation.responses import ResponseRequest

BEGIN_S = 10.0
PLAY_S = 2.0
TAIL_S = 0.25
"""What Asterisk, the trunk and the phone still hold after the last frame."""


class Farewell:
    """See the module."""

    def __init__(self, call: str, out: EffectList, playout: Playout, doubts: InterruptionFilter) -> None:
        self._call = call
        self._out = out
        self._playout = playout
        self._doubts = doubts
        self._why = ""
        self._said = False
        self._extended = False
        self.wish: ResponseRequest | None = None
        """The request for them; a response to another one is not the last."""
        self.firm = False
        """The caller can't prevent it."""
        self.active = False
        self.over = False
        """`Finished` has been told."""

    def begin(self, why: str, *, firm: bool) -> None:
        """These are the last words, from the moment in which the response for them is wanted."""
        self.active, self.firm, self._why = True, firm, why
        self._said = self._extended = False
        self.wish = None
        self._out.add(CancelTimer(Timer.END), StartTimer(Timer.LAST, BEGIN_S))

    def goes_on(self) -> None:
        """The server stopped in the middle of them, and is asked for the rest."""
        if self.active and not self.over:
            self._extended = False
            self._out.add(StartTimer(Timer.LAST, self._playout.remaining_ms / 1000 + BEGIN_S))

    def abandon(self) -> None:
        """The call goes on after all."""
        self.active = self.firm = self._said = False
        self.wish = None
        self._out.add(CancelTimer(Timer.LAST), CancelTimer(Timer.END))

    def said(self) -> None:
        """The response with the last words is over, and it had sound."""
        if self.active and not self.over:
            self._said = self._extended = True
            self._out.add(StartTimer(Timer.LAST, self._playout.remaining_ms / 1000 + PLAY_S))
            self.quiet()

    def quiet(self) -> None:
        """If everything has been handed to Asterisk, only the way to the ear remains."""
        if self.active and self._said and self._playout.idle and not self.over:
            self._out.add(StartTimer(Timer.END, TAIL_S))

    def tail_reached(self) -> None:
        """The way to the ear is over, unless something else is to be said last by now."""
        if self._said and self._playout.idle:
            self.end()

    def bound_reached(self) -> None:
        """Too long. What is being played right now is let out, once."""
        if self._doubtful:
            self._out.add(StartTimer(Timer.LAST, PLAY_S))
            return
        if self._extended or self._playout.idle:
            self.end()
            return
        self._extended = True
        self._out.add(StartTimer(Timer.LAST, self._playout.remaining_ms / 1000 + PLAY_S))

    @property
    def _doubtful(self) -> bool:
        """Perhaps the caller is preventing it right now. A doubt does not last."""
        return self._doubts.pending and not self.firm

    def end(self) -> None:
        """The last words are in the caller's ear, or will never be."""
        if not self.active or self.over or self._doubtful:
            return
        self.over = True
        self._out.add(CancelTimer(Timer.LAST), CancelTimer(Timer.END))
        self._out.add(Emit(Finished(call=self._call, why=self._why)))
