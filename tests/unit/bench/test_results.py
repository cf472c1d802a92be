"""The benchmark's arithmetic: percentiles, bursts, the service level, the choice of points, the report."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from bench import report
from bench.results import Seen, longest_burst, rank, summary, within_service_level
from bench.sweep import following, median


def seen(arrivals: Sequence[float] = ()) -> Seen:
    every = list(arrivals) or [each * 0.02 for each in range(500)]
    return Seen(arrivals=[every], first_audio=[0.003], barge_in=[0.0], truncation_error=[0.0])


@pytest.mark.parametrize(("share", "expected"), [(0.5, 50.0), (0.99, 99.0), (0.999, 100.0), (1.0, 100.0), (0.001, 1.0)])
def test_a_rank_is_a_value_that_was_measured(share: float, expected: float) -> None:
    assert rank([float(each) for each in range(100, 0, -1)], share) == expected
    assert rank([], share) is None


@pytest.mark.parametrize(
    ("times", "longest"),
    [((), 0), ((1.0,), 1), ((0.0, 0.02, 0.04), 1), ((0.0, 0.02, 0.021, 0.022, 0.06), 3), ((0.0, 0.0, 0.02, 0.02), 2)],
)
def test_the_longest_burst(times: tuple[float, ...], longest: int) -> None:
    assert longest_burst(times) == longest


def test_an_even_call_is_within_the_service_level() -> None:
    figures = summary(seen())
    assert figures["gap_ms"] == {"p50": 20.0, "p99": 20.0, "p999": 20.0, "max": 20.0}
    assert figures["frames_per_second"] == 50.0
    assert within_service_level(figures)


@pytest.mark.parametrize("fault", ["lost_up", "lost_down", "doubled_up", "doubled_down", "crossed", "refused"])
def test_one_fault_is_one_too_many(fault: str) -> None:
    bad = seen()
    setattr(bad, fault, 1)
    assert not within_service_level(summary(bad))


@pytest.mark.parametrize(
    "arrivals",
    [
        [each * 0.021 for each in range(500)],  # slower than real time
        [each * 0.02 + 0.03 * (each % 50 == 0) for each in range(500)],  # gaps
        [each // 4 * 0.08 for each in range(500)],  # bursts
    ],
)
def test_uneven_calls_are_not(arrivals: list[float]) -> None:
    assert not within_service_level(summary(seen(arrivals)))


def test_points_grow_until_one_breaks_and_then_close_in() -> None:
    known: dict[int, bool] = {}
    while (calls := following(known)) is not None:
        known[calls] = calls <= 130
    assert sorted(known) == [10, 25, 50, 100, 120, 130, 140, 150]


async def test_a_disturbed_run_is_done_again_and_the_median_stands_for_all() -> None:
    runs = iter([(1.0, 9.0), (2.0, 0.0), (5.0, 0.0), (3.0, 0.0)])

    async def measure() -> dict[str, Any]:
        cpu, foreign = next(runs)
        return {"foreign_cpu_pct": foreign, "cpu_pct_per_call": {"worker": cpu}}

    assert (await median(measure, 3))["cpu_pct_per_call"]["worker"] == 3.0


def test_what_is_written(tmp_path: Path) -> None:
    whole = {
        "calls": 10,
        "cpu_pct_per_call": {"worker": 0.5},
        "cpu_ratio_to_echo": 4.2,
        "echo": {"cpu_pct_per_call": 0.1},
        "cpu_ratio_to_limit": 1.4,
        "limit": {"cpu_pct_per_call": 0.35},
        "rss_mb": 70.0,
        "foreign_cpu_pct": 3.5,
        "within_service_level": True,
        **summary(seen()),
    }
    report.write([whole], tmp_path)
    assert (
        "| 10 | 0.5 | 1.4 | 4.2 | 20 | 20 | 20 | 1 | 0 | 3 | 0 | 0 | 70 | yes |" in (tmp_path / "report.md").read_text()
    )
    assert {path.name for path in tmp_path.iterdir()} == {
        "report.json",
        "report.md",
        "cpu.svg",
        "gap.svg",
        "reaction.svg",
    }
    assert report.line(whole)["first_audio_ms"] == 3.0
    told = "10 calls: 1.4 × the leanest bridge; within the service level; other processes took 3.5 % of a core"
    assert report.remark(whole) == told
