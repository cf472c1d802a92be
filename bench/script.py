"""What a caller of the benchmark does, and what the AI does about it. [pure]

Owns the conversation's plan: the caller speaks 1.2 s, hears a reply of 5 s that was generated at five times real time,
interrupts it after 2 s, hears the next one to its end, and so on. And the voice detection of the
server: two frames of speech begin a turn, ten of silence end it.
"""

from dataclasses import dataclass

SPEAKING_FRAMES = 60
REPLY_FRAMES = 250
INTERRUPT_AFTER = 100
PAUSE_FRAMES = 25
"""Of silence after a reply that was heard to its end."""
DELTA_FRAMES = 10
DELTA_EVERY = 0.04
"""Seconds between two deltas of 200 ms: five times real time."""
PATIENCE_FRAMES = 150
"""Frames of 20 ms after which a caller who got no answer speaks again."""

_STARTS_AFTER = 2
_STOPS_AFTER = 10


@dataclass
class CallerPlan:
    """One caller. `speaks` once per 20 ms frame; `heard` with each frame of the agent's."""

    begins_in: int
    """Frames of silence before the first word."""
    unanswered: int = 0
    """Questions that nobody answered in time."""
    _left: int = 0
    _waiting: int = 0
    _turns: int = 0

    def speaks(self) -> bool:
        """Whether this frame is speech."""
        if self._left:
            self._left -= 1
            self._waiting = 0
            return True
        self._waiting += 1
        if self.begins_in:
            self.begins_in -= 1
            if not self.begins_in:
                self._begin()
        elif self._waiting > PATIENCE_FRAMES:
            self.unanswered += 1
            self._begin()
        return False

    def heard(self, frame: int) -> None:
        """`frame`: which one of its reply."""
        self._waiting = 0
        if self._left or self.begins_in:
            return
        if self._turns % 2 and frame >= INTERRUPT_AFTER:
            self._begin()
        elif frame == REPLY_FRAMES - 1:
            self.begins_in = PAUSE_FRAMES

    def _begin(self) -> None:
        self._turns += 1
        self._left = SPEAKING_FRAMES


@dataclass
class VoiceDetector:
    """The server's voice detection of one call."""

    speaking: bool = False
    _run: int = 0

    def hear(self, speech: bool) -> bool | None:
        """True: the caller began to speak; False: stopped; None: no news."""
        self._run = self._run + 1 if speech is not self.speaking else 0
        if self._run >= (_STOPS_AFTER if self.speaking else _STARTS_AFTER):
            self.speaking, self._run = not self.speaking, 0
            return self.speaking
        return None
