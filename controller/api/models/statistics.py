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
    """The number of values."""
    mean: float | None
    median: float | None
    p95: float | None
    """The 95th percentile."""

    @classmethod
    def of(cls, found: Distribution) -> "DistributionAnswer":
        mean = None if found.mean is None else round(found.mean, 1)
        return cls(count=found.count, mean=mean, median=found.percentile(50), p95=found.percentile(95))


class FiguresAnswer(Answer):
    """Figures of ended calls. Each attempt of an outbound call counts as a call."""

    calls: int
    answered: int
    outcomes: dict[str, int]
    """The number of calls by outcome."""
    talked_s: DistributionAnswer
    """Seconds of the calls that were answered; median and p95 to 1 s."""
    response_ms: DistributionAnswer
    """Response time in milliseconds: from the end of the caller's speech to the first audio of the agent, of all turns,
    rounded to 10 ms."""
    turns: int
    interruptions: int
    """The number of interruptions of the agent by callers."""
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
    """The name of the agent or trunk. null: calls without a trunk, or the group is a day."""


class StatisticsAnswer(Answer):
    since: Moment
    until: Moment
    zone: str
    group: Literal["day", "agent", "trunk"]
    groups: tuple[StatisticsGroup, ...]
    """All days of the period in order, or the agents or trunks with calls, those with the most calls first."""
    total: FiguresAnswer
