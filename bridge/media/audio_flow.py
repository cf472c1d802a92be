"""Whether sound of the caller keeps coming from Asterisk. [pure]

Owns the moment from which it does not. Asterisk sends nothing while the caller holds the line or presses a key, for a
caller whose telephone sends nothing in pauses, and where it drops what the caller's telephone sends. Which it is, only
the controller can find out: it is told when sound ceases, and when it is back.
"""

CEASED_S = 0.14
"""Without a frame for so long: more than two packets of 60 ms. A key takes 160 ms, a stall of the network often more:
to look is cheap, and a server may wait for no more than 300 ms of silence until it takes the caller's turn for over."""
AGAIN_S = 10.0
"""It is told again while it lasts: another controller may have taken over."""


class Flow:
    """See the module. `now` is seconds of a monotonic clock. Nothing is told before `start`."""

    def __init__(self) -> None:
        self._last: float | None = None
        self._told = 0.0
        self.flowing = True

    def start(self, now: float) -> None:
        """From now on sound is expected."""
        self._last = now

    def frame(self, now: float) -> bool:
        """A frame came. Whether that is news."""
        back, self.flowing = not self.flowing, True
        if self._last is not None:
            self._last = now
        return back

    def ceased(self, known: float) -> bool:
        """To be asked at each tick. Whether it is to be told that nothing comes; `known`: what came by then is read."""
        if self._last is None or known - self._last < CEASED_S or (not self.flowing and known - self._told < AGAIN_S):
            return False
        self.flowing, self._told = False, known
        return True
