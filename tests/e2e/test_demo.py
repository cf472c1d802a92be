"""`voiceai demo` itself, as a newcomer runs it: it says ok, and the recording holds both sides of the call."""

import asyncio
import os
import re
import shutil
import sys
import wave
from pathlib import Path

import numpy as np
import pytest

from simulator.audio.sound import level
from tests.peers.asterisk import run

ROOT = Path(__file__).parents[2]


@pytest.mark.timeout(150)
async def test_demo_says_ok_and_leaves_a_recording() -> None:
    name = f"e2e-{os.getpid()}-demo"
    environment = {key: value for key, value in os.environ.items() if key not in ("OPENAI_API_KEY", "KEEP")}
    try:
        process = await asyncio.create_subprocess_exec(
            *(Path(sys.executable).with_name("voiceai"), "demo"),
            env={**environment, "ASTERISK_NAME": name},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        output = (await process.communicate())[0].decode()
        assert process.returncode == 0, output
        for told in ("Audio: 24kHz (chunk=960B", "opening hours", "interrupted after", "transferred: the colleague"):
            assert told in output
        ok = re.search(r"^demo: ok .* recording=(\S+)", output, re.MULTILINE)
        assert ok is not None, output
        with wave.open(ok[1]) as file:
            assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (2, 2, 8000)
            sides = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, 2)
        assert len(sides) > 20 * 8000
        assert all(level(sides[:, side]) > -40 for side in (0, 1))
    finally:
        await asyncio.to_thread(run, "--name", name, "remove")
        shutil.rmtree(ROOT / "var" / name, ignore_errors=True)
