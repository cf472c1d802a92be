"""What a network does to the packets of one stream: seeded, so that a run can be repeated. [pure]

Decides for each packet whether and when it arrives. Refuses to send anything: `RtpEnd.impair` does.
"""

import random

ORDERED_S = 1e-6
"""Between packets that arrive together: timers for one and the same moment are called in any order."""


class Impairment:
    """Shares are 0 to 1, times are milliseconds.

    `loss`: share of packets that are lost, in runs of `loss_run` packets in the mean. `delay_ms`: of every packet.
    `jitter_ms`: each packet comes up to so much later, in order: a queue. `reorder`: share of packets that are held
    back by up to `reorder_ms` while later ones pass. `duplicate`: share of packets that come twice.
    """

    def __init__(
        self,
        *,
        seed: int = 1,
        loss: float = 0.0,
        loss_run: float = 1.0,
        delay_ms: float = 0.0,
        jitter_ms: float = 0.0,
        reorder: float = 0.0,
        reorder_ms: float = 60.0,
        duplicate: float = 0.0,
    ) -> None:
        if not 0 <= loss < 1 or loss_run < 1:
            raise ValueError("loss is a share below 1, and loss_run at least 1 packet")
        self._random = random.Random(seed)
        self._loss_ends = 1 / loss_run
        self._loss_begins = min(1.0, loss * self._loss_ends / (1 - loss))
        self._delay, self._jitter = delay_ms / 1000, jitter_ms / 1000
        self._reorder, self._reorder_by = reorder, reorder_ms / 1000
        self._duplicate = duplicate
        self._losing = False
        self._last = -1.0
        """When the packet that was sent last arrives, in order."""
        self.packets = 0
        self.lost = 0

    def arrivals(self, now: float) -> list[float]:
        """When the copies of a packet that is sent now arrive; none: it is lost."""
        self.packets += 1
        chance = self._random.random()
        self._losing = chance >= self._loss_ends if self._losing else chance < self._loss_begins
        self._last = max(self._last + ORDERED_S, now + self._delay + self._random.random() * self._jitter)
        held_back = self._random.random() * self._reorder_by if self._random.random() < self._reorder else 0.0
        twice = self._random.random() < self._duplicate
        if self._losing:
            self.lost += 1
            return []
        return [self._last + held_back] * (1 + twice)
