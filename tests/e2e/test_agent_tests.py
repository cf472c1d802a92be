"""Tests of an agent by voice: a telephone calls through Asterisk, and what came of it is checked."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from simulator.chat.server import ChatServer
from simulator.realtime.spoken_model import SpokenModel
from tests.e2e.installation import Installation, installation
from tests.peers.asterisk import Asterisk

ROOT = Path(__file__).parents[2]
RECEPTION: dict[str, Any] = yaml.safe_load((ROOT / "config.yaml").read_text())["agents"]["reception"]
PHRASE = "when are you open"
TESTS: dict[str, Any] = {
    "interrupts": {
        "says": [{"text": PHRASE, "wav": "open.wav"}, "please connect me to a person"],
        "by_voice": {"noise_dbfs": -50, "silence_s": 0.2, "interrupt_after_s": 1.5},
        "checks": [
            {"said": "the office is"},
            {"not_said": "Friday"},
            {"transferred_to": "colleague"},
            {"tool_called": {"name": "transfer", "arguments": {"to": "colleague"}}},
            {"ended_by": "agent"},
            {"latency_ms": 8000},
        ],
    },
    "simulated": {
        "caller": {"goal": "Find out when the office is open"},
        "checks": [
            {"said": {"question": "Does the agent say that the office is open from nine to five?"}},
            {"language": "English"},
            {"tool_not_called": "transfer"},
        ],
    },
}


async def voiceai_test(running: Any, asterisk: Asterisk, *options: str) -> tuple[int | None, str]:
    key = running.service.api.headers["Authorization"].removeprefix("Bearer ")
    process = await asyncio.create_subprocess_exec(
        Path(sys.executable).with_name("voiceai"),
        *("test", "reception", *options, "--voice", "--sip", running.sip),
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


async def break_the_prompt(running: Installation, agent: dict[str, Any]) -> None:
    """The next call has other hours."""
    broken = {**agent, "instructions": agent["instructions"].replace("nine to five", "ten to four")}
    path, any_of_them = "/v1/resources/agents/reception", {"If-Match": "*"}
    put = await running.service.api.put(f"{path}/draft", json={"content": broken}, headers=any_of_them)
    tag = {"If-Match": put.raise_for_status().headers["ETag"]}
    (await running.service.api.post(f"{path}/publish", json={}, headers=tag)).raise_for_status()


@pytest.mark.timeout(180)
async def test_by_voice_the_shipped_prompt_passes_and_a_broken_one_fails(asterisk: Asterisk, tmp_path: Path) -> None:
    (tmp_path / "open.wav").write_bytes(await espeak(PHRASE))
    file, model = tmp_path / "tests.yaml", SpokenModel()
    file.write_text(yaml.safe_dump({"tests": TESTS}))
    agent = {name: RECEPTION[name] for name in ("instructions", "greeting", "tools")}
    async with ChatServer() as chat:
        plays = {"url": chat.url, "api_key": chat.api_key, "model": "gpt-stand-in"}
        more = {
            "resources": {"source": "store"},
            "agent_tests": {"caller": plays, "judge": plays},
            "transfer": {
                "contexts": {"test-targets": {"extensions": ["6[0-9]{3}"]}},
                "targets": {"colleague": "6001@test-targets"},
            },
        }
        try:
            async with installation(asterisk, tmp_path, model, agent=agent, more=more) as running:
                status, told = await voiceai_test(running, asterisk, "interrupts", "--file", str(file))
                assert status == 0, told
                assert "1 of 1 passed" in told
                call = await running.api("GET", f"/v1/calls/{(await running.only_call())['id']}")
                assert len(call["barge_ins"]) == 1
                await break_the_prompt(running, agent)
                options = ("simulated", "--file", str(file), "--config", str(tmp_path / "config.yaml"), "--json")
                status, told = await voiceai_test(running, asterisk, *options)
                assert status == 3, told
                run = json.loads(told)
                assert [each["passed"] for each in run["verdicts"]] == [False, True, True], told
                assert run["error"] is None
        finally:
            model.close()


async def espeak(text: str) -> bytes:
    process = await asyncio.create_subprocess_exec(
        *("espeak-ng", "-v", "en-us", "-s", "150", "--stdout", text), stdout=asyncio.subprocess.PIPE
    )
    return (await process.communicate())[0]
