"""Answers, and parts of requests: statistics. Made from the OpenAPI document (`make reference`). [pure]"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from voiceai_client.decoding import Model


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class DistributionAnswer(Model):
    count: int
    """How many values there are."""
    mean: float | None
    median: float | None
    p95: float | None
    """95 % of the values are not greater."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class FiguresAnswer(Model):
    """Of ended calls. Each attempt of an outbound call counts as a call."""

    calls: int
    answered: int
    outcomes: Mapping[str, int]
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


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class StatisticsGroup(FiguresAnswer):
    day: str | None
    """null: the calls are grouped by agent or trunk."""
    name: str | None
    """Of the agent or the trunk. null: calls without a trunk, or a day."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class StatisticsAnswer(Model):
    since: datetime
    until: datetime
    zone: str
    group: Literal["day", "agent", "trunk"] | str
    groups: tuple[StatisticsGroup, ...]
    """All days of the period in order; agents and trunks that had calls, those with the most calls first."""
    total: FiguresAnswer
