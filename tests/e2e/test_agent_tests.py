"""Tests of an agent by voice: a telephone calls through Asterisk, and what came of it is checked."""

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from simulator.realtime.spoken_model import SpokenModel
from tests.e2e.installation import installation
from tests.peers.asterisk import Asterisk

ROOT = Path(__file__).parents[2]
RECEPTION: dict[str, Any] = yaml.safe_load((ROOT / "config.yaml").read_text())["agents"]["reception"]
TESTS = {
    "hours-and-a-person": {
        "says": ["when are you open", "please connect me to a person"],
        "by_voice": {"noise_dbfs": -50, "silence_s": 0.2},
        "checks": [
            {"said": "nine to five"},
            {"transferred_to": "colleague"},
            {"tool_called": {"name": "transfer", "arguments": {"to": "colleague"}}},
            {"ended_by": "agent"},
            {"latency_ms": 8000},
        ],
    }
}


async def voiceai_test(running: Any, file: Path, asterisk: Asterisk) -> tuple[int | None, str]:
    key = running.service.api.headers["Authorization"].removeprefix("Bearer ")
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("voiceai"),
        *("test", "reception", "--voice", "--file", str(file), "--sip", running.sip),
        env={
            **os.environ,
            "VOICEAI_URL": running.service.url,
            "VOICEAI_API_TOKEN": key,
            "VOICEAI_TEST_SIP_PASSWORD": asterisk.settings["PHONE_PASSWORD"],
            "COLUMNS": "200",
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(90):
        output, _ = await process.communicate()
    return process.returncode, output.decode()


@pytest.mark.timeout(120)
async def test_by_voice_the_shipped_prompt_passes(asterisk: Asterisk, tmp_path: Path) -> None:
    file, model = tmp_path / "tests.yaml", SpokenModel()
    file.write_text(yaml.safe_dump({"tests": TESTS}))
    agent = {name: RECEPTION[name] for name in ("instructions", "greeting", "tools")}
    more = {
        "transfer": {
            "contexts": {"test-targets": {"extensions": ["6[0-9]{3}"]}},
            "targets": {"colleague": "6001@test-targets"},
        }
    }
    try:
        async with installation(asterisk, tmp_path, model, agent=agent, more=more) as running:
            status, told = await voiceai_test(running, file, asterisk)
            assert status == 0, told
            assert "1 of 1 passed" in told
    finally:
        model.close()
