"""One point of the benchmark: N calls, one worker on a core of its own, and then the references under the same load.

Owns the order of a run: worker up, calls up one by one, everything steady, measure, hang up, look what is left.
"""

import asyncio
import os
from pathlib import Path
from typing import Any

from bench import processes, references
from bench.callers import Caller, Callers
from bench.provider import Provider
from bench.results import Seen, summary, within_service_level
from bridge import contract
from demo.ports import free_port
from tests.peers.controller import TOKEN, ControllerPeer

LEFT_SECONDS = 2.0
CALLS_AT_ONCE = 10


async def point(calls: int, seconds: float, out: Path, worker: tuple[str, ...] = ()) -> dict[str, Any]:
    """One report. `worker`: further arguments for the worker. Raises TimeoutError if it does not carry the calls."""
    load, measured = processes.cores()
    os.sched_setaffinity(0, load)
    report = await _conversations(calls, seconds, out, measured, worker)
    per_call = report["cpu_pct_per_call"]
    for name, measure in (("limit", references.limit), ("echo", references.echo)):
        reference = report[name] = await measure(calls, seconds, out, measured)
        per_call[name] = reference["cpu_pct_per_call"]
        report[f"cpu_ratio_to_{name}"] = round(per_call["worker"] / per_call[name], 2)
    report["within_service_level"] = within_service_level(report)
    return report


async def _conversations(
    calls: int, seconds: float, out: Path, on: set[int], arguments: tuple[str, ...]
) -> dict[str, Any]:
    provider = Provider()
    async with provider, ControllerPeer() as link:
        command = ["-m", "bridge.worker", "--name", "bench", "--controller", link.url, "--listen", "127.0.0.1"]
        command += [
            "--ports",
            f"{free_port()}",
            "--advertise",
            "127.0.0.1",
            "--capacity",
            str(calls + 10),
            *arguments,
        ]
        env = {contract.TOKEN_ENV: TOKEN}
        async with processes.running(*command, log=out / "worker.log", env=env, on=on) as pid:
            await link.until(lambda: link.hellos)
            empty = processes.read(pid)
            callers = Callers()
            spec = _spec(provider.url)
            for first in range(1, calls + 1, CALLS_AT_ONCE):
                some = range(first, min(first + CALLS_AT_ONCE, calls + 1))
                await asyncio.gather(*(_begin(Caller(n, provider.heard), callers, link, spec) for n in some))
            await asyncio.sleep(references.SETTLE_SECONDS)
            seen = Seen()
            figures = await _measure(pid, callers, seconds, seen, provider)
            await callers.leave()
            for caller in callers:
                await link.say(contract.Close(call=str(caller.call), reason="the benchmark is over"))
            report = {"calls": calls, **figures, **summary(seen)}
            await asyncio.sleep(LEFT_SECONDS)
            report["left"] = _left(empty, processes.read(pid), link)
            report["worker_lateness_ms"] = max(beat.load.lateness_max_ms for beat in link.beats)
            report["rss_mb_per_call"] = round((report["rss_mb"] - empty.rss / 2**20) / calls, 3)
            return report


async def _begin(caller: Caller, callers: Callers, link: ControllerPeer, spec: contract.SessionSpec) -> None:
    """As the controller does it: prepare, connect, and greet when silence flows."""
    call = str(caller.call)
    await link.say(contract.Prepare(call=call, spec=spec))
    await link.event(contract.Ready, call)
    await callers.join(caller, "127.0.0.1", link.hellos[-1].port)
    await link.event(contract.MediaConnected, call)
    await link.say(contract.Greet(call=call))


async def _measure(pid: int, callers: Callers, seconds: float, seen: Seen, provider: Provider) -> dict[str, Any]:
    before, busy, me = processes.read(pid), processes.busy(), processes.read(os.getpid())
    provider.seen = seen
    await callers.measure(seconds, seen)
    provider.seen = None
    after, mine = processes.read(pid), processes.read(os.getpid())
    ours = after.cpu - before.cpu + mine.cpu - me.cpu
    calls = len(seen.arrivals)
    return {
        "cpu_pct_per_call": {
            "worker": round(processes.cpu_percent(before, after) / calls, 4),
            "load": round(processes.cpu_percent(me, mine) / calls, 4),
        },
        "foreign_cpu_pct": round(100 * max(0.0, processes.busy() - busy - ours) / (after.at - before.at), 1),
        "rss_mb": round(after.rss / 2**20, 1),
    }


def _left(empty: processes.Reading, now: processes.Reading, link: ControllerPeer) -> dict[str, float]:
    """What the worker still holds after all calls have gone."""
    load = link.beats[-1].load
    return {
        "sessions": load.sessions,
        "legs": load.legs,
        "files": now.files - empty.files,
        "rss_mb": round((now.rss - empty.rss) / 2**20, 1),
    }


def _spec(url: str) -> contract.SessionSpec:
    provider = contract.Provider(url=url, api_key="bench")
    return contract.SessionSpec(agent="bench", provider=provider, instructions="Answer.")
