"""How far the mean of some calls says anything about all of them: 95 % confidence intervals. [pure]

Sources: Wilson, "Probable inference, the law of succession, and statistical inference" (1927), for shares; the normal
approximation for means.
"""

import math
from dataclasses import dataclass

FEWEST = 30
"""Calls. With fewer, the normal approximation says too little to be shown."""
Z = 1.96
"""Standard deviations to each side that hold 95 % of a normal distribution."""


@dataclass(frozen=True, slots=True)
class Interval:
    low: float
    high: float


def of_share(count: int, calls: int) -> Interval | None:
    """Of a share of calls, from 0 to 1. None: too few calls."""
    if calls < FEWEST:
        return None
    share, square = count / calls, Z * Z
    middle = (share + square / (2 * calls)) / (1 + square / calls)
    half = Z / (1 + square / calls) * math.sqrt(share * (1 - share) / calls + square / (4 * calls * calls))
    return Interval(max(0.0, middle - half), min(1.0, middle + half))


def of_mean(total: float, squares: float, calls: int, *, counts: bool = False) -> Interval | None:
    """Of a mean that can't be negative. `squares`: the sum of the squares. `counts`: of what was counted, such as
    interruptions: none in 40 calls does not mean that there never will be any. None: too few calls."""
    if calls < FEWEST:
        return None
    mean = total / calls
    variance = max(0.0, squares - total * mean) / (calls - 1)
    if counts:
        variance = max(variance, (total + 2) / calls)
    half = Z * math.sqrt(variance / calls)
    return Interval(max(0.0, mean - half), mean + half)
