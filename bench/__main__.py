"""The load benchmark.

    python -m bench --calls 50 --seconds 15     one point; the last line is JSON
    python -m bench                             points up to the limit of the service level; files in var/bench

    python -m bench --rate                      how many telephone calls a second are set up

With --sip the calls are telephone calls through a real Asterisk, a controller and workers.
"""

import argparse
import json
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import uvloop

from bench import report, sweep
from bench.point import point
from bench.rate import most_calls_a_second
from bench.sip import sip_point


def main() -> int:
    options = _options()
    options.out.mkdir(parents=True, exist_ok=True)
    if options.rate:
        reports = uvloop.run(
            most_calls_a_second(options.out, _show, realtime=not options.no_realtime, tls=not options.no_tls)
        )
        (options.out / "rate.json").write_text(json.dumps(reports, indent=2) + "\n")
        return 0
    if options.calls:
        whole = uvloop.run(_one(options))
        sys.stdout.write(f"{report.remark(whole)}\n{json.dumps(report.line(whole))}\n")
        return 0
    points = uvloop.run(_many(options))
    sys.stdout.write(report.table(points) + "\n")
    report.write(points, options.out)
    sys.stdout.write(f"the whole of it is in {options.out}\n")
    return 0


def _show(report: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(report) + "\n")
    sys.stdout.flush()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--calls", type=int, default=0, help="one point with so many calls")
    parser.add_argument("--seconds", type=float, default=15.0, help="of measuring, per point")
    parser.add_argument("--sip", action="store_true", help="through a real Asterisk")
    parser.add_argument("--rate", action="store_true", help="set up more and more calls a second")
    parser.add_argument("--no-realtime", action="store_true", help="with --sip or --rate: without realtime priority")
    parser.add_argument("--no-tls", action="store_true", help="the Realtime server speaks without TLS")
    parser.add_argument("--workers", type=int, default=1, help="between which the calls are shared")
    parser.add_argument("--repeat", type=int, default=1, help="of each point the median of so many runs, by CPU")
    parser.add_argument("--again", type=int, default=sweep.AGAIN, help="how often a disturbed run is done again")
    parser.add_argument("--out", type=Path, default=Path("var/bench").resolve())
    return parser.parse_args()


def _measured(calls: int, options: argparse.Namespace) -> Coroutine[Any, Any, dict[str, Any]]:
    given, tls = (calls, options.seconds, options.out, options.workers), not options.no_tls
    if options.sip:
        return sip_point(*given, realtime=not options.no_realtime, tls=tls)
    return point(*given, tls=tls)


async def _one(options: argparse.Namespace) -> dict[str, Any]:
    whole = await sweep.median(lambda: _measured(options.calls, options), options.repeat, options.again)
    (options.out / "point.json").write_text(json.dumps(whole, indent=2) + "\n")
    return whole


async def _many(options: argparse.Namespace) -> list[dict[str, Any]]:
    def tell(whole: dict[str, Any]) -> None:
        sys.stderr.write(f"{report.remark(whole)}\n{json.dumps(report.line(whole))}\n")

    def measured(calls: int) -> Coroutine[Any, Any, dict[str, Any]]:
        return sweep.median(lambda: _measured(calls, options), options.repeat, options.again)

    return await sweep.sweep(measured, tell)


if __name__ == "__main__":
    sys.exit(main())
