"""What this process uses of its machine: CPU, memory, open files, tasks.

Measured every few seconds, since it takes time. A figure that the system does not provide is 0.
"""

import asyncio
import os
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

EVERY = 5.0
"""Seconds for which figures are used again: listing 2,000 open files takes a millisecond of the sound's time."""

_SELF = Path("/proc/self")


@dataclass(frozen=True, slots=True)
class Effort:
    """`cpu_s`: since the process began; `memory`: resident bytes."""

    cpu_s: float
    memory: int
    files: int
    tasks: int


class ProcessMeter:
    def __init__(self) -> None:
        self._last: tuple[float, Effort] | None = None

    def read(self) -> Effort:
        """In a running event loop. At most `EVERY` seconds old."""
        now = time.monotonic()
        if self._last is None or now - self._last[0] >= EVERY:
            self._last = now, Effort(time.process_time(), _memory(), _files(), len(asyncio.all_tasks()))
        return self._last[1]


def _memory() -> int:
    with suppress(OSError, ValueError, IndexError):
        return int((_SELF / "statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    return 0


def _files() -> int:
    with suppress(OSError):
        return len(os.listdir(_SELF / "fd")) - 1  # the listing itself has one open
    return 0
