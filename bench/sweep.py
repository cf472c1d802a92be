"""Which points are measured: more and more calls until the service level ends, then between the last two.

Owns the choice of the next point and of the run that stands for several.
"""

from collections.abc import Awaitable, Callable
from typing import Any

STEPS = (10, 25, 50, 100, 150, 200, 300, 400)
NEAR = 10
"""The largest number of calls within the service level is found to this many calls."""
NOISE_PERCENT = 5.0
"""Share of a core that other processes may use; with more, a run is repeated."""
AGAIN = 2

Report = dict[str, Any]


async def sweep(measure: Callable[[int], Awaitable[Report]], tell: Callable[[Report], None]) -> list[Report]:
    """All reports, by number of calls."""
    reports: dict[int, Report] = {}
    calls = following({})
    while calls is not None:
        reports[calls] = await measure(calls)
        tell(reports[calls])
        calls = following({count: each["within_service_level"] for count, each in reports.items()})
    return [reports[count] for count in sorted(reports)]


def following(known: dict[int, bool]) -> int | None:
    """The next number of calls to measure; None: the limit is found."""
    broken = min((calls for calls, held in known.items() if not held), default=None)
    if broken is None:
        return next((step for step in STEPS if step not in known), None)
    held = max((calls for calls in known if calls < broken), default=0)
    middle = (held + broken) // 2 // NEAR * NEAR
    return middle if middle > held and middle not in known else None


async def median(measure: Callable[[], Awaitable[Report]], repeat: int, again: int = AGAIN) -> Report:
    """The run whose CPU is the median; runs that other processes disturbed are done again, `again` times at most."""
    runs = []
    for _ in range(repeat):
        run = await measure()
        for _ in range(again):
            if run["foreign_cpu_pct"] <= NOISE_PERCENT:
                break
            run = await measure()
        runs.append(run)
    runs.sort(key=lambda each: float(each["cpu_pct_per_call"]["worker"]))
    return runs[(len(runs) - 1) // 2]
