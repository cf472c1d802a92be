"""Whether audio of the caller keeps coming from Asterisk. [pure]

Asterisk sends nothing while the caller holds or presses a key, while the caller's telephone suppresses silence, and
when it drops what the telephone sends. Only the controller can find out which of these it is, so it is told when audio
ceases and when it is back.
"""

CEASED_S = 0.14
"""Audio has ceased after this time without a frame: more than two packets of 60 ms. A server may take the caller's turn
as over after 300 ms of silence, so this must be found earlier."""
AGAIN_S = 10.0
"""Reported again at this interval, since another controller may have taken over."""


class AudioPresence:
    """Of one call. `now`: seconds of a monotonic clock. Nothing is reported before `start`."""

    def __init__(self) -> None:
        self._last: float | None = None
        self._told = 0.0
        self.flowing = True

    def start(self, now: float) -> None:
        """From now on audio is expected."""
        self._last = now

    def frame(self, now: float) -> bool:
        """A frame came. Whether audio is back by that."""
        back, self.flowing = not self.flowing, True
        if self._last is not None:
            self._last = now
        return back

    def ceased(self, known: float) -> bool:
        """To be asked at each tick: whether to report that audio has ceased. `known`: all that came before it has been
        read."""
        if self._last is None or known - self._last < CEASED_S or (not self.flowing and known - self._told < AGAIN_S):
            return False
        self.flowing, self._told = False, known
        return True
