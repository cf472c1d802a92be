"""Reports for people and programs: one line of JSON, a table, plots.

Owns the choice of what is shown. Everything that was measured is in report.json.
"""

import json
from pathlib import Path
from typing import Any

Report = dict[str, Any]

_COLUMNS = (
    ("calls", "calls"),
    ("CPU % per call", "cpu_pct_per_call.worker"),
    ("× echo", "cpu_ratio_to_echo"),
    ("gap p50 ms", "gap_ms.p50"),
    ("gap p99 ms", "gap_ms.p99"),
    ("gap max ms", "gap_ms.max"),
    ("burst", "burst_max"),
    ("lost", "lost"),
    ("first audio p50 ms", "first_audio_ms.p50"),
    ("barge-in p99 ms", "barge_in_ms.p99"),
    ("truncation error ms", "truncation_error_ms.max"),
    ("RSS MB", "rss_mb"),
    ("holds", "within_service_level"),
)


def line(report: Report) -> Report:
    """The short form: `first_audio_ms` is the median, `barge_in_ms` the 99th percentile, the error the largest."""
    shown = {
        "calls": report["calls"],
        "cpu_pct_per_call": report["cpu_pct_per_call"],
        "gap_ms": {name: report["gap_ms"][name] for name in ("p50", "p99", "max")},
        "frames_per_second": report["frames_per_second"],
        "lost": report["lost"],
        "rss_mb": report["rss_mb"],
        "foreign_cpu_pct": report["foreign_cpu_pct"],
        "within_service_level": report["within_service_level"],
    }
    if "echo" not in report:
        return shown | {"cpu_ratio_to_asterisk": report["cpu_ratio_to_asterisk"]}
    return shown | {
        "cpu_ratio_to_echo": report["cpu_ratio_to_echo"],
        "burst_max": report["burst_max"],
        "first_audio_ms": report["first_audio_ms"]["p50"],
        "barge_in_ms": report["barge_in_ms"]["p99"],
        "truncation_error_ms": report["truncation_error_ms"]["max"],
    }


def table(reports: list[Report]) -> str:
    """Markdown."""
    rows = [[_cell(report, path) for _, path in _COLUMNS] for report in reports]
    head = ["| " + " | ".join(title for title, _ in _COLUMNS) + " |", "|" + "---|" * len(_COLUMNS)]
    return "\n".join([*head, *("| " + " | ".join(row) + " |" for row in rows)])


def _cell(report: Report, path: str) -> str:
    value: Any = report
    for key in path.split("."):
        value = value[key]
    return {True: "yes", False: "no", None: "–"}.get(value, str(value)) if not isinstance(value, int | float) or (
        isinstance(value, bool)
    ) else f"{value:g}"


def write(reports: list[Report], out: Path) -> None:
    """report.json, report.md and, where matplotlib is installed, the plots."""
    (out / "report.json").write_text(json.dumps(reports, indent=2) + "\n")
    (out / "report.md").write_text(table(reports) + "\n")
    for name, title, lines in (
        ("cpu", "CPU of one core per call, %", {"worker": "cpu_pct_per_call.worker", "bare echo": "echo.cpu_pct_per_call"}),
        ("gap", "time between two frames of a call, ms", {"p99": "gap_ms.p99", "max": "gap_ms.max"}),
        ("reaction", "ms", {"first audio, p99": "first_audio_ms.p99", "barge-in, p99": "barge_in_ms.p99"}),
    ):
        _plot(reports, title, lines, out / name)


def _plot(reports: list[Report], title: str, lines: dict[str, str], path: Path) -> None:
    pass
