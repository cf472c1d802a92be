"""What was measured, as tables and plots.

Owns the choice of what is shown. Everything is in the JSON file of each rig.
"""

import json
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from bench.report import Report, value_at

COLUMNS = (
    ("", "stage"),
    ("claims/s", "takes_per_second"),
    ("calls at once", "at_once"),
    ("take p50 ms", "take_ms.p50"),
    ("p99", "take_ms.p99"),
    ("max", "take_ms.max"),
    ("release p50 ms", "release_ms.p50"),
    ("p99", "release_ms.p99"),
    ("refused", "refused"),
    ("by share", "by_share"),
    ("over the limit", "over"),
    ("at most", "over_bound"),
    ("for s", "over_s"),
    ("asked again after s", "up_again_s"),
    ("Valkey, % of a core", "server_cpu_pct"),
    ("µs a step", "step_us"),
    ("all nodes, % of a core", "nodes_cpu_pct"),
    ("exact", "exact"),
    ("slots left", "slots_left"),
)


def write(rig: str, reports: list[Report], out: Path) -> None:
    """`<rig>.json`; of thin nodes also `<rig>.md`, and plots."""
    (out / f"{rig}.json").write_text(json.dumps(reports, indent=2) + "\n")
    if any("takes_per_second" in each for each in reports):
        (out / f"{rig}.md").write_text(table(reports) + "\n")
    if rates := [each for each in reports if "starts/s" in each["stage"]]:
        _rates(rates, out / "cluster-take.svg")
    every = [each for path in sorted(out.glob("*.json")) for each in json.loads(path.read_text())]
    if faults := [each for each in every if "up_again_s" in each]:
        _faults(faults, out / "cluster-faults.svg")


def table(reports: list[Report]) -> str:
    """Markdown, without the columns that nothing has."""
    shown = [(title, path) for title, path in COLUMNS if any(value_at(each, path) is not None for each in reports)]
    rows = [[_cell(value_at(report, path)) for _, path in shown] for report in reports]
    head = ["| " + " | ".join(title for title, _ in shown) + " |", "|" + "---|" * len(shown)]
    return "\n".join([*head, *("| " + " | ".join(row) + " |" for row in rows)])


def _rates(reports: list[Report], path: Path) -> None:
    """How long a call waited for its slots, at each rate."""
    figure = Figure(figsize=(7, 4), layout="constrained")
    axes = figure.subplots()
    rates = [int(each["stage"].split()[0]) for each in reports]
    for name in ("p50", "p99", "p999"):
        axes.plot(rates, [each["take_ms"][name] for each in reports], marker="o", label=f"take, {name}")
    axes.plot(rates, [each["release_ms"]["p99"] for each in reports], marker="o", linestyle="--", label="release, p99")
    axes.set(xlabel="calls that begin a second", ylabel="ms", ylim=(0, None), xlim=(0, None))
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path)


def _faults(reports: list[Report], path: Path) -> None:
    """How long it took until all nodes asked the server again."""
    figure = Figure(figsize=(7, 0.6 + 0.45 * len(reports)), layout="constrained")
    axes = figure.subplots()
    names = [each["stage"] for each in reports]
    axes.barh(names, [each["fault_s"] for each in reports], color="tab:red", label="the fault lasts")
    rest = [max(0.0, each["up_again_s"] - each["fault_s"]) for each in reports]
    axes.barh(names, rest, left=[each["fault_s"] for each in reports], label="until all nodes ask the server again")
    axes.set(xlabel="seconds")
    axes.invert_yaxis()
    axes.legend()
    figure.savefig(path)


def _cell(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: "–"}[value]
    return value if isinstance(value, str) else f"{value:g}"
