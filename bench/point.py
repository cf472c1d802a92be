"""One point of the benchmark: N calls, a worker on a core of its own, and then the references under the same load.

Owns the order of a run: start the worker, start the calls one by one, wait, measure, hang up, check what is left.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import processes, references
from bench.callers import Caller, Callers
from bench.provider import Provider
from bench.results import Seen, summary, within_service_level
from bridge import contract
from simulator.ports import free_port
from tests.peers.certificates import Certificate, certificate
from tests.peers.controller import TOKEN, ControllerPeer

LEFT_SECONDS = 2.0
CALLS_AT_ONCE = 10


async def point(calls: int, seconds: float, out: Path, workers: int = 1, *, tls: bool = True) -> dict[str, Any]:
    """One report. The first worker has a core to itself, others share the load's. Raises TimeoutError if they do not
    carry the calls."""
    load, measured = processes.cores()
    os.sched_setaffinity(0, load)
    made = certificate(out) if tls else None
    report = await _conversations(calls, seconds, out, [measured, *[load] * (workers - 1)], made)
    per_call = report["cpu_pct_per_call"]
    report["limit"] = await references.limit(calls, seconds, out, measured, made)
    report["echo"] = await references.echo(calls, seconds, out, measured)
    for name in ("limit", "echo"):
        reference = report[name]
        per_call[name] = reference["cpu_pct_per_call"]
        report[f"cpu_ratio_to_{name}"] = round(per_call["worker"] / per_call[name], 2)
    report["within_service_level"] = within_service_level(report)
    return report


@dataclass(frozen=True, slots=True)
class Worker:
    """One worker process, and the controller's end of its link. `empty`: before its first call."""

    pid: int
    link: ControllerPeer
    empty: processes.Reading


@asynccontextmanager
async def _worker(number: int, calls: int, out: Path, on: set[int], provider: Provider) -> AsyncIterator[Worker]:
    async with ControllerPeer() as link:
        command = ["-m", "bridge.worker", "--name", f"bench{number}", "--controller", link.url]
        command += ["--listen", "127.0.0.1", "--ports", f"{free_port()}", "--advertise", "127.0.0.1"]
        command += ["--capacity", str(calls + 10), "--realtime", "no"]  # as the references
        log = out / ("worker.log" if number == 1 else f"worker{number}.log")
        env = provider.environment | {contract.TOKEN_ENV: TOKEN}
        async with processes.running(*command, log=log, env=env, on=on) as pid:
            await link.until(lambda: link.hellos and link.beats)  # with the first beat its start is over
            yield Worker(pid, link, processes.read(pid))


async def _conversations(
    calls: int, seconds: float, out: Path, cores: list[set[int]], made: Certificate | None
) -> dict[str, Any]:
    async with Provider(certificate=made) as provider, AsyncExitStack() as stack:
        workers = [
            await stack.enter_async_context(_worker(n, calls, out, on, provider)) for n, on in enumerate(cores, 1)
        ]
        callers = Callers()
        spec = _spec(provider.url)
        for first in range(1, calls + 1, CALLS_AT_ONCE):
            some = [Caller(n, provider.heard) for n in range(first, min(first + CALLS_AT_ONCE, calls + 1))]
            await asyncio.gather(*(_begin(one, callers, workers[one.number % len(workers)].link, spec) for one in some))
        await asyncio.sleep(references.SETTLE_SECONDS)
        seen = Seen()
        figures = await _measure([worker.pid for worker in workers], callers, seconds, seen, provider)
        await callers.leave()
        for caller in callers:
            link = workers[caller.number % len(workers)].link
            await link.say(contract.Close(call=str(caller.call), reason="the benchmark is over"))
        report = {"calls": calls, "workers": len(workers), "tls": made is not None, **figures, **summary(seen)}
        await asyncio.sleep(LEFT_SECONDS)
        report["left"] = _left(workers)
        report["worker_lateness_ms"] = max(beat.load.lateness_max_ms for each in workers for beat in each.link.beats)
        empty = sum(worker.empty.rss for worker in workers) / 2**20
        report["rss_mb_per_call"] = round((report["rss_mb"] - empty) / calls, 3)
        return report


async def _begin(caller: Caller, callers: Callers, link: ControllerPeer, spec: contract.SessionSpec) -> None:
    """Begin a call as the controller does: prepare, connect, and greet once frames of silence arrive."""
    call = str(caller.call)
    await link.say(contract.Prepare(call=call, spec=spec))
    await link.event(contract.Ready, call)
    await link.say(contract.ExpectMedia(call=call, media=call, seconds=10))
    await callers.join(caller, "127.0.0.1", link.hellos[-1].port)
    await link.event(contract.MediaConnected, call)
    await link.say(contract.Greet(call=call))


async def _measure(pids: list[int], callers: Callers, seconds: float, seen: Seen, provider: Provider) -> dict[str, Any]:
    before, busy = [processes.read(pid) for pid in (*pids, os.getpid())], processes.busy()
    provider.seen = seen
    await callers.measure(seconds, seen)
    provider.seen = None
    after = [processes.read(pid) for pid in (*pids, os.getpid())]
    ours = sum(now.cpu - then.cpu for then, now in zip(before, after, strict=True))
    *workers, load = map(processes.cpu_percent, before, after)
    calls = len(seen.arrivals)
    return {
        "cpu_pct_per_call": {"worker": round(sum(workers) / calls, 4), "load": round(load / calls, 4)},
        "cpu_pct": [round(percent, 1) for percent in workers],
        "foreign_cpu_pct": round(100 * max(0.0, processes.busy() - busy - ours) / (after[-1].at - before[-1].at), 1),
        "rss_mb": round(sum(reading.rss for reading in after[:-1]) / 2**20, 1),
    }


def _left(workers: list[Worker]) -> dict[str, float]:
    """What the workers still hold after all calls have gone."""
    loads = [worker.link.beats[-1].load for worker in workers]
    now = [processes.read(worker.pid) for worker in workers]
    return {
        "sessions": sum(load.sessions for load in loads),
        "legs": sum(load.legs for load in loads),
        "files": sum(reading.files - worker.empty.files for reading, worker in zip(now, workers, strict=True)),
        "rss_mb": round(sum(r.rss - w.empty.rss for r, w in zip(now, workers, strict=True)) / 2**20, 1),
    }


def _spec(url: str) -> contract.SessionSpec:
    provider = contract.Provider(url=url, api_key="bench")
    return contract.SessionSpec(agent="bench", provider=provider, instructions="Answer.")
