"""Twenty calls a second for five seconds: all are answered, and nothing of them is left."""

import asyncio
import shutil
from pathlib import Path

from simulator.realtime import Say, ToneModel
from tests.e2e.installation import installation
from tests.peers.asterisk import Asterisk
from tests.peers.sip import STORM

CALLS, PER_SECOND = 100, 20


async def test_twenty_calls_a_second(own_asterisk: Asterisk, tmp_path: Path) -> None:
    sipp = shutil.which("sipp")
    assert sipp is not None
    model = ToneModel(forever=Say("Hello.", 1.0, 440))
    async with installation(own_asterisk, tmp_path, model, bridge={"workers": 2}) as running:
        process = await asyncio.create_subprocess_exec(
            sipp,
            *(running.sip, "-sf", str(STORM), "-i", "127.0.0.1", "-nostdin", "-s", "5001"),
            *("-m", str(CALLS), "-r", str(PER_SECOND), "-l", str(CALLS)),
            *("-key", "user", "4930123456", "-key", "format", "0", "-key", "codec", "PCMU", "-key", "rtp_port", "9"),
            *("-timeout", "40s", "-timeout_error", "-trace_err", "-error_file", str(tmp_path / "sipp.log")),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        _, complaint = await process.communicate()
        assert process.returncode == 0, complaint.decode()
        await running.nothing_left()
        ended = [line for line in running.service.lines if line["event"] == "call ended"]
        assert [line["outcome"] for line in ended] == ["answered"] * CALLS
        assert {line["by"] for line in ended} == {"caller"}
        assert all(session.closed for session in running.realtime.sessions)
