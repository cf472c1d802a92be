"""A worker under the watchdog: killed when it stands still, started again, and ended with its watchdog."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from asyncio.subprocess import Process

import pytest

from bridge import contract
from bridge.worker.watchdog import Watchdog

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
        *(sys.executable, "-m", "bridge.worker.watchdog", "--controller", "ws://127.0.0.1:9/link", "--ports", "0"),
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


async def guard_of(*argv: str, **environment: str) -> Process:
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bridge.worker.watchdog", *argv),
        env={**os.environ, contract.TOKEN_ENV: "a-long-enough-token", "VOICEAI_LOG": "json", **environment},
        stderr=asyncio.subprocess.PIPE,
    )


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_in_the_pause_before_the_next_start_ends_the_guard(number: signal.Signals) -> None:
    guard = await guard_of("--no-such-option")
    assert guard.stderr is not None
    try:
        async with asyncio.timeout(PATIENCE):
            while b"started again" not in await guard.stderr.readline():
                pass
            guard.send_signal(number)  # nobody is there to pass it on to
            rest = await guard.stderr.read()
            assert await guard.wait() == 2  # as the worker ended
        assert b"usage" not in rest, "another worker was started"
    finally:
        if guard.returncode is None:
            guard.kill()
            await guard.wait()


def test_a_signal_while_a_worker_is_being_started_reaches_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The handler runs before the guard knows of the child."""
    guard = Watchdog(["--name", "early"], os.environ)

    def started(*_: object, **__: object) -> "subprocess.Popen[bytes]":
        child = subprocess_of([sys.executable, "-c", "import time; time.sleep(60)"])
        guard.stop()
        return child

    subprocess_of = subprocess.Popen
    monkeypatch.setattr(subprocess, "Popen", started)
    assert guard.run() == -signal.SIGTERM
    assert guard.run() == 0, "told to stop before: no worker is started"
