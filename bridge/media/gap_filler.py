"""Fills gaps in the caller's audio with silence, so that the server gets as much audio as time passes. [pure]

Owns how much caller audio the server was sent, in seconds, compared with the clock. Asterisk sends nothing for lost
packets, during hold and around DTMF, but the server's voice detection needs the time to pass in the audio that it gets.
So missing audio is replaced by silence. Audio that arrives after its time was filled is dropped. The audio sent is
never far behind the clock nor ahead of it, however long the call is and however exact the caller's clock.

A packet that comes late was filled as if it was lost, so it puts the audio ahead of the clock. That happens only until
the audio is as far ahead as packets are late: jitter costs a few frames of silence once.

After this process stood still, audio may wait in the socket unread. It comes first: no silence is filled for the time
since the tick before, because it is not known yet what came in it.
"""

FRAME_S = 0.02
LAG_S = 0.04
"""A gap is filled when it is so old; before that, the frame may be on its way."""
AHEAD_S = 0.12
"""How far frames that come together may run ahead of the clock; more are dropped."""
AT_ONCE = 5
"""Frames of silence for one tick at most, and at most one more than time has passed: a gap after a stall is filled at
twice the speed, not in a burst."""
LONGEST_S = 1.0
"""Silence that is sent for a stall at most; older time is left out."""


class GapFiller:
    """Of one call. `now`: seconds of a monotonic clock. Nothing is accepted before `start`."""

    def __init__(self) -> None:
        self._covered = 0.0
        """Up to this moment the server has audio."""
        self._ticked = 0.0
        """The last tick of another wake-up: what came before it has been read."""
        self.known = 0.0
        """What came before this moment has been read, as of the last tick."""
        self.started = False
        self.late_frames = 0
        self.left_out_s = 0.0
        """Seconds of a gap that were not filled, because they were too long ago."""

    def start(self, now: float) -> None:
        """From now on audio is sent."""
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
