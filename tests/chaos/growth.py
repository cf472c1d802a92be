"""Readings of a process over time, and whether they grow. [pure]

Owns the comparison: the middle of a window early in the load, when everything has warmed up, against the middle of the
last one under the same load. Does not read processes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

EARLY, LATE = (0.2, 0.4), (0.8, 1.0)
"""Shares of the time."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Of one process at `at` seconds. `tasks` None: it does not say."""

    at: float
    rss_mb: float
    files: int
    threads: int
    tasks: int | None = None


@dataclass(frozen=True, slots=True)
class Trend:
    """One measure of one process: early and late under load, and after all calls."""

    what: str
    early: float
    late: float
    after: float
    allowed: float

    @property
    def flat(self) -> bool:
        return self.late - self.early <= self.allowed and self.after <= self.late + self.allowed

    def __str__(self) -> str:
        verdict = "flat" if self.flat else "CLIMBS"
        return f"{self.what} | {self.early:.0f} | {self.late:.0f} | {self.after:.0f} | {verdict}"


def trends(readings: Sequence[Reading], after: Reading) -> list[Trend]:
    """Memory may grow by a tenth or 8 MB while heaps find their size; the rest by as much as a few calls hold."""
    early, late = _window(readings, EARLY), _window(readings, LATE)

    def trend(what: str, of: Callable[[Reading], float], least: float, share: float) -> Trend:
        before, then = (median(map(of, window)) for window in (early, late))
        return Trend(what, before, then, of(after), max(least, before * share))

    found = [
        trend("memory, MB", lambda each: each.rss_mb, 8, 0.1),
        trend("open files", lambda each: each.files, 12, 0.2),
        trend("threads", lambda each: each.threads, 12, 0.2),
    ]
    if after.tasks is not None:
        found.append(trend("asyncio tasks", lambda each: each.tasks or 0, 20, 0.33))
    return found


def _window(readings: Sequence[Reading], shares: tuple[float, float]) -> list[Reading]:
    first, last = readings[0].at, readings[-1].at
    begin, end = (first + share * (last - first) for share in shares)
    return [each for each in readings if begin <= each.at <= end]
