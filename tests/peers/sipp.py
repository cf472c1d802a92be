"""Many short calls, of which nobody listens to the sound: one SIPp process."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.peers.sip import STORM

_FIELDS = ("SuccessfulCall(C)", "FailedCall(C)")


@dataclass
class Calls:
    """`done` and `failed`, once SIPp has ended."""

    process: asyncio.subprocess.Process
    done: int = 0
    failed: int = 0

    @property
    def running(self) -> bool:
        return self.process.returncode is None


@asynccontextmanager
async def short_calls(sip: str, folder: Path, calls: int, per_second: int, patience: float) -> AsyncIterator[Calls]:
    """Calls run while the block does. At its end all calls are over."""
    program = shutil.which("sipp")
    assert program is not None
    statistics = folder / "sipp.csv"
    process = await asyncio.create_subprocess_exec(
        program,
        *(sip, "-sf", str(STORM), "-i", "127.0.0.1", "-nostdin", "-s", "5001"),
        *("-m", str(calls), "-r", str(per_second), "-l", str(calls), "-recv_timeout", "20000"),
        *("-key", "user", "4930123456", "-key", "format", "0", "-key", "codec", "PCMU", "-key", "rtp_port", "9"),
        *("-timeout", f"{patience:.0f}s", "-trace_stat", "-stf", str(statistics), "-fd", "1"),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL,
        cwd=folder,
    )
    counted = Calls(process)
    try:
        yield counted
        async with asyncio.timeout(patience + 30):
            await process.wait()
        counted.done, counted.failed = _counted(statistics)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def _counted(statistics: Path) -> tuple[int, int]:
    names, *_, last = [line.rstrip(";").split(";") for line in statistics.read_text().splitlines()]
    values = dict(zip(names, last, strict=False))
    return int(values[_FIELDS[0]]), int(values[_FIELDS[1]])
