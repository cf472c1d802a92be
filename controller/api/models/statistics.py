"""Statistics of calls, as JSON. [pure]"""

from datetime import date
from typing import Literal

from pydantic import Field

from controller.api.models.base import Answer, Body, Instant, Moment
from controller.config.models.trunks import TimeZone, zone_of
from controller.events.records.figures import CallFigures, Distribution


class StatisticsQuery(Body):
    since: Instant | None = None
    """Calls that started at this time or later. Default: 30 days before `until`."""
    until: Instant | None = None
    """Calls that started before this time, at most 366 days after `since`. Default: now."""
    group: Literal["day", "agent", "trunk"] = "day"
    zone: TimeZone = Field(default_factory=lambda: zone_of("UTC"))
    """The time zone of the days, such as Europe/Berlin. Default: UTC."""
    direction: Literal["inbound", "outbound"] | None = None
    agent: str | None = Field(None, max_length=128)
    trunk: str | None = Field(None, max_length=128)


class DistributionAnswer(Answer):
    count: int
    """How many values there are."""
    mean: float | None
    median: float | None
    p95: float | None
    """95 % of the values are not greater."""

    @classmethod
    def of(cls, found: Distribution) -> "DistributionAnswer":
        mean = None if found.mean is None else round(found.mean, 1)
        return cls(count=found.count, mean=mean, median=found.percentile(50), p95=found.percentile(95))


class FiguresAnswer(Answer):
    """Of ended calls. Each attempt of an outbound call counts as a call."""

    calls: int
    answered: int
    outcomes: dict[str, int]
    """How many calls ended so."""
    talked_s: DistributionAnswer
    """Seconds of the calls that were answered; median and p95 to 1 s."""
    response_ms: DistributionAnswer
    """Milliseconds from the caller's end of speech to the agent's first sound, of all turns; to 10 ms."""
    turns: int
    interruptions: int
    """How often a caller spoke while the agent did."""
    cost: float
    """US dollars."""

    @classmethod
    def of(cls, found: CallFigures) -> "FiguresAnswer":
        return cls(**figures_of(found))


def figures_of(found: CallFigures) -> dict[str, object]:
    return {
        "calls": found.calls,
        "answered": found.answered,
        "outcomes": dict(sorted(found.outcomes.items())),
        "talked_s": DistributionAnswer.of(found.talked),
        "response_ms": DistributionAnswer.of(found.response),
        "turns": found.turns,
        "interruptions": found.interruptions,
        "cost": round(found.cost, 6),
    }


class StatisticsGroup(FiguresAnswer):
    day: date | None
    """null: the calls are grouped by agent or trunk."""
    name: str | None
    """Of the agent or the trunk. null: calls without a trunk, or a day."""


class StatisticsAnswer(Answer):
    since: Moment
    until: Moment
    zone: str
    group: Literal["day", "agent", "trunk"]
    groups: tuple[StatisticsGroup, ...]
    """All days of the period in order; agents and trunks that had calls, those with the most calls first."""
    total: FiguresAnswer
