"""The wheel in an environment of its own, with a real Asterisk: one call."""

from pathlib import Path

import pytest

from simulator.audio.sound import is_tone, tone
from simulator.realtime import Say, ToneModel
from tests.e2e.installation import installation
from tests.peers import distribution
from tests.peers.asterisk import Asterisk


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return distribution.environment(distribution.build(tmp_path_factory.mktemp("distribution")))


def arguments_of(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/cmdline").read_text().split("\0")


async def test_a_call_with_nothing_but_the_wheel(asterisk: Asterisk, environment: Path, tmp_path: Path) -> None:
    model, program = ToneModel([Say("Hello.", 0.6, 440), Say("Indeed.", 0.6, 880)]), environment / "bin/voiceai"
    home = tmp_path / "home"
    home.mkdir()
    async with installation(asterisk, tmp_path, model, home=home, program=program) as running:
        worker = await running.service.logged("worker started")
        command = arguments_of(int(worker["pid"]))
        assert command[:3] == [str(environment / "bin/python"), "-m", "bridge.worker"]
        async with running.caller() as phone:
            await phone.answered()
            await phone.rtp.hears(lambda samples: is_tone(samples, 440))
            await phone.rtp.quiet(0.5)
            phone.rtp.say(tone(0.6, 620))
            await phone.rtp.hears(lambda samples: is_tone(samples, 880))
            await phone.hang_up()
        assert (await running.ended(await running.call_id()))["outcome"] == "answered"
