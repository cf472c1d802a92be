"""Frames of 20 ms to the caller, summed over all media legs of one call. [pure]"""

from dataclasses import dataclass

from bridge.media.sink import MediaLeg


@dataclass(frozen=True, slots=True)
class LegCounts:
    sent: int = 0
    """To Asterisk, silence too."""
    late: int = 0
    """Never sent: this process stood still for longer than is caught up."""
    dropped: int = 0
    """Not taken by Asterisk in time."""

    def plus(self, leg: MediaLeg | None) -> "LegCounts":
        if leg is None:
            return self
        return LegCounts(self.sent + leg.sent_frames, self.late + leg.late_frames, self.dropped + leg.dropped_frames)
