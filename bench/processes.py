"""The processes that are measured: they run on a core of their own; this module reads what they used of it.

Owns starting and ending them, and reading /proc. Linux only.
"""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic

TICKS = os.sysconf("SC_CLK_TCK")
STOP_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Reading:
    """Of one process: CPU seconds since it began, resident memory in bytes, open files, and when it was read."""

    cpu: float
    rss: int
    files: int
    at: float


def read(pid: int) -> Reading:
    """Raises OSError when there is no such process."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    cpu = (int(fields[11]) + int(fields[12])) / TICKS
    rss = int(fields[21]) * os.sysconf("SC_PAGE_SIZE")
    return Reading(cpu, rss, len(os.listdir(f"/proc/{pid}/fd")), monotonic())


def cpu_percent(before: Reading, after: Reading) -> float:
    """Of one core."""
    return 100 * (after.cpu - before.cpu) / (after.at - before.at)


def busy() -> float:
    """CPU seconds of all cores and processes of this machine, stolen time included."""
    user, nice, system, _idle, _wait, irq, softirq, steal = map(int, Path("/proc/stat").read_text().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / TICKS


def cores() -> tuple[set[int], set[int]]:
    """(for the load, for what is measured). With one core both are the same, and the figures are worth little."""
    every = sorted(os.sched_getaffinity(0))
    return (set(every[:1]), set(every[1:2])) if len(every) > 1 else (set(every), set(every))


@asynccontextmanager
async def running(
    *arguments: str, log: Path, env: Mapping[str, str] | None = None, on: set[int] | None = None
) -> AsyncIterator[int]:
    """`python *arguments`, on these cores; yields its pid. Leaving the block ends or kills it."""
    with log.open("wb") as output:
        process = await asyncio.create_subprocess_exec(
            sys.executable, *arguments, env={**os.environ, **(env or {})}, stdout=output, stderr=output
        )
    if on:
        os.sched_setaffinity(process.pid, on)
    try:
        yield process.pid
    finally:
        if process.returncode is None:
            process.terminate()
            try:
                async with asyncio.timeout(STOP_SECONDS):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()
