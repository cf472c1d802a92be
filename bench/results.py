"""What one run has measured, and the figures computed from it. [pure]

Owns the counts and times that the load takes, and their summary: percentiles by rank, in milliseconds.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

FRAME_MS = 20.0
LUMP_S = 0.008
"""Frames of one call that arrive closer together than this are a burst."""


@dataclass
class Seen:
    """Everything that happened between `begin` and `end`. Times are seconds of one monotonic clock."""

    frames_up: int = 0
    """Of the callers, as the AI got them."""
    lost_up: int = 0
    doubled_up: int = 0
    filled_up: int = 0
    """Frames of silence that the worker inserted where none had arrived."""
    frames_down: int = 0
    """Of the agent, as the callers got them."""
    lost_down: int = 0
    doubled_down: int = 0
    crossed: int = 0
    """Frames of one call that arrived in another."""
    first_audio: list[float] = field(default_factory=list)
    """First delta sent to first frame at the caller."""
    barge_in: list[float] = field(default_factory=list)
    """`speech_started` sent to the last frame of the agent's at the caller."""
    truncation_error: list[float] = field(default_factory=list)
    """Milliseconds between what the worker reports as heard and what was heard."""
    interruptions: int = 0
    truncations: int = 0
    refused: int = 0
    """Events of the worker that a Realtime server would refuse."""
    arrivals: list[list[float]] = field(default_factory=list)
    """Of every frame, by call."""
    late: list[float] = field(default_factory=list)
    """Delay of the load generator itself at each 20 ms step."""


def summary(seen: Seen) -> dict[str, Any]:
    """The part of a report that needs no figures of processes."""
    gaps = [(b - a) * 1000 for times in seen.arrivals for a, b in pairwise(times)]
    spans = [times[-1] - times[0] for times in seen.arrivals if len(times) > 1]
    rates = [(len(times) - 1) / (times[-1] - times[0]) for times in seen.arrivals if len(times) > 1]
    return {
        "gap_ms": spread(gaps, p999=True),
        "frames_per_second": round(sum(rates) / len(rates), 2) if rates else 0.0,
        "realtime_ratio": spread_of_ratio(rates),
        "seconds": round(max(spans, default=0.0), 1),
        "lost": seen.lost_up + seen.lost_down,
        "doubled": seen.doubled_up + seen.doubled_down,
        "crossed": seen.crossed,
        "filled": seen.filled_up,
        "frames": {"up": seen.frames_up, "down": seen.frames_down},
        "burst_max": max(map(longest_burst, seen.arrivals), default=0),
        "first_audio_ms": spread([value * 1000 for value in seen.first_audio]),
        "barge_in_ms": spread([value * 1000 for value in seen.barge_in]),
        "truncation_error_ms": spread(seen.truncation_error),
        "interruptions": seen.interruptions,
        "truncations": seen.truncations,
        "refused": seen.refused,
        "load_late_ms": spread([value * 1000 for value in seen.late]),
    }


def spread(values: Sequence[float], p999: bool = False) -> dict[str, float | None]:
    ranks = {"p50": 0.5, "p99": 0.99} | ({"p999": 0.999} if p999 else {}) | {"max": 1.0}
    return {name: rank(values, share) for name, share in ranks.items()}


def rank(values: Sequence[float], share: float) -> float | None:
    """The value that `share` of all do not exceed, to the hundredth; None of none."""
    if not values:
        return None
    ordered = sorted(values)
    return round(ordered[max(0, min(len(ordered) - 1, -int(-len(ordered) * share // 1) - 1))], 2)


def spread_of_ratio(rates: Sequence[float]) -> dict[str, float]:
    """The slowest and the fastest call against 50 frames a second."""
    ratios = [rate * FRAME_MS / 1000 for rate in rates] or [0.0]
    return {"min": round(min(ratios), 4), "max": round(max(ratios), 4)}


def longest_burst(times: Sequence[float]) -> int:
    """The most frames in a row of which each came within `LUMP_S` of the one before; 1: there is none."""
    longest = run = 1 if times else 0
    for a, b in pairwise(times):
        run = run + 1 if b - a < LUMP_S else 1
        longest = max(longest, run)
    return longest


def within_service_level(report: dict[str, Any]) -> bool:
    """Gap p99 at most 25 ms, no burst over 3, nothing lost, doubled or crossed, 50 frames a second."""
    p99 = report["gap_ms"]["p99"]
    return (
        p99 is not None
        and p99 <= 25
        and report["burst_max"] <= 3
        and report["lost"] == report["doubled"] == report["crossed"] == report["refused"] == 0
        and report["realtime_ratio"]["min"] >= 0.99
        and report["realtime_ratio"]["max"] <= 1.01
    )
