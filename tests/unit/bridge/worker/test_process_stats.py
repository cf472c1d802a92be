"""bridge.worker.process_stats: what the process takes, asked of the real system."""

import asyncio
import os
import sys

import pytest

from bridge.worker.process_stats import ProcessMeter


@pytest.mark.skipif(sys.platform != "linux", reason="others tell less")
async def test_what_this_process_takes() -> None:
    before = ProcessMeter().read()
    held = [os.open(os.devnull, os.O_RDONLY) for _ in range(20)]
    idle = asyncio.create_task(asyncio.sleep(60))
    try:
        after = ProcessMeter().read()
    finally:
        idle.cancel()
        for each in held:
            os.close(each)
    assert 1 << 20 < before.memory < 1 << 40
    assert (after.files - before.files, after.tasks - before.tasks) == (20, 1)
    assert 0 < before.cpu_s <= after.cpu_s


async def test_it_is_not_looked_at_with_every_beat() -> None:
    meter = ProcessMeter()
    assert meter.read() is meter.read()
