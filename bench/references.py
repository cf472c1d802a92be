"""What a worker is compared with: the same callers on an echo, and on the leanest bridge, in the same run.

CPU seconds vary between machines and from hour to hour; ratios vary much less.
"""

import asyncio
from pathlib import Path
from typing import Any

from bench import processes
from bench.callers import Caller, Callers
from bench.provider import Provider
from bench.results import Seen, summary
from simulator.ports import free_port
from tests.peers.certificates import Certificate

ECHO_SECONDS = 8.0
SETTLE_SECONDS = 4.0
"""Seconds until every caller's conversation has begun."""


async def echo(calls: int, seconds: float, out: Path, on: set[int]) -> dict[str, Any]:
    """A bare AudioSocket echo (`bench.echo`): one read and one write for a frame."""
    port, callers, seen = free_port(), Callers(), Seen()
    async with processes.running("-m", "bench.echo", str(port), log=out / "echo.log", on=on) as pid:
        await _listening(port)
        for number in range(1, calls + 1):
            await callers.join(Caller(number, lambda *_: None), "127.0.0.1", port)
        await asyncio.sleep(1)
        percent = await _measured(pid, callers, min(seconds, ECHO_SECONDS), seen) / calls
        await callers.leave()
    return {"cpu_pct_per_call": round(percent, 4), "gap_ms": summary(seen)["gap_ms"]}


async def limit(calls: int, seconds: float, out: Path, on: set[int], certificate: Certificate | None) -> dict[str, Any]:
    """The leanest bridge (`bench.limit`), in the same conversation as the worker."""
    port, callers, seen = free_port(), Callers(), Seen()
    async with Provider(certificate=certificate) as provider:
        arguments = ("-m", "bench.limit", str(port), provider.url)
        async with processes.running(*arguments, log=out / "limit.log", env=provider.environment, on=on) as pid:
            await _listening(port)
            for number in range(1, calls + 1):
                await callers.join(Caller(number, provider.heard), "127.0.0.1", port)
            await asyncio.sleep(SETTLE_SECONDS)
            provider.seen = seen
            percent = await _measured(pid, callers, seconds, seen) / calls
            provider.seen = None
            await callers.leave()
    return {"cpu_pct_per_call": round(percent, 4), **summary(seen)}


async def _measured(pid: int, callers: Callers, seconds: float, seen: Seen) -> float:
    """Percent of one core."""
    before = processes.read(pid)
    await callers.measure(seconds, seen)
    return processes.cpu_percent(before, processes.read(pid))


async def _listening(port: int) -> None:
    async with asyncio.timeout(5):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionRefusedError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return
