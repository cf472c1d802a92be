"""Answers, and parts of requests: statistics. Made from the OpenAPI document (`make reference`). [pure]"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from voiceai_client.decoding import Model


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class DistributionAnswer(Model):
    count: int
    """The number of values."""
    mean: float | None
    median: float | None
    p95: float | None
    """The 95th percentile."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class FiguresAnswer(Model):
    """Figures of ended calls. Each attempt of an outbound call counts as a call."""

    calls: int
    answered: int
    outcomes: Mapping[str, int]
    """The number of calls by outcome."""
    talked_s: DistributionAnswer
    """Seconds of the calls that were answered; median and p95 to 1 s."""
    response_ms: DistributionAnswer
    """Response time in milliseconds: from the end of the caller's speech to the first audio of the agent, of all
    turns, rounded to 10 ms."""
    turns: int
    interruptions: int
    """The number of interruptions of the agent by callers."""
    cost: float
    """US dollars."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class StatisticsGroup(FiguresAnswer):
    day: str | None
    """null: the calls are grouped by agent or trunk."""
    name: str | None
    """The name of the agent or trunk. null: calls without a trunk, or the group is a day."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class StatisticsAnswer(Model):
    since: datetime
    until: datetime
    zone: str
    group: Literal["day", "agent", "trunk"] | str
    groups: tuple[StatisticsGroup, ...]
    """All days of the period in order, or the agents or trunks with calls, those with the most calls first."""
    total: FiguresAnswer
