"""A configuration that changes while people talk: begun calls keep their agent, the next ones have the new one."""

import os
import signal
from pathlib import Path
from typing import Any

import yaml

from simulator.realtime import Say, ToneModel
from tests.e2e.installation import Installation, installation
from tests.e2e.test_inbound import greeted
from tests.peers.asterisk import Asterisk

GREETING = Say("Hello.", 1.0, 440)


def edit(running: Installation, **agent: Any) -> None:
    path = running.folder / "config.yaml"
    config = yaml.safe_load(path.read_text())
    config["agents"]["reception"] |= agent
    path.write_text(yaml.safe_dump(config))


def prompts(running: Installation) -> list[str]:
    """Of the calls that are up, as the Realtime server has been told."""
    return sorted(each.config["instructions"] for each in running.realtime.sessions if not each.closed)


async def test_a_reload_is_for_the_next_call(asterisk: Asterisk, tmp_path: Path) -> None:
    def model() -> ToneModel:
        return ToneModel([GREETING])

    async with installation(asterisk, tmp_path, model) as running, running.caller() as first:
        await greeted(first, GREETING.seconds)
        edit(running, instructions="Be new.")
        os.kill(running.service.pid, signal.SIGHUP)
        await running.service.logged("the config file was read again", changed=["agents.reception"])
        async with running.caller() as second:
            await greeted(second, GREETING.seconds)
            assert prompts(running) == ["Be brief.", "Be new."]
            assert sorted([each["agent_version"] for each in await running.calls()]) == [1, 2]
            edit(running, instructions="Be wrong.", voise="x", speed=9)
            os.kill(running.service.pid, signal.SIGHUP)
            await running.service.logged("the config file has errors: nothing was changed", errors=2)
            async with running.caller() as third:
                await greeted(third, GREETING.seconds)
                assert prompts(running) == ["Be brief.", "Be new.", "Be new."]
                await third.hang_up()
            await second.hang_up()
        await first.hang_up()
