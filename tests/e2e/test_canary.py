"""The canary: a test call through the whole system, and its metrics."""

import re
from pathlib import Path

from simulator.realtime import Say, ToneModel
from tests.e2e.installation import Installation, installation
from tests.e2e.test_inbound import GREETING
from tests.peers.asterisk import Asterisk

TO = {"to": "5001@test-phones", "every_s": 3600, "wait_s": 10}


async def metrics(running: Installation) -> dict[str, float]:
    answer = await running.service.api.get("/metrics")
    found = re.findall(r"^(voiceai_canary_\S+) (\S+)$", answer.text, re.MULTILINE)
    return {name: float(value) for name, value in found}


async def test_an_agent_that_is_heard(asterisk: Asterisk, tmp_path: Path) -> None:
    async with installation(asterisk, tmp_path, ToneModel([GREETING]), more={"canary": TO}) as running:
        heard = await running.service.logged("canary heard the agent", 15)
        told = await metrics(running)
        assert (told["voiceai_canary_ok"], told['voiceai_canary_calls_total{result="heard"}']) == (1, 1)
        assert round(1000 * told["voiceai_canary_seconds"]) == heard["ms"]
        call = await running.ended(await running.call_id())
        assert (call["direction"], call["outcome"], call["caller"]) == ("inbound", "answered", "canary")
        assert "canary" not in asterisk.rx("core show channels")


async def test_an_agent_that_is_silent(asterisk: Asterisk, tmp_path: Path) -> None:
    mute, short = Say("Nobody hears this.", 3.0, 440), {**TO, "wait_s": 3}
    agent = {"greeting": None}
    async with installation(asterisk, tmp_path, ToneModel([mute]), agent=agent, more={"canary": short}) as running:
        failed = await running.service.logged("the canary call failed: callers may not hear an agent", 15)
        assert failed["result"] == "silent"
        told = await metrics(running)
        assert (told["voiceai_canary_ok"], told['voiceai_canary_calls_total{result="silent"}']) == (0, 1)
        await running.ended(await running.call_id())


async def test_an_extension_that_is_not_there(asterisk: Asterisk, tmp_path: Path) -> None:
    nowhere = {**TO, "to": "5001@nobody-wrote-it"}
    async with installation(asterisk, tmp_path, ToneModel(), more={"canary": nowhere}) as running:
        failed = await running.service.logged("the canary call failed: callers may not hear an agent", 15)
        assert failed["result"] in ("refused", "unreachable")
        assert (await metrics(running))["voiceai_canary_ok"] == 0
