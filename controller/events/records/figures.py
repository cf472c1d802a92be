"""Figures of many calls: counts, sums, and distributions from which medians and percentiles are read. [pure]

Owns how the figures of parts of a period add up to those of the whole. A distribution is kept as counts of steps: a
median is exact to one step, and no value has to be sorted.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

TALK_STEP_S = 1.0
RESPONSE_STEP_MS = 10.0


@dataclass(slots=True)
class Distribution:
    """`step`: the width of one step, in the unit of the values. `steps`: how many values are in each."""

    step: float
    count: int = 0
    total: float = 0.0
    steps: Counter[int] = field(default_factory=Counter)

    def add(self, step: int, count: int, total: float) -> None:
        """`count` values in that step, with this sum."""
        self.steps[step] += count
        self.count += count
        self.total += total

    def merge(self, other: "Distribution") -> None:
        self.steps.update(other.steps)
        self.count += other.count
        self.total += other.total

    @property
    def mean(self) -> float | None:
        return self.total / self.count if self.count else None

    def percentile(self, percent: int) -> float | None:
        """The smallest step that at least `percent` of the values do not exceed (nearest rank)."""
        rank = -(-self.count * percent // 100)
        passed = 0
        for step in sorted(self.steps):
            passed += self.steps[step]
            if passed >= rank:
                return step * self.step
        return None


@dataclass(slots=True)
class CallFigures:
    """Of ended calls. `outcomes`: how many ended so. `talked`: seconds of answered calls. `response`: milliseconds of
    turns, from the caller's end of speech to the agent's first sound. `cost`: US dollars."""

    calls: int = 0
    answered: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    turns: int = 0
    interruptions: int = 0
    cost: float = 0.0
    talked: Distribution = field(default_factory=lambda: Distribution(TALK_STEP_S))
    response: Distribution = field(default_factory=lambda: Distribution(RESPONSE_STEP_MS))

    def merge(self, other: "CallFigures") -> None:
        self.calls += other.calls
        self.answered += other.answered
        self.outcomes.update(other.outcomes)
        self.turns += other.turns
        self.interruptions += other.interruptions
        self.cost += other.cost
        self.talked.merge(other.talked)
        self.response.merge(other.response)


def days_of(since: datetime, until: datetime, zone: ZoneInfo) -> Iterator[tuple[date, datetime, datetime]]:
    """Each day of that time zone with the part of it that is between `since` and `until`. A day may have 23 or 25
    hours."""
    day = since.astimezone(zone).date()
    begin = since
    while begin < until:
        midnight = datetime(day.year, day.month, day.day, tzinfo=zone) + timedelta(days=1)
        end = min(until, midnight.astimezone(since.tzinfo))
        if end > begin:
            yield day, begin, end
        day, begin = day + timedelta(days=1), end
