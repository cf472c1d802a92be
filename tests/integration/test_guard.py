"""A worker under guard: killed when it stands still, started again, and gone with its guard."""

import asyncio
import json
import os
import signal
import sys
from asyncio.subprocess import Process

import pytest

from bridge import contract

PATIENCE = 60.0


async def starts(guard: Process) -> int:
    """The process of the next worker that says that it has begun."""
    assert guard.stderr is not None
    pid = 0
    async with asyncio.timeout(PATIENCE):
        while line := await guard.stderr.readline():
            told = json.loads(line) if line.startswith(b"{") else {}
            if told.get("event") == "listening for AudioSocket":
                return pid
            if told.get("event") == "worker starts":
                pid = int(told["pid"])
    raise AssertionError("the guard has ended")


async def test_a_worker_that_stands_still_is_killed_and_the_next_one_begins() -> None:
    guard = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bridge.guard", "--controller", "ws://127.0.0.1:9/link", "--ports", "0"),
        *("--name", "guarded", "--drain", "0"),
        env={**os.environ, contract.TOKEN_ENV: "a-long-enough-token", "VOICEAI_LOG": "json"},
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        first = await starts(guard)
        os.kill(first, signal.SIGSTOP)
        second = await starts(guard)
        assert second != first
        guard.terminate()
        async with asyncio.timeout(PATIENCE):
            assert await guard.wait() == 0
        for pid in (first, second):
            with pytest.raises(ProcessLookupError):
                os.kill(pid, 0)  # one that outlived its guard would be there
    finally:
        if guard.returncode is None:
            guard.kill()
            await guard.wait()
