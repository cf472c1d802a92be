"""Reports for people and programs: one line of JSON, a table, plots.

Owns the choice of what is shown. Everything that was measured is in report.json.
"""

import json
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

Report = dict[str, Any]

_COLUMNS = (
    ("calls", "calls"),
    ("CPU % per call", "cpu_pct_per_call.worker"),
    ("× limit", "cpu_ratio_to_limit"),
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


def remark(report: Report) -> str:
    """What a reader must know to judge the line."""
    against = f"{report['cpu_ratio_to_limit']:g} × the leanest bridge; " if "limit" in report else ""
    held = "within" if report["within_service_level"] else "NOT within"
    foreign = f"other processes took {report['foreign_cpu_pct']:g} % of a core"
    return f"{report['calls']} calls: {against}{held} the service level; {foreign}"


def table(reports: list[Report]) -> str:
    """Markdown."""
    rows = [[_cell(report, path) for _, path in _COLUMNS] for report in reports]
    head = ["| " + " | ".join(title for title, _ in _COLUMNS) + " |", "|" + "---|" * len(_COLUMNS)]
    return "\n".join([*head, *("| " + " | ".join(row) + " |" for row in rows)])


def write(reports: list[Report], out: Path) -> None:
    """report.json, report.md and the plots."""
    (out / "report.json").write_text(json.dumps(reports, indent=2) + "\n")
    (out / "report.md").write_text(table(reports) + "\n")
    for name, (title, lines) in _PLOTS.items():
        _plot(reports, title, lines, out / f"{name}.svg")


_PLOTS = {
    "cpu": (
        "CPU of one core per call, %",
        {
            "worker": "cpu_pct_per_call.worker",
            "leanest bridge": "limit.cpu_pct_per_call",
            "bare echo": "echo.cpu_pct_per_call",
            "Asterisk": "cpu_pct_per_call.asterisk",
        },
    ),
    "gap": ("time between two frames of a call, ms", {"p99": "gap_ms.p99", "longest": "gap_ms.max"}),
    "reaction": ("ms", {"first audio, p99": "first_audio_ms.p99", "barge-in, p99": "barge_in_ms.p99"}),
}


def _plot(reports: list[Report], title: str, lines: dict[str, str], path: Path) -> None:
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    for label, key in lines.items():
        points = [(report["calls"], value_at(report, key)) for report in reports if value_at(report, key) is not None]
        if points:
            axes.plot(*zip(*points, strict=True), marker="o", label=label)
    axes.set(xlabel="calls", ylabel=title, ylim=(0, None))
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path)


def value_at(report: Report, path: str) -> Any:
    """What stands at a dotted path; None where this kind of report does not have it."""
    value: Any = report
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _cell(report: Report, path: str) -> str:
    value = value_at(report, path)
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "–"}[value]
    return f"{value:g}"
