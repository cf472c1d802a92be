"""Mixes both sides of a call on one time line: pieces of audio in, stereo blocks out, each sample at its time. [pure]

Owns the place of each piece. The pieces of a side come in order, but not evenly: none during hold and around DTMF, none
while this process stalled, then several at once. A piece can't have been spoken later than it came, nor later than the
following piece allows. Its place is the latest moment that satisfies all pieces that came within `HORIZON_S`. So pieces
that come together fill the gap that they left, a real gap stays silent, and jitter moves nothing. Audio that is at most
`SLACK_S` before or `LAG_S` behind its place is joined to the audio before it without a gap, except where whole pieces
were lost; so neither side drifts away from the clock.

A piece of the caller ends when it comes (it was spoken before); a piece of the agent begins when it is handed over. No
clock is read and nothing is written here.
"""

from collections import deque

import numpy as np

RATE = 24_000
SAMPLE_BYTES = 2
"""One channel, signed 16 bit little endian."""
HORIZON_S = 0.3
"""Seconds. Blocks are given out this long after their time. Sound that comes later has missed its place and is left
out, unless this process itself stood still."""
SLACK_S = 0.07
"""Seconds. Sound that comes up to this much before its place is joined to the sound before it, with silence for the
pieces that were lost."""
LOST = 0.1
"""A piece is taken for lost when nothing came for its length, less this share of it."""
CALM_S = 0.00005
"""By so much for each piece it is forgotten how soon sound can come."""
LAG_S = 0.04
"""Seconds. Sound that is up to this much behind its place is not left out."""
BLOCK_S = 0.2
"""The shortest block that is worth handing on."""
STALL_S = 0.1
"""Seconds. If `take` was not called for this long, this process stood still, and the sound that came meanwhile is not
read yet."""
RECOVERY_S = 0.04
"""Seconds for which nothing is given out then."""

_HORIZON = round(HORIZON_S * RATE)
_SLACK = round(SLACK_S * RATE)
_LAG = round(LAG_S * RATE)
_CALM = round(CALM_S * RATE)
_BLOCK = round(BLOCK_S * RATE)


class Track:
    """One side. Positions are samples since the beginning."""

    def __init__(self) -> None:
        self.late = 0
        """Samples that came too late for their place."""
        self._pieces: deque[tuple[int, bytes]] = deque()
        self._placed = bytearray()
        self._settled = 0
        """Where `_placed` begins: what is before it was given out."""
        self._soonest = 0
        """By how much sound that came without delay was laid before its place lately (negative: behind it)."""
        self._sound_end = -1
        """Where the last sound ended. If that is still the end of all, what comes next may be joined to it."""

    def add(self, pcm: bytes, end: int) -> None:
        """A piece whose last sample belongs before `end`."""
        if pcm:
            self._pieces.append((end, pcm))

    def take(self, upto: int) -> bytes:
        """All from where the last block ended up to `upto`, with silence where there was nothing."""
        for start in self._starts():
            end = self._settled + len(self._placed) // SAMPLE_BYTES
            samples = len(self._pieces[0][1]) // SAMPLE_BYTES
            gap = max(self._place(start, samples), self._settled) - end
            if end + gap >= upto:
                break
            _, pcm = self._pieces.popleft()
            if gap < -_LAG:
                self.late += samples
                continue
            self._placed += bytes(max(0, gap) * SAMPLE_BYTES) + pcm
            self._sound_end = end + max(0, gap) + samples
            self._soonest = min(self._soonest + _CALM, start - self._sound_end + samples)
        wanted = max(0, upto - self._settled) * SAMPLE_BYTES
        block = bytes(self._placed[:wanted]).ljust(wanted, b"\0")
        del self._placed[:wanted]
        self._settled = max(upto, self._settled)
        return block

    def _place(self, start: int, samples: int) -> int:
        """The place of the next piece of `samples`, which belongs at `start`: behind the last one, or behind a gap."""
        gap = start - self._sound_end
        if self._sound_end < 0 or gap > _SLACK:
            self._soonest = 0
            return start
        if gap <= 0:
            return start
        late = gap - max(self._soonest, -3 * samples // 4)
        lost = int(late / samples + LOST)
        return self._sound_end + max(lost, gap // (2 * samples)) * samples

    def _starts(self) -> list[int]:
        """The latest place of each piece, found from the last to the first."""
        starts: list[int] = []
        bound = None
        for end, pcm in reversed(self._pieces):
            bound = (end if bound is None else min(end, bound)) - len(pcm) // SAMPLE_BYTES
            starts.append(bound)
        starts.reverse()
        return starts


class StereoMixer:
    """`start` and every `now` are seconds of one monotonic clock."""

    def __init__(self, start: float) -> None:
        self._start = start
        self._given = 0
        self._asked = start
        self._recovered = start
        self._left, self._right = Track(), Track()

    @property
    def seconds(self) -> float:
        """The length of what was given out."""
        return self._given / RATE

    @property
    def late_ms(self) -> int:
        """Caller and agent together: sound that was left out because it came too late for its place."""
        return (self._left.late + self._right.late) * 1000 // RATE

    def caller(self, pcm: bytes, now: float) -> None:
        """Heard until now. 24 kHz s16le mono, any length."""
        self._left.add(pcm, self._at(now))

    def agent(self, pcm: bytes | None, now: float) -> None:
        """Handed to Asterisk now; None is silence."""
        if pcm:
            self._right.add(pcm, self._at(now) + len(pcm) // SAMPLE_BYTES)

    def take(self, now: float) -> bytes | None:
        """The next stereo block (caller left, agent right, interleaved), once there is one. Asked every 20 ms."""
        if now - self._asked > STALL_S:
            self._recovered = now + RECOVERY_S
        self._asked = now
        if now < self._recovered:
            return None
        upto = self._at(now) - _HORIZON
        return self._block(upto) if upto - self._given >= _BLOCK else None

    def finish(self, now: float) -> bytes:
        """All that is left until now."""
        return self._block(max(self._at(now), self._given))

    def _at(self, now: float) -> int:
        return round((now - self._start) * RATE)

    def _block(self, upto: int) -> bytes:
        self._given = upto
        left, right = (np.frombuffer(track.take(upto), "<i2") for track in (self._left, self._right))
        return np.stack((left, right), axis=1).tobytes()
