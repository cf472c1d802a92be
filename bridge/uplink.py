"""The caller's time line: wall clock, not frames received. [pure]

Owns how much caller audio the server has been sent, in seconds, against the clock. Asterisk sends nothing during hold
and around DTMF, but the server's voice detection only sees time pass in the audio that it gets: gaps are filled with
silence. What arrives late in a lump, after its time was filled, is dropped: together never more than real time.
"""

FRAME_S = 0.02
GAP_S = 0.1
"""Without a frame for so long there is a gap; shorter ones are jitter."""
LAG_S = 0.04
"""A gap is filled up to so long ago: the frame that ends it may be on its way."""
LUMP = 50
"""At most so many frames of silence at once: after the process itself stood still the rest is left out."""
AHEAD_S = 0.12
"""How far a lump of frames may run ahead of the clock before the rest of it is dropped."""


class Uplink:
    """See the module. `now` is seconds of a monotonic clock; nothing is accepted before `start`."""

    def __init__(self) -> None:
        self._covered = 0.0
        """Up to this moment the server has audio."""
        self._arrived = 0.0
        self.started = False
        self.late_frames = 0
        self.filled_frames = 0

    def start(self, now: float) -> None:
        """From now on the server listens."""
        self._covered = self._arrived = now
        self.started = True

    def accept(self, seconds: float, now: float) -> bool:
        """Whether this piece of caller audio is to be sent."""
        self._arrived = now
        if self._covered + seconds > now + AHEAD_S:
            self.late_frames += 1
            return False
        self._covered += seconds
        return True

    def missing(self, now: float) -> int:
        """How many 20 ms frames of silence are to be sent now."""
        if not self.started or now - self._arrived < GAP_S:
            return 0
        count = max(0, int((now - LAG_S - self._covered) / FRAME_S))
        if count > LUMP:
            self._covered += (count - LUMP) * FRAME_S
            count = LUMP
        self._covered += count * FRAME_S
        self.filled_frames += count
        return count
