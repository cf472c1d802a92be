"""What operators see of a real call: neither log nor bundle holds a word or a number of anybody."""

import asyncio
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

from simulator.audio.sound import tone
from simulator.realtime import CallTool, Say, ToneModel
from tests.e2e.installation import Installation, installation
from tests.e2e.test_inbound import greeted
from tests.peers.asterisk import Asterisk

TARGET = "+4930555123"
GREETED, HEARD, REPLIED = "Zebrafink", "Xylophonbauer", "Quittenmus"
PERSONAL = (TARGET, TARGET[3:], GREETED, HEARD, REPLIED, "4930123456")

QUIET = {"VOICEAI_LOG_PII": "", "VOICEAI_LOG": "debug"}
"""Everything is told but what is personal, as it is unless somebody wants it otherwise."""

STORY = ["call arrived", "session asked for", "session ready", "audio", "said", "turn", "tool called", "call ended"]


async def test_a_log_and_a_bundle_without_words_and_numbers(asterisk: Asterisk, tmp_path: Path) -> None:
    reply = Say(f"I am connecting you, {REPLIED}.", 0.6, 880), CallTool("transfer", {"to": TARGET})
    model = ToneModel([Say(f"Hello, {GREETED}.", 0.8, 440), reply, Say("Sorry.", 0.4, 440)], words=[HEARD])
    heard = {"transcription": {"model": "gpt-transcribe"}}
    async with (
        installation(asterisk, tmp_path, model, agent=heard, environment=QUIET) as running,
        running.refusing("486 Busy Here") as target,
    ):
        async with running.caller() as phone:
            await greeted(phone, 0.8)
            phone.rtp.say(tone(0.6, 620))
            await target.wait("refused", timeout=15)
            call = await running.call_id()
            await running.service.logged("said", call=call, who="caller")
            await running.service.logged("tool answered", call=call)
            await phone.hang_up()
            await running.ended(call)
        assert HEARD in str(await running.api("GET", f"/v1/calls/{call}")), "it was understood, so it could leak"
        assert_log(running, call)
        await assert_bundle(running, call, tmp_path / "call.zip")


def assert_log(running: Installation, call: str) -> None:
    text = "\n".join(json.dumps(line, ensure_ascii=False) for line in running.service.lines)
    assert not [word for word in PERSONAL if word in text]
    lines = [line for line in running.service.lines if line.get("call") == call]
    told = [str(line["event"]) for line in lines]
    assert [each for each in dict.fromkeys(told) if each in STORY] == STORY
    states = [line for line in lines if line["event"] == "call state"]
    assert len({(line["before"], line["state"], line["timestamp"]) for line in states}) == len(states)
    assert [line["before"] for line in states[1:]] == [line["state"] for line in states[:-1]], "one line per change"
    assert states[-1]["state"] == "ended"


async def assert_bundle(running: Installation, call: str, into: Path) -> None:
    api = running.service.api
    token = api.headers["Authorization"].removeprefix("Bearer ")
    command = (
        sys.executable,
        "-m",
        "controller.cli",
        "doctor",
        "--call",
        call,
        "-o",
        str(into),
        "--url",
        str(api.base_url),
    )
    process = await asyncio.create_subprocess_exec(
        *command, stdout=subprocess.PIPE, env={**os.environ, "VOICEAI_API_TOKEN": token}
    )
    out, _ = await process.communicate()
    assert process.returncode == 0
    assert "The transfer (blind) failed" in out.decode()
    with zipfile.ZipFile(into) as packed:
        summary, trace = (packed.read(name).decode() for name in ("summary.md", "trace.json"))
    assert not [word for word in PERSONAL if word in summary + trace]
    steps = json.loads(trace)["steps"]
    told = {(step["side"], step["what"]) for step in steps}
    assert {("asterisk", "StasisStart"), ("asterisk", "ChannelDestroyed"), ("call", "OpenMedia")} <= told
    assert {("worker", "media_connected"), ("worker", "said"), ("call", "ToolTimed")} <= told
    assert {("ai", "← line up"), ("ai", "← SpeechStarted"), ("ai", "← AudioDelta"), ("ai", "→ response.create")} <= told
    assert [step["at"] for step in steps] == sorted(step["at"] for step in steps)
