"""The benchmark of several nodes: results in var/bench-cluster, as JSON, tables and a plot.

    python -m bench.cluster                             all rigs, 10,000 slots on 60 thin nodes
    python -m bench.cluster --calls 200 --nodes 6 --rates 20,40 --seconds 2 healthy
    python -m bench.cluster control                     real controllers, verbs through a random one

`healthy`, `failing` and `cut-off` are of the rig "engine". What each reports: docs/measurements.md.
"""

import argparse
import json
import sys
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

import uvloop

from bench.cluster import control, engine, report

Rig = Callable[[argparse.Namespace, Callable[[dict[str, Any]], None]], Coroutine[Any, Any, None]]


def main() -> int:
    options = _options()
    options.out.mkdir(parents=True, exist_ok=True)
    for name in options.rigs or RIGS:
        reports: list[dict[str, Any]] = []
        try:
            uvloop.run(RIGS[name](options, partial(_tell, reports)))
        finally:
            report.write(name, reports, options.out)
    return 0


def _tell(reports: list[dict[str, Any]], told: dict[str, Any]) -> None:
    reports.append(told)
    sys.stdout.write(json.dumps(told) + "\n")
    sys.stdout.flush()


def _size(options: argparse.Namespace) -> engine.Size:
    return engine.Size(
        *(options.calls, options.nodes, options.processes, [int(each) for each in options.rates.split(",")]),
        *(options.seconds, options.before, options.after, options.emptied),
    )


RIGS: dict[str, Rig] = {
    "healthy": lambda options, tell: engine.healthy(_size(options), options.out, tell),
    "failing": lambda options, tell: engine.failing(_size(options), options.out, tell),
    "cut-off": lambda options, tell: engine.cut_off(_size(options), options.out, tell, options.cut),
    "control": lambda options, tell: control.control(
        control.Size(options.controllers, options.held, options.rate, options.seconds, options.death), options.out, tell
    ),
}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench.cluster", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rigs", nargs="*", metavar="RIG", help=f"of {', '.join(RIGS)}; default: all")
    parser.add_argument("--out", type=Path, default=Path("var/bench-cluster").resolve())
    parser.add_argument("--seconds", type=float, default=20.0, help="of a rate, and of verbs")
    usual, held = engine.Size(), control.Size()
    thin, real = parser.add_argument_group("thin nodes"), parser.add_argument_group("control")
    thin.add_argument("--calls", type=int, default=usual.calls, help="the limit, and as many slots are taken")
    thin.add_argument("--nodes", type=int, default=usual.nodes)
    thin.add_argument("--processes", type=int, default=usual.processes, help="between which they are shared")
    thin.add_argument("--rates", default=",".join(map(str, usual.rates)), help="calls that begin a second")
    thin.add_argument("--before", type=float, default=usual.before_s, help="seconds before a fault")
    thin.add_argument("--after", type=float, default=usual.after_s, help="seconds after one is over")
    thin.add_argument("--emptied", type=int, default=usual.emptied, help="how often the server is")
    thin.add_argument("--cut", type=float, default=10.0, help="seconds for which nodes are cut off")
    real.add_argument("--controllers", type=int, default=held.nodes)
    real.add_argument("--held", type=int, default=held.calls, help="calls at once")
    real.add_argument("--rate", type=float, default=held.rate, help="callers a second")
    real.add_argument("--no-death", dest="death", action="store_false", help="no node is killed")
    options = parser.parse_args()
    if wrong := set(options.rigs) - set(RIGS):
        parser.error(f"there is no rig {', '.join(sorted(wrong))}")
    if not 1 <= options.processes <= options.nodes:
        parser.error("each process needs a node at least")
    return options


if __name__ == "__main__":
    sys.exit(main())
