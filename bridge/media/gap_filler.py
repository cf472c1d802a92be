"""The caller's time line: wall clock, not frames received. [pure]

Owns how much caller audio the server has been sent, in seconds, against the clock. Asterisk sends nothing for lost
packets, during hold and around DTMF, but the server's voice detection only sees time pass in the audio that it gets:
what is missing is filled with silence as it passes. What arrives late, after its time was filled, is dropped. So the
line is never far behind the clock nor ahead of it, however long the call is, and however exact the caller's clock.

A packet that comes late is filled as if it was lost, and puts the line ahead when it comes. That happens only until
the line is as far ahead as packets are late, so jitter costs a few frames of silence once.

After this process stood still, sound may wait in the socket unread. It comes first: silence is never filled for time
that passed since the tick before, because it is not known yet what came in it.
"""

FRAME_S = 0.02
LAG_S = 0.04
"""What is missing is filled up to so long ago: the frame may be on its way."""
AHEAD_S = 0.12
"""How far a lump of frames may run ahead of the clock before the rest of it is dropped."""
AT_ONCE = 5
"""Frames of silence for one tick at most, and one more than time has passed: what a stall has left is caught up at
twice the speed, not in a burst."""
LONGEST_S = 1.0
"""Silence that is caught up after a stall; older time is left out."""


class GapFiller:
    """See the module. `now` is seconds of a monotonic clock; nothing is accepted before `start`."""

    def __init__(self) -> None:
        self._covered = 0.0
        """Up to this moment the server has audio."""
        self._ticked = 0.0
        """At the last tick but those of the same wake-up: what came before it has been read."""
        self.known = 0.0
        """What came before this moment has been read, as of the last tick."""
        self.started = False
        self.late_frames = 0
        self.left_out_s = 0.0
        """Time that the server was never sent, because it was too long ago."""

    def start(self, now: float) -> None:
        """From now on the server listens."""
        self._covered = self._ticked = self.known = now
        self.started = True

    def accept(self, seconds: float, now: float) -> bool:
        """Whether this piece of caller audio is to be sent."""
        if self._covered + seconds > now + AHEAD_S:
            self.late_frames += 1
            return False
        self._covered += seconds
        return True

    def missing(self, now: float) -> int:
        """How many 20 ms frames of silence are to be sent now. To be asked at each tick, after what was read."""
        if not self.started or now - self._ticked < FRAME_S / 2:
            return 0  # one of several ticks that make up for a stall: nothing was read in between
        known, self._ticked = min(now, self._ticked + FRAME_S), now
        passed, self.known = known - self.known, known
        behind = known - LAG_S - self._covered
        left_out_s = max(0.0, behind - LONGEST_S)
        self._covered += left_out_s
        self.left_out_s += left_out_s
        count = min(AT_ONCE, 1 + round(passed / FRAME_S), max(0, int(behind / FRAME_S + 1e-6)))
        self._covered += count * FRAME_S
        return count
